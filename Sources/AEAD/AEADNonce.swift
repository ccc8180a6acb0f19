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

/// A 96-bit nonce of ChaCha20-Poly1305.
///
/// Two messages must never be sealed with the same key and nonce; the type does not enforce it.
public struct AEADNonce: Hashable, Sendable {
    /// Three words rather than an array, so that a nonce costs no allocation.
    private var words: (UInt32, UInt32, UInt32) = (0, 0, 0)

    /// Makes a nonce of 12 bytes.
    ///
    /// - Throws: `AEADError` with the code `invalidNonceLength` for any other number of bytes.
    public init(bytes: some Collection<UInt8>) throws(AEADError) {
        guard bytes.count == ChaCha20Poly1305Key.nonceLength else {
            throw AEADError(
                .invalidNonceLength,
                "a nonce has \(ChaCha20Poly1305Key.nonceLength) bytes, not \(bytes.count)"
            )
        }
        Swift.withUnsafeMutableBytes(of: &self.words) { $0.copyBytes(from: bytes) }
    }

    /// Makes the nonce that the Noise Protocol Framework (section 12.3) forms from a message counter.
    ///
    /// It is four zero bytes followed by the counter in little-endian order.
    public init(noiseCounter: UInt64) {
        self.words = (
            0,
            UInt32(truncatingIfNeeded: noiseCounter).littleEndian,
            UInt32(truncatingIfNeeded: noiseCounter >> 32).littleEndian
        )
    }

    /// The 12 bytes of the nonce.
    public var bytes: [UInt8] { self.withUnsafeBytes { Array($0) } }

    /// Calls `body` with the 12 bytes of the nonce, which are valid during the call only.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try Swift.withUnsafeBytes(of: self.words, body)
    }

    /// Whether both nonces have the same bytes.
    public static func == (left: AEADNonce, right: AEADNonce) -> Bool {
        left.words == right.words
    }

    /// Feeds the bytes of the nonce to `hasher`.
    public func hash(into hasher: inout Hasher) {
        self.withUnsafeBytes { hasher.combine(bytes: $0) }
    }
}
