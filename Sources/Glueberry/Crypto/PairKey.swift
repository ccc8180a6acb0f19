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

import AEAD
import Crypto
import LibP2P
import NIOCore
import PeerIdentity

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The key that two peers share for their encrypted streams, version 1.
///
/// Both Ed25519 identities are turned into X25519 keys, whose agreement is stretched with HKDF-SHA256. The key is the
/// same in every session, in both directions and on all streams: by itself it cannot tell a replayed or reflected frame
/// from a fresh one. The secured connection below does.
final class PairKey: Sendable {
    private static let info = Array("glueberry-v1-stream-key".utf8)

    let cipher: ChaCha20Poly1305Key

    /// Derives the key of the pair; throws if the remote key is no point that a key can be agreed on with.
    init(local: Identity, remote: PublicKey) throws(PairKeyError) {
        let remoteX25519 = try Self.montgomery(ofEdwards: remote)
        do {
            var digest = local.withSeed { Array(SHA512.hash(data: $0)) }
            var scalar = Array(digest.prefix(32))
            defer {
                for index in digest.indices { digest[index] = 0 }
                for index in scalar.indices { scalar[index] = 0 }
            }
            scalar[0] &= 248
            scalar[31] = scalar[31] & 127 | 64
            let privateKey = try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: scalar)
            let publicKey = try Curve25519.KeyAgreement.PublicKey(rawRepresentation: remoteX25519)
            let secret = try privateKey.sharedSecretFromKeyAgreement(with: publicKey)
            guard secret.withUnsafeBytes({ bytes in bytes.contains { $0 != 0 } }) else { throw PairKeyError.lowOrder }
            let key = secret.hkdfDerivedSymmetricKey(
                using: SHA256.self, salt: Data(), sharedInfo: Self.info, outputByteCount: 32)
            self.cipher = try key.withUnsafeBytes { try ChaCha20Poly1305Key($0) }
        } catch let error as PairKeyError {
            throw error
        } catch {
            throw .agreementFailed
        }
    }

    /// The X25519 public key that belongs to an Ed25519 one: u = (1 + y) / (1 − y).
    static func montgomery(ofEdwards key: PublicKey) throws(PairKeyError) -> [UInt8] {
        guard key.type == .ed25519, key.bytes.count == 32, var last = key.bytes.last else {
            throw .unsupportedKeyType
        }
        last &= 0x7f
        guard let y = FieldElement(canonical: key.bytes.dropLast() + [last]) else { throw .notOnCurve }
        let ySquared = y * y
        let numerator = ySquared - .one
        let denominator = FieldElement.edwardsD * ySquared + .one
        // x² = numerator / denominator: a quotient is a square exactly if the product is one.
        guard (numerator * denominator).isSquare else { throw .notOnCurve }
        // y = 1 is the neutral element and y = −1 the point of order two.
        guard numerator != .zero else { throw .lowOrder }
        return ((.one + y) * (.one - y).inverse).bytes
    }
}

/// Why no key could be derived.
enum PairKeyError: Error, Equatable {
    case unsupportedKeyType
    case notOnCurve
    case lowOrder
    case agreementFailed
}

/// A supply of random nonces that asks the operating system for many at a time.
final class NonceSource: Sendable {
    private static let nonceLength = 12
    private static let count = 128

    private struct State {
        var bytes: [UInt8] = []
        var position = 0
    }

    private let state = Locked(State())

    /// Writes one nonce.
    func next(into target: UnsafeMutableRawBufferPointer) {
        self.state.withLock { state in
            if state.position + Self.nonceLength > state.bytes.count {
                state.bytes = SymmetricKey(size: .init(bitCount: Self.nonceLength * Self.count * 8))
                    .withUnsafeBytes { Array($0) }
                state.position = 0
            }
            state.bytes.withUnsafeBytes { bytes in
                target.copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: bytes[state.position..<state.position + Self.nonceLength]))
            }
            state.position += Self.nonceLength
        }
    }
}
