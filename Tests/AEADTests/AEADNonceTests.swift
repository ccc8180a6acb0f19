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
import Testing

@Suite struct AEADNonceTests {
    @Test func counterFollowsFourZeroBytesInLittleEndianOrder() {
        #expect(AEADNonce(noiseCounter: 0).bytes == [UInt8](repeating: 0, count: 12))
        #expect(AEADNonce(noiseCounter: 1).bytes == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        #expect(AEADNonce(noiseCounter: 0x0102_0304_0506_0708).bytes == [0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1])
        #expect(AEADNonce(noiseCounter: .max).bytes == [0, 0, 0, 0] + [UInt8](repeating: 255, count: 8))
    }

    @Test func keepsTwelveBytes() throws {
        let bytes = Array(UInt8(100)..<112)
        let nonce = try AEADNonce(bytes: bytes)
        #expect(nonce.bytes == bytes)
        #expect(nonce.withUnsafeBytes { Array($0) } == bytes)
    }

    @Test(arguments: [0, 1, 11, 13, 24])
    func refusesAnyOtherNumberOfBytes(count: Int) {
        let error = #expect(throws: AEADError.self) { try AEADNonce(bytes: [UInt8](repeating: 0, count: count)) }
        #expect(error?.code == .invalidNonceLength)
    }

    @Test func equalBytesAreEqualNonces() throws {
        let nonce = try AEADNonce(bytes: [0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0])
        #expect(nonce == AEADNonce(noiseCounter: 5))
        #expect(nonce.hashValue == AEADNonce(noiseCounter: 5).hashValue)
        #expect(nonce != AEADNonce(noiseCounter: 6))
        #expect(nonce != AEADNonce(noiseCounter: 5 << 32))
    }
}
