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
import Testing

@testable import Noise

@Suite struct NoiseTransportTests {
    private let key: ChaCha20Poly1305Key

    init() throws {
        self.key = try ChaCha20Poly1305Key(bytes: Array(0..<32))
    }

    /// A transport that talks to itself: both directions have the same key.
    private func loop(sent: UInt64 = 0, received: UInt64 = 0) -> NoiseTransport {
        NoiseTransport(
            sending: NoiseCipherState(key: self.key, counter: sent),
            receiving: NoiseCipherState(key: self.key, counter: received)
        )
    }

    private func seal(_ plaintext: [UInt8], with transport: inout NoiseTransport) throws -> [UInt8] {
        var plaintext = ByteBuffer(bytes: plaintext)
        var output = ByteBuffer()
        try transport.seal(&plaintext, into: &output)
        #expect(plaintext.readableBytes == 0)
        return Array(output.readableBytesView)
    }

    private func open(
        _ frames: [UInt8], with transport: inout NoiseTransport
    ) throws -> (frames: Int, plaintext: [UInt8]) {
        var input = ByteBuffer(bytes: frames)
        var output = ByteBuffer()
        let count = try transport.open(&input, into: &output)
        #expect(input.readableBytes == 0)
        return (count, Array(output.readableBytesView))
    }

    /// A frame made with the cipher itself.
    private func frameByHand(_ plaintext: [UInt8], number: UInt64) throws -> [UInt8] {
        var message = plaintext + [UInt8](repeating: 0, count: 16)
        try message.withUnsafeMutableBytes {
            try self.key.seal(
                $0,
                nonce: AEADNonce(noiseCounter: number),
                authenticating: UnsafeRawBufferPointer(start: nil, count: 0)
            )
        }
        return frame(message)
    }

    // MARK: Frames

    @Test func framesAreSealedWithTheirNumberAsNonce() throws {
        var transport = self.loop()
        for number in 0..<5 {
            let plaintext = [UInt8](repeating: UInt8(number), count: number * 20 + 1)
            #expect(try self.seal(plaintext, with: &transport) == self.frameByHand(plaintext, number: UInt64(number)))
        }
    }

    @Test func saysHowMuchAFrameLacks() throws {
        var transport = self.loop()
        let frames = try self.seal(Array(0..<40), with: &transport) + self.seal([1], with: &transport)
        let length = 40 + NoiseTransport.frameOverhead
        let missing = (0...frames.count).map { NoiseTransport.missing(in: ByteBuffer(bytes: frames.prefix($0))) }
        #expect(Array(missing.prefix(2)) == [2, 1])
        #expect(Array(missing[2...length]) == (0...length - 2).reversed().map(\.self))
        #expect(missing[length...].allSatisfy { $0 == 0 })
    }

    @Test(arguments: [(1, 1), (65518, 1), (65519, 1), (65520, 2), (2 * 65519, 2), (2 * 65519 + 1, 3), (1_000_000, 16)])
    func takesAsFewFramesAsPossible(length: Int, frames: Int) throws {
        var random = SplitMix64(seed: UInt64(length))
        let plaintext = random.bytes(length)
        var transport = self.loop()
        let sealed = try self.seal(plaintext, with: &transport)
        #expect(sealed.count == length + frames * NoiseTransport.frameOverhead)
        let opened = try self.open(sealed, with: &transport)
        #expect(opened.frames == frames)
        #expect(opened.plaintext == plaintext)
    }

    @Test func theLongestFrameIsFull() throws {
        #expect(NoiseTransport.maximumPlaintextLength == 65519)
        var transport = self.loop()
        let sealed = try self.seal([UInt8](repeating: 1, count: 65519), with: &transport)
        #expect(sealed.starts(with: [0xff, 0xff]))
        #expect(sealed.count == 2 + 65535)
    }

    @Test func anEmptyPlaintextLeadsToNoFrame() throws {
        var transport = self.loop()
        #expect(try self.seal([], with: &transport) == [])
        #expect(try self.seal([7], with: &transport) == self.frameByHand([7], number: 0))
    }

    @Test func emptyFramesAreLegalAndCounted() throws {
        var transport = self.loop()
        let frames =
            try self.frameByHand([], number: 0)
            + self.frameByHand([1, 2], number: 1)
            + self.frameByHand([], number: 2)
        let opened = try self.open(frames, with: &transport)
        #expect(opened.frames == 3)
        #expect(opened.plaintext == [1, 2])
        #expect(transport.emptyFramesReceived == 2)
    }

    @Test func bothCallsAppendToWhatIsThere() throws {
        var transport = self.loop()
        var plaintext = ByteBuffer(string: "message")
        var frames = ByteBuffer(string: "before")
        try transport.seal(&plaintext, into: &frames)
        #expect(frames.readString(length: 6) == "before")
        var opened = ByteBuffer(string: "earlier ")
        #expect(try transport.open(&frames, into: &opened) == 1)
        #expect(opened == ByteBuffer(string: "earlier message"))
    }

    @Test func sliceAndCopyOfABufferAreNotDisturbed() throws {
        var transport = self.loop()
        var whole = ByteBuffer(string: "head and tail")
        let copy = whole
        var head = ByteBuffer(string: "")
        if let slice = whole.readSlice(length: 4) { head = slice }
        var frames = ByteBuffer()
        try transport.seal(&head, into: &frames)
        try transport.seal(&whole, into: &frames)
        let sealed = frames
        var opened = ByteBuffer()
        #expect(try transport.open(&frames, into: &opened) == 2)
        #expect(opened == copy)
        #expect(sealed.readableBytes == copy.readableBytes + 2 * NoiseTransport.frameOverhead)
        #expect(
            Array(sealed.readableBytesView) == (try self.frameByHand(Array("head".utf8), number: 0))
                + (try self.frameByHand(Array(" and tail".utf8), number: 1)))
    }

    // MARK: Pieces

    @Test func everySplitLeadsToTheSamePlaintext() throws {
        var sender = self.loop()
        let frames =
            try self.seal([1], with: &sender) + self.seal(Array(0..<100), with: &sender)
            + self.frameByHand([], number: 2) + self.frameByHand([9, 9], number: 3)
        let expected: [UInt8] = [1] + Array(0..<100) + [9, 9]
        for offset in 0...frames.count {
            var receiver = self.loop()
            var input = ByteBuffer(bytes: frames.prefix(offset))
            var output = ByteBuffer()
            var count = try receiver.open(&input, into: &output)
            input.writeBytes(frames.dropFirst(offset))
            count += try receiver.open(&input, into: &output)
            #expect(count == 4)
            #expect(Array(output.readableBytesView) == expected)
            #expect(input.readableBytes == 0)
        }
    }

    @Test(arguments: 0..<20) func randomPiecesInBothDirectionsLeadToTheSamePlaintext(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var (initiator, responder) = try transports(seed: seed)
        for _ in 0..<2 {
            var wire = ByteBuffer()
            var sent: [UInt8] = []
            for _ in 0..<Int.random(in: 1...10, using: &random) {
                let plaintext = random.bytes(Int.random(in: 0...2000, using: &random))
                sent += plaintext
                var buffer = ByteBuffer(bytes: plaintext)
                try initiator.seal(&buffer, into: &wire)
            }
            var input = ByteBuffer()
            var received = ByteBuffer()
            while wire.readableBytes > 0 {
                let length = Int.random(in: 1...wire.readableBytes, using: &random)
                input.writeBytes(wire.readBytes(length: length) ?? [])
                _ = try responder.open(&input, into: &received)
            }
            #expect(Array(received.readableBytesView) == sent)
            #expect(input.readableBytes == 0)
            swap(&initiator, &responder)
        }
    }

    // MARK: Hostile frames

    @Test func everyFlippedByteOfAFrameFails() throws {
        var sender = self.loop()
        let sealed = try self.seal(Array("a message".utf8), with: &sender)
        for offset in sealed.indices {
            for mask: UInt8 in [0x01, 0x80] {
                var receiver = self.loop()
                var altered = sealed
                altered[offset] ^= mask
                var input = ByteBuffer(bytes: altered)
                var output = ByteBuffer()
                do throws(NoiseError) {
                    // A length that was made larger makes it wait.
                    #expect(try receiver.open(&input, into: &output) == 0)
                    #expect(offset < 2)
                } catch {
                    #expect(error.code == .decryptionFailed)
                }
                #expect(output.readableBytes == 0)
            }
        }
    }

    @Test func aFailureIsFinalInBothDirections() throws {
        var transport = self.loop()
        var good = ByteBuffer(bytes: try self.frameByHand([1], number: 0))
        var altered = try self.frameByHand([1], number: 0)
        altered[5] ^= 1
        #expect(throws: NoiseError.self) { try self.open(altered, with: &transport) }
        var output = ByteBuffer()
        let opening = #expect(throws: NoiseError.self) { try transport.open(&good, into: &output) }
        #expect(opening?.code == .decryptionFailed)
        var plaintext = ByteBuffer(bytes: [1])
        let sealing = #expect(throws: NoiseError.self) { try transport.seal(&plaintext, into: &output) }
        #expect(sealing?.code == .decryptionFailed)
        #expect(output.readableBytes == 0)
        #expect(plaintext.readableBytes == 1)
    }

    @Test func framesBeforeABadOneAreDelivered() throws {
        var transport = self.loop()
        let bad = frame([UInt8](repeating: 3, count: 40))
        var input = ByteBuffer(bytes: try self.frameByHand([1], number: 0) + self.frameByHand([2], number: 1) + bad)
        var output = ByteBuffer()
        #expect(throws: NoiseError.self) { try transport.open(&input, into: &output) }
        #expect(Array(output.readableBytesView) == [1, 2])
        #expect(Array(input.readableBytesView) == bad)
    }

    @Test(arguments: [0, 1, 15]) func aFrameShorterThanItsTagIsRefusedFromItsLength(length: UInt8) {
        var transport = self.loop()
        let error = #expect(throws: NoiseError.self) { try self.open([0, length], with: &transport) }
        #expect(error?.code == .invalidLength)
    }

    @Test func replayedReorderedAndLeftOutFramesAreRefused() throws {
        var sender = self.loop()
        let first = try self.seal([1], with: &sender)
        let second = try self.seal([2], with: &sender)
        for order in [[first, first], [second, first], [second]] {
            var receiver = self.loop()
            let error = #expect(throws: NoiseError.self) { try self.open(order.flatMap { $0 }, with: &receiver) }
            #expect(error?.code == .decryptionFailed)
        }
    }

    @Test func ourOwnFramesReflectedAreRefused() throws {
        var (initiator, responder) = try transports()
        let sealed = try self.seal([1, 2, 3], with: &initiator)
        #expect(throws: NoiseError.self) { try self.open(sealed, with: &initiator) }
        #expect(try self.open(sealed, with: &responder).plaintext == [1, 2, 3])
    }

    @Test func framesOfAnotherConnectionAreRefused() throws {
        var (initiator, _) = try transports(seed: 1)
        var (_, responder) = try transports(seed: 2)
        let sealed = try self.seal([1, 2, 3], with: &initiator)
        #expect(throws: NoiseError.self) { try self.open(sealed, with: &responder) }
    }

    @Test func randomBytesEndInADocumentedErrorOrWait() throws {
        var random = SplitMix64(seed: 51)
        for _ in 0..<2000 {
            var transport = self.loop()
            var input = ByteBuffer(bytes: [0] + random.bytes(Int.random(in: 0...300, using: &random)))
            var output = ByteBuffer()
            do throws(NoiseError) {
                #expect(try transport.open(&input, into: &output) == 0)
            } catch {
                #expect(error.code == .decryptionFailed || error.code == .invalidLength)
            }
            #expect(output.readableBytes == 0)
        }
    }

    // MARK: Nonces

    @Test func theLastNonceIsRefusedAndNoneIsSkippedBeforeIt() throws {
        var transport = self.loop(sent: .max - 2, received: .max - 2)
        for number in [UInt64.max - 2, UInt64.max - 1] as [UInt64] {
            let sealed = try self.seal([5], with: &transport)
            #expect(try sealed == self.frameByHand([5], number: number))
            #expect(try self.open(sealed, with: &transport).plaintext == [5])
        }
        let sealing = #expect(throws: NoiseError.self) { try self.seal([5], with: &transport) }
        #expect(sealing?.code == .nonceExhausted)
        let last = try self.frameByHand([5], number: .max)
        let opening = #expect(throws: NoiseError.self) { try self.open(last, with: &transport) }
        #expect(opening?.code == .nonceExhausted)
    }

    @Test func nothingIsSealedIfNotAllCanBe() throws {
        var transport = self.loop(sent: .max - 2)
        var plaintext = ByteBuffer(repeating: 1, count: 2 * 65519 + 1)
        var output = ByteBuffer()
        let error = #expect(throws: NoiseError.self) { try transport.seal(&plaintext, into: &output) }
        #expect(error?.code == .nonceExhausted)
        #expect(output.readableBytes == 0)
        #expect(plaintext.readableBytes == 2 * 65519 + 1)
        #expect(try self.seal([5], with: &transport) == self.frameByHand([5], number: .max - 2))
    }

    @Test func aFailedOpenDoesNotAdvanceTheNonce() throws {
        var state = NoiseCipherState(key: self.key)
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        let before = state.remainingMessages
        let noise = [UInt8](repeating: 1, count: 20)
        var opened = [UInt8](repeating: 0, count: 4)
        #expect(throws: NoiseError.self) {
            try noise.withUnsafeBytes { noise in
                try opened.withUnsafeMutableBytes { opened in
                    try state.open(noise, into: opened, authenticating: empty)
                }
            }
        }
        #expect(state.remainingMessages == before)
    }
}
