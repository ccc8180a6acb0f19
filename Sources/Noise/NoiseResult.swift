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

public import PeerIdentity

/// What a finished handshake has established.
public struct NoiseResult: Sendable {
    /// The peer at the other end, which has proved to hold the key of this peer ID.
    public let remotePeer: PeerID

    /// The identity key of the peer.
    public let remotePublicKey: PublicKey

    /// The stream muxer that both sides named in the handshake: the first of the initiator's that the responder speaks.
    ///
    /// Nil if there is none; multistream-select then decides on the muxer.
    public let muxer: String?

    /// The hash of the whole handshake, 32 bytes, the same at both ends and at no other connection: a channel binding.
    public let handshakeHash: [UInt8]

    /// The secured connection.
    public var transport: NoiseTransport
}
