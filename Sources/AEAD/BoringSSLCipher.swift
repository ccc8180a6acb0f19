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

#if BoringSSL && canImport(CCryptoBoringSSL) && !canImport(Darwin)
import CCryptoBoringSSL

/// ChaCha20-Poly1305 of the BoringSSL that swift-crypto carries, which allocates nothing per call.
struct BoringSSLCipher: ~Copyable, Sendable {
    /// The expanded key, in memory of our own so that it can be overwritten.
    ///
    /// Written by the initializer and the deinitializer only. In between it is constant, and BoringSSL documents that
    /// sealing and opening may be called concurrently on one context, so threads may share it.
    private nonisolated(unsafe) let context: UnsafeMutablePointer<EVP_AEAD_CTX>

    init(key: UnsafeRawBufferPointer) throws(AEADError) {
        self.context = try Self.makeContext(key)
    }

    init(key: [UInt8]) throws(AEADError) {
        self.context = try key.withUnsafeBufferPointer { key throws(AEADError) in
            try Self.makeContext(UnsafeRawBufferPointer(key))
        }
    }

    deinit {
        Self.destroy(self.context)
    }

    private static func makeContext(
        _ key: UnsafeRawBufferPointer
    ) throws(AEADError) -> UnsafeMutablePointer<EVP_AEAD_CTX> {
        let context = UnsafeMutablePointer<EVP_AEAD_CTX>.allocate(capacity: 1)
        CCryptoBoringSSL_EVP_AEAD_CTX_zero(context)
        let status = CCryptoBoringSSL_EVP_AEAD_CTX_init(
            context,
            CCryptoBoringSSL_EVP_aead_chacha20_poly1305(),
            key.assumingMemoryBound(to: UInt8.self).baseAddress,
            key.count,
            ChaCha20Poly1305Key.tagLength,
            nil
        )
        guard status == 1 else {
            Self.destroy(context)
            CCryptoBoringSSL_ERR_clear_error()
            throw AEADError(.cipherFailed, "BoringSSL did not take the key")
        }
        return context
    }

    private static func destroy(_ context: UnsafeMutablePointer<EVP_AEAD_CTX>) {
        CCryptoBoringSSL_EVP_AEAD_CTX_cleanup(context)
        CCryptoBoringSSL_OPENSSL_cleanse(context, MemoryLayout<EVP_AEAD_CTX>.size)
        context.deallocate()
    }

    /// Seals `plaintext` into `destination`, which is exactly a tag longer and may start at the same address.
    func seal(
        _ plaintext: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer,
        nonce: AEADNonce,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(AEADError) {
        var length = 0
        let status = nonce.withUnsafeBytes { nonce in
            CCryptoBoringSSL_EVP_AEAD_CTX_seal(
                self.context,
                destination.assumingMemoryBound(to: UInt8.self).baseAddress,
                &length,
                destination.count,
                nonce.assumingMemoryBound(to: UInt8.self).baseAddress,
                nonce.count,
                plaintext.assumingMemoryBound(to: UInt8.self).baseAddress,
                plaintext.count,
                associatedData.assumingMemoryBound(to: UInt8.self).baseAddress,
                associatedData.count
            )
        }
        guard status == 1, length == destination.count else {
            CCryptoBoringSSL_ERR_clear_error()
            throw AEADError(.cipherFailed, "BoringSSL did not seal \(plaintext.count) bytes")
        }
    }

    /// Opens `ciphertext` into `destination`, which is exactly a tag shorter and may start at the same address.
    func open(
        _ ciphertext: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer,
        nonce: AEADNonce,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(AEADError) {
        var length = 0
        let status = nonce.withUnsafeBytes { nonce in
            CCryptoBoringSSL_EVP_AEAD_CTX_open(
                self.context,
                destination.assumingMemoryBound(to: UInt8.self).baseAddress,
                &length,
                destination.count,
                nonce.assumingMemoryBound(to: UInt8.self).baseAddress,
                nonce.count,
                ciphertext.assumingMemoryBound(to: UInt8.self).baseAddress,
                ciphertext.count,
                associatedData.assumingMemoryBound(to: UInt8.self).baseAddress,
                associatedData.count
            )
        }
        guard status == 1, length == destination.count else {
            // BoringSSL keeps a queue of errors for each thread; what is left there would be taken for somebody else's.
            CCryptoBoringSSL_ERR_clear_error()
            throw AEADError(.authenticationFailed, "a message of \(ciphertext.count) bytes does not authenticate")
        }
    }
}
#endif
