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

import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite struct PairKeyTests {
    private func bytes(_ hex: String) -> [UInt8] {
        stride(from: 0, to: hex.count, by: 2).compactMap { offset in
            let start = hex.index(hex.startIndex, offsetBy: offset)
            return UInt8(hex[start..<hex.index(start, offsetBy: 2)], radix: 16)
        }
    }

    @Test func anEd25519KeyBecomesTheX25519KeyThatTheOriginalDerives() throws {
        let first = try PublicKey(ed25519: bytes("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"))
        #expect(
            try PairKey.montgomery(ofEdwards: first)
                == bytes("1b1b58dd50ea14b60da17b790cd02754d970c9bab864ebb3c0f3016fe51d3f57"))
        let second = try PublicKey(ed25519: bytes("8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"))
        #expect(
            try PairKey.montgomery(ofEdwards: second)
                == bytes("60346e7c911a5f6ba154129174cafe75b294ac3bbd5549632f48cec6266f8410"))
    }

    @Test func bothSidesOpenWhatTheOriginalSealed() throws {
        let first = try Identity(seed: [UInt8](repeating: 1, count: 32))
        let second = try Identity(seed: [UInt8](repeating: 2, count: 32))
        for (local, remote) in [(first, second), (second, first)] {
            let key = try PairKey(local: local, remote: remote.publicKey)
            let sealed = bytes("07070707070707070707070725dbdb2eac8fe46a93e11ad57800e764245c4953e5")
            let opened = try #require(Frame.open(.init(bytes: sealed), with: key.cipher))
            #expect(String(decoding: opened.readableBytesView, as: UTF8.self) == "hello")
        }
    }

    @Test(arguments: [
        // The neutral element, the point of order two, y of a point of order four, and y not below the modulus.
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        // No point of the curve has this y.
        "0200000000000000000000000000000000000000000000000000000000000000",
    ])
    func aKeyThatIsNoUsablePointIsRefused(hex: String) throws {
        let local = try Identity(seed: [UInt8](repeating: 1, count: 32))
        let remote = try PublicKey(ed25519: bytes(hex))
        #expect(throws: PairKeyError.self) { try PairKey(local: local, remote: remote) }
    }

    @Test func everyGeneratedKeyIsAPointAndAgreesBothWays() throws {
        for _ in 0..<50 {
            let one = Identity.generate()
            let two = Identity.generate()
            let nonces = NonceSource()
            let sealed = try Frame.seal(
                .init(string: "x"), with: PairKey(local: one, remote: two.publicKey).cipher, nonces: nonces)
            var input = sealed
            let payload = try #require(try FrameDecoder(maximumPayload: 100).next(&input))
            let opened = Frame.open(payload, with: try PairKey(local: two, remote: one.publicKey).cipher)
            #expect(opened.map { String(decoding: $0.readableBytesView, as: UTF8.self) } == "x")
        }
    }
}
