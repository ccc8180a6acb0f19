//===----------------------------------------------------------------------===//
//
// This source file is part of the Glueberry open source project
//
// Copyright (c) 2026 the Glueberry project authors
// Licensed under Apache License v2.0
//
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

import LibP2P
import NIOCore
import NIOPosix

/// The unix connection that carries a control request, or after it a libp2p stream of p2pd.
final class ByteStream: Sendable {
    /// Nothing on this machine takes longer unless it hangs.
    static let patience = TimeAmount.seconds(60)

    private let channel: any Channel
    private let handler: NIOLoopBound<ByteStreamHandler>

    private init(channel: any Channel, handler: NIOLoopBound<ByteStreamHandler>) {
        self.channel = channel
        self.handler = handler
    }

    /// Connects to the unix socket at a path.
    static func connect(to path: String) async throws -> ByteStream {
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(10))
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readSize))
        return try await bootstrap.connect(unixDomainSocketPath: path).flatMapThrowing { channel in
            try attach(to: channel) { _ in }
        }.outcome()
    }

    /// Accepts connections at a path; `accept` gets each as soon as it is there.
    static func listen(
        at path: String,
        accept: @escaping @Sendable (ByteStream) -> Void
    ) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 4096)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readSize))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { _ = try attach(to: channel, whenActive: accept) }
            }
            .bind(unixDomainSocketPath: path).outcome()
    }

    /// At least one byte, or nil at the end.
    func read(upTo maximum: Int = .max) async throws -> ByteBuffer? {
        try await read(minimum: 1, maximum: maximum)
    }

    /// Exactly so many bytes, or nil at the end when not one came before it.
    func read(exactly count: Int) async throws -> ByteBuffer? {
        count == 0 ? ByteBuffer() : try await read(minimum: count, maximum: count)
    }

    /// A protobuf message with its length before it.
    func readMessage(limit: Int = 1 << 20) async throws -> [UInt8] {
        var length = 0
        for index in 0..<4 {
            guard let byte = try await read(exactly: 1)?.readableBytesView.first else {
                throw ByteStreamError.endedEarly
            }
            length |= Int(byte & 0x7f) << (7 * index)
            if byte < 0x80 {
                break
            }
        }
        guard length <= limit, let message = try await read(exactly: length) else {
            throw ByteStreamError.endedEarly
        }
        return Array(message.readableBytesView)
    }

    /// Returns when the socket has taken the bytes.
    func write(_ bytes: ByteBuffer) async throws {
        let channel = channel
        try await withTaskCancellationHandler {
            try await channel.writeAndFlush(bytes).outcome()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    /// Ends writing.
    ///
    /// p2pd has no half-close: it finishes the stream towards the remote and stops reading from it.
    func finish() async {
        try? await channel.close(mode: .output).outcome()
    }

    /// Closes the connection at once.
    ///
    /// When bytes from the remote are still unread in it, p2pd resets the stream.
    func close() async {
        try? await channel.close().outcome()
    }

    private static let readSize = 16 * 1024

    /// Adds the handler to a new channel.
    private static func attach(
        to channel: any Channel,
        whenActive accept: @escaping @Sendable (ByteStream) -> Void
    ) throws -> ByteStream {
        let loop = channel.eventLoop
        let handler = ByteStreamHandler { [weak channel] in
            guard let channel, let handler = try? channel.pipeline.syncOperations.handler(type: ByteStreamHandler.self)
            else {
                return
            }
            accept(ByteStream(channel: channel, handler: NIOLoopBound(handler, eventLoop: loop)))
        }
        try channel.pipeline.syncOperations.addHandler(handler)
        return ByteStream(channel: channel, handler: NIOLoopBound(handler, eventLoop: loop))
    }

    private func read(minimum: Int, maximum: Int) async throws -> ByteBuffer? {
        let channel = channel
        let handler = handler
        return try await withTaskCancellationHandler {
            try await channel.eventLoop.flatSubmit {
                let loop = channel.eventLoop
                return handler.value.read(minimum: minimum, maximum: maximum, within: Self.patience, on: loop)
            }.outcome()
        } onCancel: {
            channel.close(promise: nil)
        }
    }
}
