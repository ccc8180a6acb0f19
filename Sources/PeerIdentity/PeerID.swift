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

import Crypto
public import Multiformats

/// The name of a peer: a multihash of its public key (`peer-ids/peer-ids.md`).
///
/// A key whose encoding has at most 42 bytes, such as an Ed25519 key, is held itself and can be read back out with
/// ``publicKey``; of a longer one the SHA2-256 digest is held. Peer IDs are ordered by their bytes.
public struct PeerID: Hashable, Sendable, Comparable, CustomStringConvertible, Codable {
    /// The longest encoding of a public key in bytes that a peer ID holds itself.
    public static let maximumInlineKeyLength = 42

    /// The multihash in its binary form.
    public let bytes: [UInt8]

    /// Computes the peer ID of a key.
    public init(publicKey: PublicKey) {
        let encoded = publicKey.protobuf
        let hash =
            encoded.count <= Self.maximumInlineKeyLength
            ? Multihash.identity(encoded)
            : Multihash(code: Multihash.sha256Code, digest: [UInt8](SHA256.hash(data: encoded)))
        self.bytes = hash.bytes
    }

    /// Reads the binary form, a multihash that takes all of `bytes`.
    ///
    /// - Throws: ``IdentityError`` with the code `malformedPeerID` unless it is an identity multihash of 1 to 42 bytes
    ///   or a SHA2-256 multihash.
    public init(bytes: some Collection<UInt8>) throws(IdentityError) {
        let hash: Multihash
        do {
            hash = try Multihash(bytes: bytes)
        } catch {
            throw IdentityError(.malformedPeerID, "peer ID: \(error.message)", cause: error)
        }
        switch hash.code {
        case Multihash.sha256Code:
            break
        case Multihash.identityCode:
            guard (1...Self.maximumInlineKeyLength).contains(hash.digest.count) else {
                throw IdentityError(
                    .malformedPeerID,
                    "peer ID holds a key of \(hash.digest.count) bytes, expected 1 to \(Self.maximumInlineKeyLength)"
                )
            }
        default:
            throw IdentityError(
                .malformedPeerID,
                "peer ID uses the hash function \(hash.code), expected identity (0) or SHA2-256 (18)"
            )
        }
        // A multihash has one encoding, since its integers are read in their shortest form only.
        self.bytes = hash.bytes
    }

    /// Reads a text form: base58 (`12D3KooW...`, `Qm...`) or a CID of version 1 with the codec `libp2p-key` in
    /// base32 (`bafz...`) or another multibase.
    ///
    /// - Throws: ``IdentityError`` with the code `malformedPeerID`.
    public init(_ text: String) throws(IdentityError) {
        guard text.utf8.count <= Base58.maximumTextLength else {
            throw IdentityError(
                .malformedPeerID,
                "peer ID text is longer than \(Base58.maximumTextLength) bytes"
            )
        }
        let bytes: [UInt8]
        do {
            if text.hasPrefix("1") || text.hasPrefix("Qm") {
                bytes = try Base58.decode(text)
            } else {
                bytes = try Multibase.decode(text)
            }
        } catch {
            throw IdentityError(
                .malformedPeerID,
                "'\(PrintableText.escape(text, limit: 64))' is no peer ID (12D3KooW..., Qm..., bafz...): "
                    + error.message,
                cause: error
            )
        }
        if text.hasPrefix("1") || text.hasPrefix("Qm") {
            try self.init(bytes: bytes)
            return
        }
        guard bytes.starts(with: LibP2PKeyCID.prefix) else {
            throw IdentityError(
                .malformedPeerID,
                "'\(PrintableText.escape(text, limit: 64))' is no CID of version 1 with the codec libp2p-key"
            )
        }
        try self.init(bytes: bytes.dropFirst(LibP2PKeyCID.prefix.count))
    }

    /// The base58 text, `12D3KooW...` for an Ed25519 key.
    public var description: String { Base58.encode(bytes) }

    /// The text as a CID of version 1 in base32, `bafz...`.
    public var cid: String { Multibase.encode(LibP2PKeyCID.prefix + bytes, base: .base32) }

    /// The key itself if the peer ID holds it, else `nil`.
    public var publicKey: PublicKey? {
        guard let hash = try? Multihash(bytes: bytes), hash.code == Multihash.identityCode else { return nil }
        return try? PublicKey(protobuf: hash.digest)
    }

    /// Feeds the bytes to a hasher, all at once: as elements of an array they would go one by one.
    public func hash(into hasher: inout Hasher) {
        self.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    /// Whether the bytes of `left` come before those of `right`.
    public static func < (left: PeerID, right: PeerID) -> Bool {
        left.bytes.lexicographicallyPrecedes(right.bytes)
    }

    /// Decodes any of the text forms from a string.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(container.decode(String.self))
        } catch let error as IdentityError {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    /// Encodes the base58 text as a string.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension Multiaddr {
    /// The peer that the address leads to, see ``Multiaddr/peer``.
    public var peerID: PeerID? {
        peer.flatMap { try? PeerID(bytes: $0) }
    }

    /// This address with `/p2p/ID` after its own components.
    public func appending(peer: PeerID) -> Multiaddr {
        appending(peer: peer.bytes)
    }
}
