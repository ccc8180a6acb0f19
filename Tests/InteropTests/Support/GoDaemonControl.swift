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

/// The control socket of a Go daemon: one connection and one length-delimited protobuf for each request.
final class GoDaemonControl: Sendable {
    private enum RequestType: UInt64 {
        case identify = 0
        case connect = 1
        case openStream = 2
        case handleStreams = 3
        case listPeers = 5
        case disconnect = 7
    }

    private struct Listeners {
        var count = 0
        var channels: [any Channel] = []
    }

    private let directory: TemporaryDirectory
    private let listeners = Locked(Listeners())

    init(directory: TemporaryDirectory) {
        self.directory = directory
    }

    /// The path of the control socket.
    var socketPath: String { directory.file("control.sock") }

    /// The daemon's peer ID and the addresses that it listens on, as bytes.
    func identify() async throws -> (peerID: [UInt8], addresses: [[UInt8]]) {
        let fields = try await request(.identify) { _ in }
        let identify = try ProtobufFields(fields.bytes(4) ?? [])
        guard let peerID = identify.bytes(1) else {
            throw GoDaemonError("an identify response without a peer ID")
        }
        return (peerID, identify.values[2] ?? [])
    }

    /// Returns when the daemon is connected to the peer and knows what it speaks.
    func connect(to peerID: [UInt8], addresses: [[UInt8]]) async throws {
        _ = try await request(.connect) { request in
            request.message(2) { connect in
                connect.value(1, peerID)
                for address in addresses {
                    connect.value(2, address)
                }
                connect.varint(3, 20)
            }
        }
    }

    /// Closes every connection to the peer.
    func disconnect(from peerID: [UInt8]) async throws {
        _ = try await request(.disconnect) { $0.message(7) { $0.value(1, peerID) } }
    }

    /// The peers that the daemon is connected to.
    func connectedPeers() async throws -> [[UInt8]] {
        try await request(.listPeers) { _ in }.values[6, default: []].compactMap { try ProtobufFields($0).bytes(1) }
    }

    /// Opens a stream for the first of the protocols that the peer takes.
    func openStream(to peerID: [UInt8], protocols: [String]) async throws -> GoDaemonStream {
        let (connection, fields) = try await exchange(.openStream) { request in
            request.message(3) { open in
                open.value(1, peerID)
                for name in protocols {
                    open.value(2, Array(name.utf8))
                }
                open.varint(3, 20)
            }
        }
        return try GoDaemonStream(information: fields.bytes(3) ?? [], bytes: connection)
    }

    /// Takes the incoming streams of a protocol.
    func streams(of protocolID: String) async throws -> IncomingGoDaemonStreams {
        let number = listeners.withLock { listeners in
            listeners.count += 1
            return listeners.count
        }
        let path = directory.file("\(number).sock")
        let (connections, continuation) = AsyncStream.makeStream(of: ByteStream.self)
        let channel = try await ByteStream.listen(at: path) { continuation.yield($0) }
        channel.closeFuture.whenComplete { _ in continuation.finish() }
        listeners.withLock { $0.channels.append(channel) }
        // The multiaddress /unix/PATH: code 400 as a varint, then the length and the path.
        let address = [0x90, 0x03, UInt8(truncatingIfNeeded: path.utf8.count)] + Array(path.utf8)
        _ = try await request(.handleStreams) { request in
            request.message(4) { handler in
                handler.value(1, address)
                handler.value(2, Array(protocolID.utf8))
                handler.varint(3, 0)
            }
        }
        return IncomingGoDaemonStreams(connections: connections)
    }

    /// Closes the sockets of the handlers.
    func close() async {
        let channels = listeners.withLock { listeners in
            defer { listeners.channels = [] }
            return listeners.channels
        }
        for channel in channels {
            try? await channel.close().outcome()
        }
    }

    private func request(
        _ type: RequestType,
        _ build: (inout ProtobufWriter) -> Void
    ) async throws -> ProtobufFields {
        let (connection, fields) = try await exchange(type, build)
        await connection.close()
        return fields
    }

    private func exchange(
        _ type: RequestType,
        _ build: (inout ProtobufWriter) -> Void
    ) async throws -> (ByteStream, ProtobufFields) {
        var writer = ProtobufWriter()
        writer.varint(1, type.rawValue)
        build(&writer)
        let connection = try await ByteStream.connect(to: socketPath)
        do {
            try await connection.write(ByteBuffer(bytes: writer.delimited))
            let fields = try await ProtobufFields(connection.readMessage())
            guard fields.number(1) == 0 else {
                let message = try ProtobufFields(fields.bytes(2) ?? []).text(1)
                throw GoDaemonError(message ?? "an error without a message")
            }
            return (connection, fields)
        } catch {
            await connection.close()
            throw error
        }
    }
}

/// What a Go daemon answered, or why it did not start.
struct GoDaemonError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
