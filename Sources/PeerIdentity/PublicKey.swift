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
import SwiftProtobuf

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The public key of a peer, of any type that libp2p knows (`peer-ids/peer-ids.md`).
///
/// Signatures are verified with Ed25519 keys only. Keys of other types are recognised, so that their peer IDs can be
/// computed and printed, and nothing more is done with them.
public struct PublicKey: Hashable, Sendable {
    /// The algorithm of a key; the raw value is the one of the protobuf.
    public enum KeyType: Int, Hashable, Sendable, CaseIterable {
        /// RSA of 2048 to 8192 bits.
        case rsa = 0
        /// Ed25519, the type that every implementation has.
        case ed25519 = 1
        /// ECDSA on the curve secp256k1.
        case secp256k1 = 2
        /// ECDSA on one of the curves of NIST.
        case ecdsa = 3
    }

    /// The longest encoding in bytes that ``init(protobuf:)`` accepts: that of an RSA key of 8192 bits and a little.
    public static let maximumProtobufLength = 1104
    /// The length of an Ed25519 public key in bytes.
    public static let ed25519Length = 32
    /// The length of an Ed25519 signature in bytes.
    public static let ed25519SignatureLength = 64

    /// The algorithm.
    public let type: KeyType
    /// The key in the form that its type has in the protobuf's `Data`: 32 raw bytes for Ed25519, a point for
    /// secp256k1, a DER SubjectPublicKeyInfo for RSA and ECDSA.
    public let bytes: [UInt8]

    /// Makes an Ed25519 key of its 32 bytes.
    ///
    /// - Throws: ``IdentityError`` with the code `malformedKey` for another number of bytes.
    public init(ed25519 bytes: [UInt8]) throws(IdentityError) {
        try self.init(type: .ed25519, bytes: bytes)
    }

    /// Takes the key over from the cryptographic library, which only has sound ones.
    init(_ key: Curve25519.Signing.PublicKey) {
        type = .ed25519
        bytes = [UInt8](key.rawRepresentation)
    }

    private init(type: KeyType, bytes: [UInt8]) throws(IdentityError) {
        guard Self.isPlausible(bytes, for: type) else {
            throw IdentityError(
                .malformedKey,
                "public key of type \(type) has \(bytes.count) bytes that are not of the form of such a key"
            )
        }
        self.type = type
        self.bytes = bytes
    }

    /// Reads an encoded `PublicKey` message, which has to take all of `bytes`.
    ///
    /// Sizes are checked before anything is computed: an oversized RSA key costs nothing. The specification has one
    /// encoding of each key, and another one is refused, since it would give the key a second peer ID.
    ///
    /// - Throws: ``IdentityError`` with the code `malformedKey`.
    public init(protobuf bytes: some Collection<UInt8>) throws(IdentityError) {
        let encoded = [UInt8](bytes.prefix(Self.maximumProtobufLength + 1))
        guard encoded.count <= Self.maximumProtobufLength else {
            throw IdentityError(
                .malformedKey,
                "public key takes more than \(Self.maximumProtobufLength) bytes, no accepted key is that long"
            )
        }
        let message: ProtoPublicKey
        do {
            message = try ProtoPublicKey(serializedBytes: encoded)
        } catch {
            throw IdentityError(.malformedKey, "public key is not an encoded PublicKey message", cause: error)
        }
        guard let type = KeyType(rawValue: message.type.rawValue) else {
            throw IdentityError(.malformedKey, "public key is of an unknown type")
        }
        try self.init(type: type, bytes: [UInt8](message.data))
        guard protobuf == encoded else {
            throw IdentityError(.malformedKey, "public key is not encoded in the one form that the specification has")
        }
    }

    /// The encoded `PublicKey` message, the bytes that peer IDs are computed from.
    ///
    /// The same key has the same bytes for ever: the specification leaves no choice, see `ProtobufFields`.
    public var protobuf: [UInt8] {
        var fields = ProtobufFields()
        fields.append(1, integer: UInt64(type.rawValue))
        fields.append(2, bytes: bytes)
        return fields.bytes
    }

    /// Whether `signature` was made over `message` with the private half of this key.
    ///
    /// - Returns: `false` as well when the signature has the wrong length or the key is no point of the curve.
    /// - Throws: ``IdentityError`` with the code `unsupportedKeyType` when this is not an Ed25519 key, before any
    ///   arithmetic.
    public func isValidSignature(_ signature: [UInt8], for message: [UInt8]) throws(IdentityError) -> Bool {
        guard type == .ed25519 else {
            throw IdentityError(
                .unsupportedKeyType,
                "peer has a key of type \(type), signatures are verified with ed25519 keys only"
            )
        }
        guard signature.count == Self.ed25519SignatureLength,
            let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bytes)
        else { return false }
        return key.isValidSignature(signature, for: message)
    }

    /// Whether the length, and the first byte where it is fixed, are those of a key of `type`.
    private static func isPlausible(_ bytes: [UInt8], for type: KeyType) -> Bool {
        /// The tag of a DER SEQUENCE, which SubjectPublicKeyInfo is.
        let sequence: UInt8 = 0x30
        switch type {
        case .ed25519:
            return bytes.count == ed25519Length
        case .secp256k1:
            // A compressed or an uncompressed point.
            return bytes.count == 33 && (bytes.first == 0x02 || bytes.first == 0x03)
                || bytes.count == 65 && bytes.first == 0x04
        case .ecdsa:
            // 80 bytes with P-224, 158 with P-521, some more if the parameters of the curve are spelt out.
            return bytes.first == sequence && (64...512).contains(bytes.count)
        case .rsa:
            // 292 bytes with 2048 bits and the exponent 3, 1062 with 8192 bits and the usual exponent 65537.
            return bytes.first == sequence && (292...1096).contains(bytes.count)
        }
    }
}
