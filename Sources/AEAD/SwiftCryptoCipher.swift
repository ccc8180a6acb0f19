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

/// ChaCha20-Poly1305 through swift-crypto's own API, which works on every system but allocates on every call.
///
/// Compiled always, so that the two backends can be tested against each other.
struct SwiftCryptoCipher: Sendable {
    /// swift-crypto overwrites the key with zeros when the last copy goes away.
    private let key: SymmetricKey

    init(key: UnsafeRawBufferPointer) throws(AEADError) {
        self.key = SymmetricKey(data: key)
    }

    init(key: [UInt8]) throws(AEADError) {
        self.key = SymmetricKey(data: key)
    }

    /// Seals `plaintext` into `destination`, which is exactly a tag longer and may start at the same address.
    func seal(
        _ plaintext: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer,
        nonce: AEADNonce,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(AEADError) {
        let sealed: ChaChaPoly.SealedBox
        do {
            sealed = try ChaChaPoly.seal(
                plaintext,
                using: self.key,
                nonce: ChaChaPoly.Nonce(data: nonce.bytes),
                authenticating: associatedData
            )
        } catch {
            throw AEADError(.cipherFailed, "ChaChaPoly did not seal \(plaintext.count) bytes")
        }
        destination.copyBytes(from: sealed.ciphertext)
        UnsafeMutableRawBufferPointer(rebasing: destination.dropFirst(plaintext.count)).copyBytes(from: sealed.tag)
    }

    /// Opens `ciphertext` into `destination`, which is exactly a tag shorter and may start at the same address.
    func open(
        _ ciphertext: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer,
        nonce: AEADNonce,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(AEADError) {
        do {
            let box = try ChaChaPoly.SealedBox(
                nonce: ChaChaPoly.Nonce(data: nonce.bytes),
                ciphertext: UnsafeRawBufferPointer(rebasing: ciphertext.dropLast(ChaCha20Poly1305Key.tagLength)),
                tag: UnsafeRawBufferPointer(rebasing: ciphertext.suffix(ChaCha20Poly1305Key.tagLength))
            )
            destination.copyBytes(from: try ChaChaPoly.open(box, using: self.key, authenticating: associatedData))
        } catch {
            throw AEADError(.authenticationFailed, "a message of \(ciphertext.count) bytes does not authenticate")
        }
    }
}
