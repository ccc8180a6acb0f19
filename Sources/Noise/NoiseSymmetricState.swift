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

/// What both sides of a handshake know in common: the SymmetricState of the Noise Protocol Framework, section 5.2, for
/// ChaChaPoly and SHA256.
///
/// The chaining key is held by swift-crypto, which overwrites it with zeros when the last copy of it goes away.
struct NoiseSymmetricState: Sendable {
    /// The length of a hash and of a chaining key, in bytes.
    private static let hashLength = 32

    /// The hash of everything that was said so far.
    private(set) var hash: [UInt8]

    private var chainingKey: SymmetricKey
    private var cipher: NoiseCipherState?

    /// Begins with the hash of the protocol's name, which is the name itself as its length is that of a hash.
    init(prologue: [UInt8]) {
        let name = Array("Noise_XX_25519_ChaChaPoly_SHA256".utf8)
        self.hash = name
        self.chainingKey = SymmetricKey(data: name)
        self.mixHash(prologue)
    }

    /// Adds data to the hash.
    mutating func mixHash(_ data: [UInt8]) {
        var hasher = SHA256()
        hasher.update(data: self.hash)
        hasher.update(data: data)
        self.hash = Array(hasher.finalize())
    }

    /// Makes a new key of the chaining key and a shared secret.
    mutating func mixKey(_ secret: SymmetricKey) throws(NoiseError) {
        let (chainingKey, key) = self.derive(from: secret)
        self.cipher = NoiseCipherState(key: try Self.cipherKey(key))
        self.chainingKey = chainingKey
    }

    /// Appends `plaintext` to a message, encrypted if there is a key by now, and adds what was appended to the hash.
    mutating func encryptAndHash(_ plaintext: [UInt8], into message: inout [UInt8]) throws(NoiseError) {
        guard var cipher = self.cipher else {
            message.append(contentsOf: plaintext)
            self.mixHash(plaintext)
            return
        }
        var sealed = [UInt8](repeating: 0, count: plaintext.count + ChaCha20Poly1305Key.tagLength)
        let hash = self.hash
        try plaintext.withUnsafeBufferPointer { (plaintext) throws(NoiseError) in
            try hash.withUnsafeBufferPointer { (hash) throws(NoiseError) in
                try sealed.withUnsafeMutableBufferPointer { (sealed) throws(NoiseError) in
                    try cipher.seal(
                        UnsafeRawBufferPointer(plaintext),
                        into: UnsafeMutableRawBufferPointer(sealed),
                        authenticating: UnsafeRawBufferPointer(hash)
                    )
                }
            }
        }
        self.cipher = cipher
        message.append(contentsOf: sealed)
        self.mixHash(sealed)
    }

    /// Decrypts a part of a message if there is a key by now, and adds the part to the hash.
    mutating func decryptAndHash(_ ciphertext: [UInt8]) throws(NoiseError) -> [UInt8] {
        guard var cipher = self.cipher else {
            self.mixHash(ciphertext)
            return ciphertext
        }
        guard ciphertext.count >= ChaCha20Poly1305Key.tagLength else {
            throw NoiseError(.invalidLength, "an encrypted part of a handshake message is shorter than its tag")
        }
        var opened = [UInt8](repeating: 0, count: ciphertext.count - ChaCha20Poly1305Key.tagLength)
        let hash = self.hash
        try ciphertext.withUnsafeBufferPointer { (ciphertext) throws(NoiseError) in
            try hash.withUnsafeBufferPointer { (hash) throws(NoiseError) in
                try opened.withUnsafeMutableBufferPointer { (opened) throws(NoiseError) in
                    try cipher.open(
                        UnsafeRawBufferPointer(ciphertext),
                        into: UnsafeMutableRawBufferPointer(opened),
                        authenticating: UnsafeRawBufferPointer(hash)
                    )
                }
            }
        }
        self.cipher = cipher
        self.mixHash(ciphertext)
        return opened
    }

    /// Makes the keys of the two directions: first that of the initiator's messages, then that of the responder's.
    func split() throws(NoiseError) -> (ChaCha20Poly1305Key, ChaCha20Poly1305Key) {
        let (first, second) = self.derive(from: SymmetricKey(data: [UInt8]()))
        return (try Self.cipherKey(first), try Self.cipherKey(second))
    }

    /// The HKDF of the framework, section 4.3, with two outputs: that of RFC 5869 with the chaining key as the salt,
    /// the secret as the input, and no info.
    private func derive(from secret: SymmetricKey) -> (SymmetricKey, SymmetricKey) {
        let derived = self.chainingKey.withUnsafeBytes { salt in
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: secret,
                salt: salt,
                outputByteCount: 2 * Self.hashLength
            )
        }
        return derived.withUnsafeBytes { bytes in
            (
                SymmetricKey(data: UnsafeRawBufferPointer(rebasing: bytes.prefix(Self.hashLength))),
                SymmetricKey(data: UnsafeRawBufferPointer(rebasing: bytes.dropFirst(Self.hashLength)))
            )
        }
    }

    private static func cipherKey(_ key: SymmetricKey) throws(NoiseError) -> ChaCha20Poly1305Key {
        let made = key.withUnsafeBytes { bytes in
            Result { () throws(AEADError) in try ChaCha20Poly1305Key(bytes) }
        }
        switch made {
        case .success(let key): return key
        case .failure(let error): throw NoiseError(.cipherFailed, "a key could not be made", cause: error)
        }
    }
}
