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

import NIOCore

/// A libp2p stream of a Go daemon.
struct GoDaemonStream: Sendable {
    /// The other side's peer ID, as a multihash.
    var remotePeer: [UInt8]
    var protocolID: String
    var bytes: ByteStream
}

/// The incoming streams of one protocol, in the order in which the daemon connected them.
struct IncomingGoDaemonStreams: AsyncSequence, Sendable {
    typealias Element = GoDaemonStream

    let connections: AsyncStream<ByteStream>

    struct AsyncIterator: AsyncIteratorProtocol {
        var connections: AsyncStream<ByteStream>.Iterator

        mutating func next() async throws -> GoDaemonStream? {
            guard let connection = await connections.next() else {
                return nil
            }
            return try await GoDaemonStream(information: connection.readMessage(), bytes: connection)
        }
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(connections: connections.makeAsyncIterator())
    }
}

extension GoDaemonStream {
    /// Reads the daemon's StreamInfo message.
    init(information: [UInt8], bytes: ByteStream) throws {
        let fields = try ProtobufFields(information)
        guard let remotePeer = fields.bytes(1), let protocolID = fields.text(3) else {
            throw GoDaemonError("a StreamInfo without peer or protocol")
        }
        self.init(remotePeer: remotePeer, protocolID: protocolID, bytes: bytes)
    }
}
