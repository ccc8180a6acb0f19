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
import Glueberry

/// What the ciphers alone cost on this machine, whatever is built around them.
struct CipherLimit {
    /// The bytes that one frame of the secured connection carries at most (Noise: 65,535 less the tag).
    private static let frame = 65_519
    private static let duration = Duration.milliseconds(150)

    private let key: ChaCha20Poly1305Key
    private let nonce: AEADNonce

    init() throws {
        self.key = try ChaCha20Poly1305Key(bytes: [UInt8](repeating: 7, count: ChaCha20Poly1305Key.keyLength))
        self.nonce = try AEADNonce(bytes: [UInt8](repeating: 1, count: ChaCha20Poly1305Key.nonceLength))
    }

    /// Seconds of CPU for sealing and opening a message of this size: as its share of full frames of the connection, and
    /// with both layers once more by itself.
    func secondsPerMessage(_ size: Int, _ encryption: StreamEncryption) throws -> Double {
        let connection = try self.sealAndOpen(Self.frame) * Double(size) / Double(Self.frame)
        return encryption == .layered ? try connection + self.sealAndOpen(size) : connection
    }

    /// Seconds for sealing a message of this size in place and opening it again.
    private func sealAndOpen(_ size: Int) throws -> Double {
        var bytes = [UInt8](repeating: 0, count: size + ChaCha20Poly1305Key.tagLength)
        return try bytes.withUnsafeMutableBytes { buffer in
            var best = Double.infinity
            for _ in 0..<3 {
                let begin = ContinuousClock.now
                var count = 0
                while ContinuousClock.now - begin < Self.duration {
                    for _ in 0..<16 {
                        try self.key.seal(buffer, nonce: self.nonce, authenticating: .init(start: nil, count: 0))
                        _ = try self.key.open(buffer, nonce: self.nonce, authenticating: .init(start: nil, count: 0))
                    }
                    count += 16
                }
                best = min(best, (ContinuousClock.now - begin).inSeconds / Double(count))
            }
            return best
        }
    }
}
