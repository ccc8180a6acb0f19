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

import PeerIdentity
import SwiftProtobuf

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The handshake payload of libp2p, which proves that the owner of an identity key holds the static Noise key.
///
/// Follows the libp2p specification "noise", section "The libp2p Handshake Payload".
struct NoiseIdentityPayload: Sendable {
    /// The longest payload that is taken, in bytes: several times what the largest keys need.
    static let maximumLength = 4096

    /// A longer list of muxers is not looked at, which is the limit of other implementations too.
    static let maximumMuxers = 100

    private static let signatureDomain = "noise-libp2p-static-key:"

    /// The identity key of the sender.
    let publicKey: PublicKey

    /// The peer ID of that key.
    let peer: PeerID

    /// The muxers that the sender speaks, in the order of its preference; empty if it does not say.
    let muxers: [String]

    /// Makes the payload of our own identity.
    static func make(identity: Identity, staticKey: [UInt8], muxers: [String]) throws(NoiseError) -> [UInt8] {
        var payload = NoiseHandshakePayload()
        payload.identityKey = Data(identity.publicKey.protobuf)
        do throws(IdentityError) {
            payload.identitySig = Data(try identity.sign(self.signedBytes(staticKey)))
        } catch {
            throw NoiseError(.signingFailed, "our identity did not sign our static key", cause: error)
        }
        if !muxers.isEmpty {
            payload.extensions.streamMuxers = muxers
        }
        let bytes: [UInt8]
        do {
            bytes = try payload.serializedBytes()
        } catch {
            throw NoiseError(.malformedPayload, "our own payload could not be encoded", cause: error)
        }
        guard bytes.count <= self.maximumLength else {
            throw NoiseError(.malformedPayload, "our own payload has \(bytes.count) bytes, more than peers take")
        }
        return bytes
    }

    /// Reads the payload of the peer and checks every claim in it.
    ///
    /// The type of the key is looked at before any arithmetic is done with it. That the peer is another one than
    /// expected is said only when the other one has proved to be there.
    init(_ bytes: [UInt8], staticKey: [UInt8], expectedPeer: PeerID?) throws(NoiseError) {
        let payload: NoiseHandshakePayload
        do {
            payload = try NoiseHandshakePayload(serializedBytes: bytes)
        } catch {
            throw NoiseError(.malformedPayload, "the handshake payload is no protobuf message", cause: error)
        }
        guard payload.hasIdentityKey, payload.hasIdentitySig else {
            throw NoiseError(.malformedPayload, "the handshake payload lacks the identity key or its signature")
        }

        let publicKey: PublicKey
        do throws(IdentityError) {
            publicKey = try PublicKey(protobuf: Array(payload.identityKey))
        } catch {
            throw NoiseError(.malformedPayload, "the identity key of the peer is malformed", cause: error)
        }
        guard publicKey.type == .ed25519 else {
            throw NoiseError(.unsupportedIdentityKey, "the identity key of the peer is of type \(publicKey.type)")
        }

        let isValid: Bool
        do throws(IdentityError) {
            isValid = try publicKey.isValidSignature(
                Array(payload.identitySig),
                for: Self.signedBytes(staticKey)
            )
        } catch {
            throw NoiseError(.invalidSignature, "the signature of the static key cannot be checked", cause: error)
        }
        guard isValid else {
            throw NoiseError(.invalidSignature, "the identity key of the peer did not sign its static key")
        }

        let peer = PeerID(publicKey: publicKey)
        if let expectedPeer, expectedPeer != peer {
            throw NoiseError(.unexpectedPeer, "expected the peer \(expectedPeer), but it is \(peer)")
        }

        let muxers = payload.extensions.streamMuxers
        self.publicKey = publicKey
        self.peer = peer
        self.muxers = muxers.count <= Self.maximumMuxers ? muxers : []
    }

    /// The muxer agreed on: the first of the initiator's list that the responder speaks too.
    ///
    /// Follows the libp2p specification "Stream multiplexer negotiation in security handshake". Where nothing matches
    /// the muxer is left to multistream-select, as a peer that sends no list at all requires.
    static func commonMuxer(initiator: [String], responder: [String]) -> String? {
        initiator.first(where: responder.contains)
    }

    private static func signedBytes(_ staticKey: [UInt8]) -> [UInt8] {
        Array(self.signatureDomain.utf8) + staticKey
    }
}
