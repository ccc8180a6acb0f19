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

import Dispatch
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How fast bytes go over the loopback interface of this machine, with nothing built around them.
enum LoopbackLimit {
    private static let duration = Duration.seconds(1)
    private static let piece = 64 * 1024

    /// Bytes per second through a plain TCP connection with blocking calls, from one thread to another.
    static func plain() async throws -> Double {
        let (sender, receiver) = try Self.connectedPair()
        return await withCheckedContinuation { continuation in
            DispatchQueue(label: "glueberry.loopback.sender").async {
                let bytes = [UInt8](repeating: 7, count: Self.piece)
                let end = ContinuousClock.now + Self.duration
                while ContinuousClock.now < end, Descriptor.writeAll(bytes, to: sender) {}
                _ = close(sender)
            }
            DispatchQueue(label: "glueberry.loopback.receiver").async {
                var bytes = [UInt8](repeating: 0, count: Self.piece)
                var total = 0
                let begin = ContinuousClock.now
                while true {
                    let count = bytes.withUnsafeMutableBytes { Descriptor.readSome($0, from: receiver) }
                    guard count > 0 else { break }
                    total += count
                }
                _ = close(receiver)
                continuation.resume(returning: Double(total) / (ContinuousClock.now - begin).inSeconds)
            }
        }
    }

    /// The nanoseconds of round trips of one byte through a plain TCP connection with blocking calls, between two threads.
    static func roundTrips(_ count: Int) async throws -> [Int64] {
        let (near, far) = try Self.connectedPair()
        DispatchQueue(label: "glueberry.loopback.echo").async {
            var byte: [UInt8] = [0]
            while byte.withUnsafeMutableBytes({ Descriptor.readSome($0, from: far) }) == 1,
                Descriptor.writeAll(byte, to: far)
            {}
            _ = close(far)
        }
        return await withCheckedContinuation { continuation in
            DispatchQueue(label: "glueberry.loopback.round-trips").async {
                var byte: [UInt8] = [0]
                var samples: [Int64] = []
                for _ in 0..<count {
                    let begin = ContinuousClock.now
                    guard Descriptor.writeAll(byte, to: near),
                        byte.withUnsafeMutableBytes({ Descriptor.readSome($0, from: near) }) == 1
                    else { break }
                    let (seconds, attoseconds) = (ContinuousClock.now - begin).components
                    samples.append(seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000)
                }
                _ = close(near)
                continuation.resume(returning: samples)
            }
        }
    }

    /// Bytes per second through two bare channels of SwiftNIO, each on its own event loop.
    static func channels() async throws -> Double {
        try await Self.measure(Double.self) {
            Counter($0)
        } client: { _ in
            Writer(Self.piece, for: Self.duration)
        }
    }

    /// The nanoseconds of round trips of one byte through two bare channels of SwiftNIO, each on its own event loop.
    static func channelRoundTrips(_ count: Int) async throws -> [Int64] {
        try await Self.measure([Int64].self) { _ in
            Echo()
        } client: {
            RoundTrips(count, $0)
        }
    }

    /// What the handler of one of two connected channels finds.
    private static func measure<Value: Sendable>(
        _: Value.Type,
        server: @escaping @Sendable (EventLoopPromise<Value>) -> some ChannelHandler,
        client: @escaping @Sendable (EventLoopPromise<Value>) -> some ChannelHandler
    ) async throws -> Value {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let found = group.next().makePromise(of: Value.self)
        do {
            let listener = try await ServerBootstrap(group: group)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(server(found))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            let dialer = try await ClientBootstrap(group: group)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(client(found))
                    }
                }
                .connect(to: listener.localAddress ?? SocketAddress(ipAddress: "127.0.0.1", port: 0)).get()
            let value = try await found.futureResult.get()
            try? await dialer.close()
            try? await listener.close()
            try await group.shutdownGracefully()
            return value
        } catch {
            found.fail(error)
            // It closes the channels that are open.
            try await group.shutdownGracefully()
            throw error
        }
    }

    /// Sends back what comes.
    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }

        func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
    }

    /// Sends a byte whenever one comes, and notes how long it was under way.
    private final class RoundTrips: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let count: Int
        private let found: EventLoopPromise<[Int64]>
        private let byte = ByteBuffer(bytes: [0])
        private var samples: [Int64] = []
        private var begin = ContinuousClock.now

        init(_ count: Int, _ found: EventLoopPromise<[Int64]>) {
            self.count = count
            self.found = found
        }

        func channelActive(context: ChannelHandlerContext) { self.send(context) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let (seconds, attoseconds) = (ContinuousClock.now - self.begin).components
            self.samples.append(seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000)
            if self.samples.count < self.count { self.send(context) } else { context.close(promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { self.found.succeed(self.samples) }

        private func send(_ context: ChannelHandlerContext) {
            self.begin = .now
            context.writeAndFlush(self.wrapOutboundOut(self.byte), promise: nil)
        }
    }

    /// Writes as fast as the socket takes it.
    private final class Writer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let bytes: ByteBuffer
        private let duration: Duration
        private var end = ContinuousClock.now

        init(_ size: Int, for duration: Duration) {
            self.bytes = ByteBuffer(repeating: 7, count: size)
            self.duration = duration
        }

        func channelActive(context: ChannelHandlerContext) {
            self.end = .now + self.duration
            self.write(context)
        }

        func channelWritabilityChanged(context: ChannelHandlerContext) { self.write(context) }

        private func write(_ context: ChannelHandlerContext) {
            while context.channel.isWritable {
                guard ContinuousClock.now < self.end else {
                    context.close(promise: nil)
                    return
                }
                context.writeAndFlush(self.wrapOutboundOut(self.bytes), promise: nil)
            }
        }
    }

    /// Counts what comes.
    private final class Counter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let rate: EventLoopPromise<Double>
        private var total = 0
        private var begin = ContinuousClock.now

        init(_ rate: EventLoopPromise<Double>) { self.rate = rate }

        func channelActive(context: ChannelHandlerContext) { self.begin = .now }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.total += self.unwrapInboundIn(data).readableBytes
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.rate.succeed(Double(self.total) / (ContinuousClock.now - self.begin).inSeconds)
        }
    }

    private static func connectedPair() throws -> (sender: Int32, receiver: Int32) {
        #if canImport(Glibc)
        let kind = Int32(SOCK_STREAM.rawValue)
        #else
        let kind = SOCK_STREAM
        #endif
        func failure() -> CommandFailure { CommandFailure("no loopback connection: \(SystemError.describe(errno))") }
        let listener = socket(AF_INET, kind, 0)
        guard listener >= 0 else { throw failure() }
        defer { _ = close(listener) }
        // A sockaddr_in of 127.0.0.1 with any port, as bytes: its fields are not the same everywhere.
        var address: [UInt8] = [0, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
        #if canImport(Darwin)
        (address[0], address[1]) = (16, UInt8(AF_INET))
        #else
        withUnsafeBytes(of: UInt16(AF_INET)) { address.replaceSubrange(0..<2, with: $0) }
        #endif
        var length = socklen_t(address.count)
        let isListening = address.withUnsafeMutableBytes { bytes -> Bool in
            guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
            return bind(listener, address, length) == 0 && listen(listener, 1) == 0
                && getsockname(listener, address, &length) == 0
        }
        guard isListening else { throw failure() }
        let sender = socket(AF_INET, kind, 0)
        guard sender >= 0 else { throw failure() }
        let isConnected = address.withUnsafeBytes { bytes -> Bool in
            guard let address = bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return false }
            return connect(sender, address, length) == 0
        }
        let receiver = isConnected ? accept(listener, nil, nil) : -1
        guard receiver >= 0 else {
            let failure = failure()
            _ = close(sender)
            throw failure
        }
        var isSet: CInt = 1
        for end in [sender, receiver] {
            _ = setsockopt(end, Int32(IPPROTO_TCP), TCP_NODELAY, &isSet, socklen_t(MemoryLayout<CInt>.size))
        }
        return (sender, receiver)
    }
}
