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

public import Multiformats
import SwiftProtobuf

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The addresses that a peer vouches for (`RFC/0003-routing-records.md`).
public struct PeerRecord: Hashable, Sendable {
    /// The purpose that records are signed for.
    public static let domain = "libp2p-peer-record"
    /// The type of a record in a ``SignedEnvelope``.
    public static let payloadType: [UInt8] = [0x03, 0x01]
    /// The greatest number of addresses that are kept of a record that was received, the first ones.
    public static let maximumAddresses = 64
    /// The greatest number of addresses, well-formed or not, in a record that is accepted.
    public static let maximumAddressEntries = 512

    /// The peer that the record speaks of.
    public let peerID: PeerID
    /// Grows with each record that the peer makes; the greatest is the newest.
    ///
    /// It is not to be taken for a time.
    public let sequence: UInt64
    /// Where the peer may be reached.
    public let addresses: [Multiaddr]

    /// Makes a record of its parts.
    public init(peerID: PeerID, sequence: UInt64, addresses: [Multiaddr]) {
        self.peerID = peerID
        self.sequence = sequence
        self.addresses = addresses
    }

    /// Reads an encoded `PeerRecord` message that takes all of `bytes`.
    ///
    /// Addresses that are malformed or of unknown protocols are skipped, and at most ``maximumAddresses`` are kept.
    ///
    /// - Throws: ``IdentityError`` with the code `malformedRecord`, or `malformedPeerID` for the peer ID in it.
    public init(protobuf bytes: some Collection<UInt8>) throws(IdentityError) {
        let encoded = [UInt8](bytes.prefix(SignedEnvelope.maximumLength + 1))
        guard encoded.count <= SignedEnvelope.maximumLength else {
            throw IdentityError(.malformedRecord, "peer record is longer than \(SignedEnvelope.maximumLength) bytes")
        }
        let message: ProtoPeerRecord
        do {
            message = try ProtoPeerRecord(serializedBytes: encoded)
        } catch {
            throw IdentityError(.malformedRecord, "peer record is not an encoded PeerRecord message", cause: error)
        }
        guard message.addresses.count <= Self.maximumAddressEntries else {
            throw IdentityError(
                .malformedRecord,
                "peer record holds \(message.addresses.count) addresses, at most \(Self.maximumAddressEntries) are "
                    + "accepted"
            )
        }
        peerID = try PeerID(bytes: message.peerID)
        sequence = message.seq
        addresses = Multiaddr.list(
            fromNetwork: message.addresses.map { [UInt8]($0.multiaddr) },
            limit: Self.maximumAddresses
        )
    }

    /// The encoded `PeerRecord` message.
    public var protobuf: [UInt8] {
        var fields = ProtobufFields()
        fields.append(1, bytes: peerID.bytes)
        fields.append(2, integer: sequence)
        for address in addresses {
            var entry = ProtobufFields()
            entry.append(1, bytes: address.bytes)
            fields.append(3, bytes: entry.bytes)
        }
        return fields.bytes
    }

    /// The record in an envelope signed by the peer that it speaks of, encoded.
    ///
    /// - Throws: ``IdentityError`` with the code `unexpectedPeer` when `identity` is another peer, or `signingFailed`.
    public func sealed(by identity: Identity) throws(IdentityError) -> [UInt8] {
        guard identity.peerID == peerID else {
            throw IdentityError(.unexpectedPeer, "record of \(peerID) cannot be signed by \(identity.peerID)")
        }
        return try SignedEnvelope.seal(
            payload: protobuf,
            type: Self.payloadType,
            domain: Self.domain,
            identity: identity
        ).protobuf
    }

    /// Reads a record that `remote` sent of itself: the signer, the peer that the record speaks of, and `remote` have
    /// to be the same.
    ///
    /// The signer is compared before the signature is verified, so records of other peers cost next to nothing.
    ///
    /// - Parameters:
    ///   - envelope: an encoded envelope.
    ///   - remote: the peer at the other end of the connection.
    /// - Returns: the record.
    /// - Throws: ``IdentityError`` with the code `unexpectedPeer`, or as ``SignedEnvelope`` and
    ///   ``init(protobuf:)`` do.
    public static func open(envelope: [UInt8], from remote: PeerID) throws(IdentityError) -> PeerRecord {
        let envelope = try SignedEnvelope(protobuf: envelope)
        let signer = PeerID(publicKey: envelope.publicKey)
        guard signer == remote else {
            throw IdentityError(.unexpectedPeer, "peer record is signed by \(signer), expected \(remote)")
        }
        let record = try PeerRecord(protobuf: try envelope.open(domain: domain, payloadType: payloadType))
        guard record.peerID == remote else {
            throw IdentityError(.unexpectedPeer, "peer record speaks of \(record.peerID), expected \(remote)")
        }
        return record
    }
}
