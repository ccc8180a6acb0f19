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
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite struct SealedFrameTests {
    private let nonces = NonceSource()

    private func key(_ local: UInt8, _ remote: UInt8) throws -> ChaCha20Poly1305Key {
        try PairKey(local: OriginalVectors.identity(local), remote: OriginalVectors.identity(remote).publicKey).cipher
    }

    private func payload(of frame: ByteBuffer) throws -> ByteBuffer {
        var frame = frame
        let payload = try #require(try FrameDecoder(maximumPayload: 1_000_000).next(&frame))
        #expect(frame.readableBytes == 0)
        return payload
    }

    @Test(arguments: [0, 1, 2, 97, 98, 99, 100, 127, 128, 1000, 16_356, 65_536, 900_000])
    func whatIsSealedOpensOnTheOtherSide(size: Int) throws {
        let message = ByteBuffer(bytes: pattern(size))
        let frame = try Frame.seal(message, with: key(1, 2), nonces: nonces)
        #expect(frame.readableBytes == Frame.length(ofPayload: size + Frame.sealOverhead))
        let opened = try Frame.open(payload(of: frame), with: key(2, 1))
        #expect(opened == message)
    }

    @Test func everyFlippedBitOfASealedPayloadIsRefused() throws {
        let sealed = try payload(of: Frame.seal(ByteBuffer(string: "hello"), with: key(1, 2), nonces: nonces))
        let receiver = try key(2, 1)
        for index in 0..<sealed.readableBytes {
            for bit in 0..<8 {
                var bytes = Array(sealed.readableBytesView)
                bytes[index] ^= 1 << UInt8(bit)
                #expect(Frame.open(ByteBuffer(bytes: bytes), with: receiver) == nil)
            }
        }
        #expect(Frame.open(sealed, with: receiver) == ByteBuffer(string: "hello"))
    }

    @Test func everyShorterPayloadIsRefused() throws {
        let sealed = try payload(of: Frame.seal(ByteBuffer(string: "hello"), with: key(1, 2), nonces: nonces))
        for count in 0..<sealed.readableBytes {
            #expect(try Frame.open(ByteBuffer(sealed.readableBytesView.prefix(count)), with: key(2, 1)) == nil)
        }
    }

    @Test func anotherPairsKeyOpensNothing() throws {
        let sealed = try payload(of: Frame.seal(ByteBuffer(string: "hello"), with: key(1, 2), nonces: nonces))
        #expect(try Frame.open(sealed, with: key(1, 3)) == nil)
        #expect(try Frame.open(sealed, with: key(3, 2)) == nil)
    }

    @Test func openingLeavesOtherHoldersOfTheBytesTheirCopy() throws {
        let sealed = try payload(of: Frame.seal(ByteBuffer(string: "hello"), with: key(1, 2), nonces: nonces))
        let before = Array(sealed.readableBytesView)
        _ = try Frame.open(sealed, with: key(2, 1))
        #expect(Array(sealed.readableBytesView) == before)
    }

    @Test func noNonceComesTwice() throws {
        var seen: Set<[UInt8]> = []
        for _ in 0..<2000 {
            let sealed = try payload(of: Frame.seal(ByteBuffer(), with: key(1, 2), nonces: nonces))
            #expect(seen.insert(Array(sealed.readableBytesView.prefix(Frame.nonceLength))).inserted)
        }
    }
}
