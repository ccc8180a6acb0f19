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
private typealias Cipher = BoringSSLCipher
#else
private typealias Cipher = SwiftCryptoCipher
#endif

/// A key of ChaCha20-Poly1305 (RFC 8439), ready to seal and open messages.
///
/// The key may be used from any number of threads at once, and it is overwritten with zeros when the last reference
/// to it goes away. With the package trait `BoringSSL`, which is on by default, no call allocates memory; without
/// the trait, and on Apple's systems, swift-crypto's `ChaChaPoly` does the work, which allocates on every call and
/// may leave copies of a plaintext in freed memory.
///
/// The caller sees to it that a nonce is never used for two messages.
public final class ChaCha20Poly1305Key: Sendable {
    /// The length of a key, in bytes.
    public static let keyLength = 32

    /// The length of a nonce, in bytes.
    public static let nonceLength = 12

    /// The length of the tag that follows every ciphertext, in bytes.
    public static let tagLength = 16

    private let cipher: Cipher

    /// Makes a key of 32 bytes, which are copied.
    ///
    /// - Throws: `AEADError` with the code `invalidKeyLength` for any other number of bytes.
    public init(_ key: UnsafeRawBufferPointer) throws(AEADError) {
        guard key.count == Self.keyLength else {
            throw AEADError(.invalidKeyLength, "a key has \(Self.keyLength) bytes, not \(key.count)")
        }
        self.cipher = try Cipher(key: key)
    }

    /// Makes a key of 32 bytes, which are copied; the caller's array is not overwritten.
    ///
    /// - Throws: `AEADError` with the code `invalidKeyLength` for any other number of bytes.
    public init(bytes: [UInt8]) throws(AEADError) {
        guard bytes.count == Self.keyLength else {
            throw AEADError(.invalidKeyLength, "a key has \(Self.keyLength) bytes, not \(bytes.count)")
        }
        self.cipher = try Cipher(key: bytes)
    }

    /// Encrypts a message in place.
    ///
    /// - Parameters:
    ///   - buffer: The plaintext followed by ``tagLength`` bytes of room; afterwards, the ciphertext and its tag.
    ///   - nonce: A nonce that was never used with this key before.
    ///   - associatedData: What is authenticated but not encrypted; may be empty.
    /// - Throws: `AEADError` with the code `invalidBufferLength` if there is no room for the tag, or `cipherFailed`,
    ///   after which the buffer holds zeros.
    public func seal(
        _ buffer: UnsafeMutableRawBufferPointer,
        nonce: AEADNonce,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(AEADError) {
        guard buffer.count >= Self.tagLength else {
            throw AEADError(.invalidBufferLength, "a buffer of \(buffer.count) bytes has no room for the tag")
        }
        let plaintext = UnsafeRawBufferPointer(rebasing: buffer.dropLast(Self.tagLength))
        do throws(AEADError) {
            try self.cipher.seal(plaintext, into: buffer, nonce: nonce, authenticating: associatedData)
        } catch {
            Self.zero(buffer)
            throw error
        }
    }

    /// Encrypts a message from one place to another, without copying it first.
    ///
    /// - Parameters:
    ///   - plaintext: The message.
    ///   - destination: Where ciphertext and tag go: ``tagLength`` bytes more than the plaintext. It must not overlap
    ///     with the plaintext unless both start at the same address.
    ///   - nonce: A nonce that was never used with this key before.
    ///   - associatedData: What is authenticated but not encrypted; may be empty.
    /// - Throws: `AEADError` with the code `invalidBufferLength` if the lengths do not belong together, or
    ///   `cipherFailed`, after which the destination holds zeros.
    public func seal(
        _ plaintext: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer,
        nonce: AEADNonce,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(AEADError) {
        let (expected, overflow) = plaintext.count.addingReportingOverflow(Self.tagLength)
        guard !overflow, destination.count == expected else {
            throw AEADError(
                .invalidBufferLength,
                "a plaintext of \(plaintext.count) bytes is not sealed into \(destination.count) bytes"
            )
        }
        do throws(AEADError) {
            try self.cipher.seal(plaintext, into: destination, nonce: nonce, authenticating: associatedData)
        } catch {
            Self.zero(destination)
            throw error
        }
    }

    /// Decrypts a message in place.
    ///
    /// - Parameters:
    ///   - buffer: The ciphertext and its tag; afterwards, the plaintext followed by ``tagLength`` bytes of no meaning.
    ///   - nonce: The nonce that the message was sealed with.
    ///   - associatedData: The associated data that the message was sealed with.
    /// - Returns: The length of the plaintext, in bytes.
    /// - Throws: `AEADError` with the code `invalidBufferLength` if the buffer is shorter than a tag, or
    ///   `authenticationFailed`, after which the buffer holds zeros and no plaintext.
    public func open(
        _ buffer: UnsafeMutableRawBufferPointer,
        nonce: AEADNonce,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(AEADError) -> Int {
        guard buffer.count >= Self.tagLength else {
            throw AEADError(.invalidBufferLength, "a buffer of \(buffer.count) bytes is shorter than a tag")
        }
        let length = buffer.count - Self.tagLength
        do throws(AEADError) {
            try self.cipher.open(
                UnsafeRawBufferPointer(buffer),
                into: UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(length)),
                nonce: nonce,
                authenticating: associatedData
            )
        } catch {
            Self.zero(buffer)
            throw error
        }
        return length
    }

    /// Decrypts a message from one place to another, without copying it first.
    ///
    /// - Parameters:
    ///   - ciphertext: The ciphertext and its tag, which are left as they are.
    ///   - destination: Where the plaintext goes: ``tagLength`` bytes less than the ciphertext with its tag. It must
    ///     not overlap with the ciphertext unless both start at the same address.
    ///   - nonce: The nonce that the message was sealed with.
    ///   - associatedData: The associated data that the message was sealed with.
    /// - Throws: `AEADError` with the code `invalidBufferLength` if the lengths do not belong together, or
    ///   `authenticationFailed`, after which the destination holds zeros and no plaintext.
    public func open(
        _ ciphertext: UnsafeRawBufferPointer,
        into destination: UnsafeMutableRawBufferPointer,
        nonce: AEADNonce,
        authenticating associatedData: UnsafeRawBufferPointer
    ) throws(AEADError) {
        guard ciphertext.count >= Self.tagLength, destination.count == ciphertext.count - Self.tagLength else {
            throw AEADError(
                .invalidBufferLength,
                "a ciphertext of \(ciphertext.count) bytes is not opened into \(destination.count) bytes"
            )
        }
        do throws(AEADError) {
            try self.cipher.open(ciphertext, into: destination, nonce: nonce, authenticating: associatedData)
        } catch {
            Self.zero(destination)
            throw error
        }
    }

    private static func zero(_ buffer: UnsafeMutableRawBufferPointer) {
        _ = buffer.initializeMemory(as: UInt8.self, repeating: 0)
    }
}
