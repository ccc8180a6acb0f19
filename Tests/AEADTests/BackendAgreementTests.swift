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

import Testing

@testable import AEAD

/// Compares the backend that the key uses with swift-crypto's.
///
/// They differ where the package trait BoringSSL is on; where it is off this shows that the key passes things on as
/// they are.
@Suite struct BackendAgreementTests {
    private func seal(
        _ cipher: SwiftCryptoCipher,
        _ plaintext: [UInt8],
        _ nonce: AEADNonce,
        _ data: [UInt8]
    ) throws -> [UInt8] {
        var sealed = [UInt8](repeating: 0, count: plaintext.count + 16)
        try plaintext.withUnsafeBytes { plaintext in
            try data.withUnsafeBytes { data in
                try sealed.withUnsafeMutableBytes { sealed in
                    try cipher.seal(plaintext, into: sealed, nonce: nonce, authenticating: data)
                }
            }
        }
        return sealed
    }

    private func open(
        _ cipher: SwiftCryptoCipher,
        _ sealed: [UInt8],
        _ nonce: AEADNonce,
        _ data: [UInt8]
    ) throws -> [UInt8] {
        var opened = [UInt8](repeating: 0, count: sealed.count - 16)
        try sealed.withUnsafeBytes { sealed in
            try data.withUnsafeBytes { data in
                try opened.withUnsafeMutableBytes { opened in
                    try cipher.open(sealed, into: opened, nonce: nonce, authenticating: data)
                }
            }
        }
        return opened
    }

    @Test func swiftCryptoSealsAndOpensTheExamplesOfTheRFC() throws {
        for vector in try ChaCha20Poly1305Vector.all() {
            let cipher = try SwiftCryptoCipher(key: vector.key)
            let nonce = try AEADNonce(bytes: vector.nonce)
            #expect(try self.seal(cipher, vector.plaintext, nonce, vector.associatedData) == vector.sealed)
            #expect(try self.open(cipher, vector.sealed, nonce, vector.associatedData) == vector.plaintext)
        }
    }

    @Test func bothSealAlikeAndOpenEachOthersMessages() throws {
        var random = SplitMix64(seed: 21)
        for _ in 0..<300 {
            let key = random.bytes(32)
            let nonce = try AEADNonce(bytes: random.bytes(12))
            let data = random.bytes(Int.random(in: 0...40, using: &random))
            let plaintext = random.bytes(Int.random(in: 0...600, using: &random))
            let ours = try ChaCha20Poly1305Key(bytes: key)
            let theirs = try key.withUnsafeBytes { try SwiftCryptoCipher(key: $0) }

            let sealed = try ours.sealed(plaintext, nonce: nonce, authenticating: data)
            #expect(try self.seal(theirs, plaintext, nonce, data) == sealed)
            #expect(try self.open(theirs, sealed, nonce, data) == plaintext)
            #expect(try ours.opened(sealed, nonce: nonce, authenticating: data) == plaintext)
        }
    }

    @Test func swiftCryptoLeavesNoPlaintextAfterAFailure() throws {
        let cipher = try SwiftCryptoCipher(key: Array(0..<32))
        let nonce = AEADNonce(noiseCounter: 1)
        let plaintext = [UInt8](repeating: 0x5a, count: 200)
        let sealed = try self.seal(cipher, plaintext, nonce, [])
        for offset in sealed.indices {
            var altered = sealed
            altered[offset] ^= 0x80
            var opened = [UInt8](repeating: 0, count: 200)
            let error = #expect(throws: AEADError.self) {
                try altered.withUnsafeBytes { altered in
                    try opened.withUnsafeMutableBytes { opened in
                        try cipher.open(
                            altered,
                            into: opened,
                            nonce: nonce,
                            authenticating: UnsafeRawBufferPointer(start: nil, count: 0)
                        )
                    }
                }
            }
            #expect(error?.code == .authenticationFailed)
            #expect(opened.allSatisfy { $0 == 0 })
        }
    }
}
