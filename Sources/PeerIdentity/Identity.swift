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

/// The key pair that makes a node the peer that it is (Ed25519).
///
/// The seed is overwritten when the last reference goes. That is a best effort: copies which ``withSeed(_:)`` and
/// ``keyFileBytes`` hand out are the caller's; ``withUnsafeSeed(_:)`` and ``withUnsafeKeyFileBytes(_:)`` leave none. It is never part of a description.
public final class Identity: Sendable, CustomStringConvertible {
    /// The length of the seed, the private half, in bytes.
    public static let seedLength = 32
    /// The length of a key file in bytes: the seed, then the public key.
    public static let keyFileLength = 64
    /// The length in bytes of the older form of a key file, which has the public key twice.
    public static let legacyKeyFileLength = 96

    /// The name of the peer.
    public let peerID: PeerID
    /// The public half of the key pair.
    public let publicKey: PublicKey

    private let seed: SecretBytes
    private let signingKey: Curve25519.Signing.PrivateKey

    private init(_ key: Curve25519.Signing.PrivateKey) {
        signingKey = key
        seed = SecretBytes([UInt8](key.rawRepresentation))
        publicKey = PublicKey(key.publicKey)
        peerID = PeerID(publicKey: publicKey)
    }

    /// Makes a new identity of the system's randomness.
    public static func generate() -> Identity {
        Identity(Curve25519.Signing.PrivateKey())
    }

    /// Makes the identity of a seed of 32 bytes.
    ///
    /// - Throws: ``IdentityError`` with the code `malformedKey` for another number of bytes.
    public convenience init(seed: [UInt8]) throws(IdentityError) {
        guard seed.count == Self.seedLength else {
            throw IdentityError(.malformedKey, "seed has \(seed.count) bytes, expected \(Self.seedLength)")
        }
        let key: Curve25519.Signing.PrivateKey
        do {
            key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed)
        } catch {
            throw IdentityError(.malformedKey, "seed is no Ed25519 private key", cause: error)
        }
        self.init(key)
    }

    /// Reads the content of a key file: 32 bytes of seed and 32 of the public key, or the older form of 96 bytes that
    /// repeats the public key.
    ///
    /// - Throws: ``IdentityError`` with the code `malformedKeyFile` for another length and `keyMismatch` when a public
    ///   key in it is not the one of the seed.
    public convenience init(keyFile bytes: [UInt8]) throws(IdentityError) {
        guard bytes.count == Self.keyFileLength || bytes.count == Self.legacyKeyFileLength else {
            throw IdentityError(
                .malformedKeyFile,
                "key has \(bytes.count) bytes, expected \(Self.keyFileLength) (seed and public key)"
            )
        }
        try self.init(seed: [UInt8](bytes.prefix(Self.seedLength)))
        guard bytes.dropFirst(Self.seedLength).prefix(PublicKey.ed25519Length).elementsEqual(publicKey.bytes) else {
            throw IdentityError(.keyMismatch, "public half of the key does not belong to its seed")
        }
        guard
            bytes.dropFirst(Self.keyFileLength).isEmpty || bytes.suffix(PublicKey.ed25519Length) == publicKey.bytes[...]
        else {
            throw IdentityError(.keyMismatch, "the two copies of the public key differ")
        }
    }

    /// Reads an encoded `PrivateKey` message, the form in which other libp2p implementations keep keys.
    ///
    /// - Throws: ``IdentityError`` with the code `malformedKey`, `unsupportedKeyType` for other keys than Ed25519, or
    ///   as ``init(keyFile:)`` does.
    public convenience init(privateKeyProtobuf bytes: [UInt8]) throws(IdentityError) {
        // An RSA key of 8192 bits takes less than 5 KiB.
        guard bytes.count <= 8192, let message = try? ProtoPrivateKey(serializedBytes: bytes) else {
            throw IdentityError(.malformedKey, "private key is not an encoded PrivateKey message")
        }
        guard message.type == .ed25519 else {
            throw IdentityError(
                .unsupportedKeyType,
                "private key is of type \(message.type), only ed25519 is supported"
            )
        }
        try self.init(keyFile: [UInt8](message.data))
    }

    /// The content of a key file: the seed, then the public key; secret.
    public var keyFileBytes: [UInt8] { seed.copy() + publicKey.bytes }

    /// Signs `message`; the signature has 64 bytes.
    ///
    /// On Apple's systems two signatures of the same message differ; each is valid.
    ///
    /// - Throws: ``IdentityError`` with the code `signingFailed` when the cryptographic library refuses.
    public func sign(_ message: [UInt8]) throws(IdentityError) -> [UInt8] {
        do {
            return [UInt8](try signingKey.signature(for: message))
        } catch {
            throw IdentityError(.signingFailed, "message could not be signed", cause: error)
        }
    }

    /// Calls `body` with a copy of the 32 bytes of the seed, for deriving other keys; secret.
    public func withSeed<R>(_ body: ([UInt8]) throws -> R) rethrows -> R {
        try body(seed.copy())
    }

    /// Calls `body` with the 32 bytes of the seed, to store them in a keychain; secret.
    ///
    /// Nothing is copied; the pointer must not leave `body`. ``init(seed:)`` reads the bytes back.
    public func withUnsafeSeed<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try seed.withUnsafeBytes(body)
    }

    /// Calls `body` with the 64 bytes of a key file, the seed and the public key, to store them in a keychain; secret.
    ///
    /// It is the raw form of an Ed25519 key in Go. The bytes are overwritten when `body` returns; the pointer must not leave
    /// it. ``init(keyFile:)`` reads the bytes back.
    public func withUnsafeKeyFileBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try SecretBytes(seed, then: publicKey.bytes).withUnsafeBytes(body)
    }

    /// The peer ID; nothing of the private key.
    public var description: String { "Identity(\(peerID))" }
}
