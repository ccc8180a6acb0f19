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
import NIOCore
import Testing

@testable import Glueberry

@Suite struct FrameDecoderTests {
    private func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        UnsignedVarint.append(value, to: &bytes)
        return bytes
    }

    /// Feeds a decoder piece by piece, as a stream does; returns the payloads and the error that ended it.
    private func decode(_ pieces: [ArraySlice<UInt8>], maximum: Int) -> (payloads: [[UInt8]], error: FrameError?) {
        let decoder = FrameDecoder(maximumPayload: maximum)
        var input = ByteBuffer()
        var payloads: [[UInt8]] = []
        for piece in pieces {
            input.writeBytes(piece)
            do throws(FrameError) {
                while let payload = try decoder.next(&input) { payloads.append(Array(payload.readableBytesView)) }
            } catch {
                return (payloads, error)
            }
        }
        return (payloads, nil)
    }

    private func refusal(_ bytes: [UInt8], maximum: Int = 1000) -> FrameError? {
        self.decode([bytes[...]], maximum: maximum).error
    }

    private static let payloads: [[UInt8]] = [[], [1], pattern(126), pattern(127), pattern(128), [], pattern(300), [7]]

    private static var stream: [UInt8] {
        Self.payloads.flatMap { Array(Frame.encode(ByteBuffer(bytes: $0)).readableBytesView) }
    }

    @Test func framesSplitInTwoAtEveryOffsetAreTheSame() {
        let stream = Self.stream
        for offset in 0...stream.count {
            let result = decode([stream[..<offset], stream[offset...]], maximum: 300)
            #expect(result.payloads == Self.payloads)
            #expect(result.error == nil)
        }
    }

    @Test func framesFedByteByByteAreTheSame() {
        let stream = Self.stream
        let result = decode(stream.indices.map { stream[$0...$0] }, maximum: 300)
        #expect(result.payloads == Self.payloads)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func framesInRandomPiecesAreTheSame(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let stream = Self.stream
        var pieces: [ArraySlice<UInt8>] = []
        var rest = stream[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Int.random(in: 0...90, using: &random))
            rest = rest.dropFirst(piece.count)
            pieces.append(piece)
        }
        let result = decode(pieces, maximum: 300)
        #expect(result.payloads == Self.payloads)
    }

    @Test func anAnnouncementBeyondTheMaximumIsRefusedByItsHeaderAlone() {
        let announced: UInt64 = 64 * 1024 * 1024
        let header = varint(announced)
        // Up to the last byte of the length nothing can be known, and then nothing more is waited for.
        #expect(decode([header.dropLast()], maximum: 10 * 1024 * 1024).error == nil)
        let maximum = 10 * 1024 * 1024
        #expect(refusal(header, maximum: maximum) == .tooLarge(announced: announced, maximum: maximum))
        #expect(refusal(varint(.max)) == .tooLarge(announced: .max, maximum: 1000))
    }

    @Test func aPayloadOneByteOverTheMaximumIsRefusedBeforeItArrives() {
        let inner = varint(1001)
        let outer = varint(UInt64(inner.count) + 1001)
        #expect(refusal(outer + inner) == .tooLarge(announced: 1001, maximum: 1000))
        let largest = Array(Frame.encode(ByteBuffer(bytes: pattern(1000))).readableBytesView)
        #expect(decode([largest[...]], maximum: 1000).payloads == [pattern(1000)])
    }

    @Test(arguments: [
        // The inner length does not fill the outer one, is longer than it, or has no room in it.
        "03016800", "050168", "0368", "00", "0180", "028080", "0101", "0a0568656c6c6f000000",
    ])
    func lengthsThatDisagreeAreRefused(hex: String) {
        let result = decode([hexadecimal(hex)[...]], maximum: 1000)
        #expect(result.error == .lengthsDisagree)
        #expect(result.payloads.isEmpty)
    }

    @Test func aVarintOfTenBytesIsTakenAndOneOfElevenIsMalformed() {
        // Both lengths, 2 and 1, in ten bytes each; the outer one counts the ten bytes of the inner.
        let ten: [UInt8] = [0x81] + [UInt8](repeating: 0x80, count: 8) + [0]
        let outer: [UInt8] = [0x8b] + [UInt8](repeating: 0x80, count: 8) + [0]
        #expect(decode([(outer + ten + [0x68])[...]], maximum: 10).payloads == [[0x68]])
        #expect(refusal([UInt8](repeating: 0x80, count: 10)) == .malformedLength)
        #expect(refusal([UInt8](repeating: 0x80, count: 10) + [0]) == .malformedLength)
        #expect(refusal([0x0b] + [UInt8](repeating: 0x80, count: 10) + [0]) == .malformedLength)
        #expect(decode([[UInt8](repeating: 0x80, count: 9)[...]], maximum: 10).error == nil)
        // The tenth byte has room for one bit.
        #expect(refusal([UInt8](repeating: 0x80, count: 9) + [2]) == .malformedLength)
    }

    @Test func lengthsThatAreNotMinimalAreTaken() {
        #expect(decode([[0x83, 0x00, 0x81, 0x00, 0x68]], maximum: 10).payloads == [[0x68]])
        #expect(decode([[0x81, 0x80, 0x00, 0x00]], maximum: 10).payloads == [[]])
    }

    @Test func whatIsNotCompleteIsLeftAsItIs() throws {
        var input = ByteBuffer(bytes: [0x06, 0x05, 1, 2, 3])
        #expect(try FrameDecoder(maximumPayload: 10).next(&input) == nil)
        #expect(input.readableBytes == 5)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func randomBytesEndInAnErrorOrInPayloadsWithinTheMaximum(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<250 {
            var bytes = random.bytes(Int.random(in: 0...64, using: &random))
            // Small lengths at the start reach deeper than random ones would.
            if Bool.random(using: &random), bytes.count > 1 {
                bytes[0] = UInt8.random(in: 0...70, using: &random)
                bytes[1] = UInt8.random(in: 0...70, using: &random)
            }
            let whole = decode([bytes[...]], maximum: 50)
            #expect(whole.payloads.allSatisfy { $0.count <= 50 })
            let drips = decode(bytes.indices.map { bytes[$0...$0] }, maximum: 50)
            #expect(drips.payloads == whole.payloads)
            #expect(drips.error == whole.error)
        }
    }

    @Test func everyFlippedBitOfAFrameEndsInAnErrorOrInOtherPayloads() {
        let frame = Array(Frame.encode(ByteBuffer(bytes: pattern(20))).readableBytesView)
        for index in frame.indices {
            for bit in 0..<8 {
                var flipped = frame
                flipped[index] ^= 1 << UInt8(bit)
                let result = decode([flipped[...]], maximum: 50)
                #expect(result.error != nil || result.payloads != [pattern(20)])
            }
        }
    }
}
