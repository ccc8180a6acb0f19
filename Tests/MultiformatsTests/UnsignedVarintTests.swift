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

import Multiformats
import Testing

@Suite struct UnsignedVarintTests {
    static let known: [(value: UInt64, bytes: [UInt8])] = [
        (0, [0x00]),
        (1, [0x01]),
        (127, [0x7f]),
        (128, [0x80, 0x01]),
        (255, [0xff, 0x01]),
        (300, [0xac, 0x02]),
        (16_383, [0xff, 0x7f]),
        (16_384, [0x80, 0x80, 0x01]),
        (1 << 63 - 1, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        (1 << 63, [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]),
        (.max, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
    ]

    @Test(arguments: known.indices) func knownValuesAreEncodedAndDecoded(index: Int) throws {
        let (value, bytes) = Self.known[index]
        var encoded: [UInt8] = []
        UnsignedVarint.append(value, to: &encoded)
        #expect(encoded == bytes)
        #expect(UnsignedVarint.length(of: value) == bytes.count)
        let decoded = try #require(try UnsignedVarint.decode(bytes))
        #expect(decoded == (value, bytes.count))
    }

    @Test func lengthAgreesWithTheEncodingAtEveryPowerOfTwo() {
        for shift in UInt64(0)..<64 {
            for value in [UInt64(1) << shift, (UInt64(1) << shift) - 1, (UInt64(1) << shift) | 1] {
                var encoded: [UInt8] = []
                UnsignedVarint.append(value, to: &encoded)
                #expect(UnsignedVarint.length(of: value) == encoded.count)
            }
        }
    }

    @Test(arguments: known.indices) func everyPrefixAsksForMore(index: Int) throws {
        let bytes = Self.known[index].bytes
        for length in 0..<bytes.count {
            #expect(try UnsignedVarint.decode(bytes.prefix(length)) == nil)
        }
    }

    @Test(arguments: known.indices) func whatFollowsIsNotTouched(index: Int) throws {
        let (value, bytes) = Self.known[index]
        let decoded = try #require(try UnsignedVarint.decode(bytes + [0xff, 0xff]))
        #expect(decoded == (value, bytes.count))
    }

    @Test func anEleventhByteIsRefusedAtTheTenth() {
        let error = #expect(throws: UnsignedVarintError.self) {
            try UnsignedVarint.decode([UInt8](repeating: 0x80, count: 10))
        }
        #expect(error?.code == .tooLong)
        #expect(error?.description == "varint is longer than 10 bytes")
    }

    @Test func nineBytesOfContinuationAskForMore() throws {
        #expect(try UnsignedVarint.decode([UInt8](repeating: 0xff, count: 9)) == nil)
    }

    @Test(arguments: [UInt8(0x02), 0x03, 0x7f]) func moreThan64BitsAreAnOverflow(last: UInt8) {
        let error = #expect(throws: UnsignedVarintError.self) {
            try UnsignedVarint.decode([UInt8](repeating: 0xff, count: 9) + [last])
        }
        #expect(error?.code == .overflow)
    }

    @Test(arguments: [[0x80, 0x00], [0xff, 0x00], [0x81, 0x80, 0x00]] as [[UInt8]])
    func needlessZeroBytesAreRefusedUnlessAllowed(bytes: [UInt8]) throws {
        let error = #expect(throws: UnsignedVarintError.self) { try UnsignedVarint.decode(bytes) }
        #expect(error?.code == .notMinimal)
        let decoded = try #require(try UnsignedVarint.decode(bytes, requireMinimal: false))
        #expect(decoded == (UInt64(bytes[0] & 0x7f), bytes.count))
    }

    @Test func aNeedlessTenthByteIsAllowedWhenMinimalityIsNotAsked() throws {
        let bytes = [UInt8](repeating: 0x80, count: 9) + [0x00]
        let decoded = try #require(try UnsignedVarint.decode(bytes, requireMinimal: false))
        #expect(decoded == (0, 10))
    }

    @Test func randomValuesRoundTrip() throws {
        var random = SplitMix64(seed: 1)
        for _ in 0..<2000 {
            let value = random.next() >> UInt64.random(in: 0..<64, using: &random)
            var bytes: [UInt8] = []
            UnsignedVarint.append(value, to: &bytes)
            let decoded = try #require(try UnsignedVarint.decode(bytes))
            #expect(decoded == (value, bytes.count))
        }
    }

    @Test func randomBytesDecodeToWhatEncodesToThem() throws {
        var random = SplitMix64(seed: 2)
        for _ in 0..<5000 {
            let bytes = random.bytes(Int.random(in: 0...12, using: &random))
            guard let decoded = try? UnsignedVarint.decode(bytes) else { continue }
            var encoded: [UInt8] = []
            UnsignedVarint.append(decoded.value, to: &encoded)
            #expect(encoded == [UInt8](bytes.prefix(decoded.length)))
        }
    }
}
