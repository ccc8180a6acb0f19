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

/// A key and the number of messages it has sealed or opened: the CipherState of the Noise Protocol Framework, section
/// 5.1.
///
/// The number is the nonce. It advances by one with each message that succeeds and never otherwise, so that no nonce is
/// skipped or used again; the last value, 2^64 - 1, is reserved by the framework and refused.
struct NoiseCipherState: Sendable {
    private let key: ChaCha20Poly1305Key
    private var counter: UInt64

    init(key: ChaCha20Poly1305Key, counter: UInt64 = 0) {
        self.key = key
        self.counter = counter
    }

    /// How many more messages the key may seal or open.
    var remainingMessages: UInt64 { UInt64.max - self.counter }

    /// Encrypts `plaintext` into `destination`, which is exactly a tag longer.
    mutating func seal(
        _ plaintext: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(NoiseError) {
        guard self.remainingMessages > 0 else { throw Self.exhausted }
        do throws(AEADError) {
            try self.key.seal(
                plaintext,
                into: destination,
                nonce: AEADNonce(noiseCounter: self.counter),
                authenticating: associatedData
            )
        } catch {
            throw NoiseError(.cipherFailed, "a message could not be sealed", cause: error)
        }
        // Cannot overflow: at least one message remained.
        self.counter += 1
    }

    /// Decrypts `ciphertext` into `destination`, which is exactly a tag shorter and holds no plaintext after an error.
    mutating func open(
        _ ciphertext: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(NoiseError) {
        guard self.remainingMessages > 0 else { throw Self.exhausted }
        do throws(AEADError) {
            try self.key.open(
                ciphertext,
                into: destination,
                nonce: AEADNonce(noiseCounter: self.counter),
                authenticating: associatedData
            )
        } catch {
            throw NoiseError(.decryptionFailed, "message \(self.counter) does not authenticate", cause: error)
        }
        // Cannot overflow: at least one message remained.
        self.counter += 1
    }

    static var exhausted: NoiseError {
        NoiseError(.nonceExhausted, "the key has sealed as many messages as it may")
    }
}
