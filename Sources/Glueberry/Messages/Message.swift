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

public import NIOCore
public import PeerIdentity

/// A message that a peer sent.
public struct Message: Sendable {
    /// Who sent it, proved by the secured connection.
    public let peer: PeerID
    /// The name of the stream that it came on.
    public let stream: String
    /// What was sent.
    public let payload: ByteBuffer
    /// The number of the session that it belongs to; it grows with every new session of a peer.
    public let session: UInt64

    /// Creates a message.
    public init(peer: PeerID, stream: String, payload: ByteBuffer, session: UInt64) {
        self.peer = peer
        self.stream = stream
        self.payload = payload
        self.session = session
    }

    /// The payload as an array.
    public var bytes: [UInt8] { Array(self.payload.readableBytesView) }
}
