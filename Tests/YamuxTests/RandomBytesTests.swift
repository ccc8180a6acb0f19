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
import Testing

@testable import Yamux

/// Whatever arrives, the session goes on or ends in a documented error.
@Suite struct RandomBytesTests {
    private static let documented: Set<YamuxError.Code> = [.protocolViolation, .tooManyOddities, .tooManyControlFrames]

    /// Feeds bytes in random pieces to a session in use, and checks its ending.
    private static func feed(_ bytes: [UInt8], random: inout SplitMix64) throws {
        var session = YamuxSession(role: Bool.random(using: &random) ? .client : .server, now: .distantPast)
        for _ in 0..<3 {
            let id = try session.openStream(now: .distantPast)
            try session.write([1, 2, 3], on: id)
        }
        _ = session.output()
        var rest = bytes[...]
        var hasFailed = false
        while !rest.isEmpty {
            let size = Int.random(in: 1...50, using: &random)
            session.receive(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let event = session.nextEvent(now: .distantPast) {
                #expect(!hasFailed, "an event after the end")
                switch event {
                case .data(let id, let data):
                    #expect(data.readableBytes > 0)
                    session.consumed(data.readableBytes, on: id, now: .distantPast)
                case .failed(let error):
                    hasFailed = true
                    #expect(Self.documented.contains(error.code))
                default:
                    break
                }
            }
            _ = session.output()
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func randomBytes(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let bytes = (0..<1000).map { _ in UInt8.random(in: 0...255, using: &random) }
        try Self.feed(bytes, random: &random)
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func randomFramesThatAreNearlyLegal(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var bytes: [UInt8] = []
        for _ in 0..<200 {
            var frame = WireFrame(
                type: UInt8.random(in: 0...3, using: &random),
                flags: UInt16.random(in: 0...15, using: &random),
                id: UInt32.random(in: 1...12, using: &random),
                value: UInt32.random(in: 0...40, using: &random)
            )
            if frame.type >= WireFrame.ping { frame.id = 0 }
            if frame.type == WireFrame.data { frame.payload = [UInt8](repeating: 5, count: Int(frame.value)) }
            if frame.flags & WireFrame.syn != 0, Int.random(in: 0..<3, using: &random) > 0 {
                frame.flags &= ~WireFrame.syn
            }
            if Int.random(in: 0..<50, using: &random) == 0 { frame.value = .random(in: 0 ... .max, using: &random) }
            bytes += frame.bytes
        }
        try Self.feed(bytes, random: &random)
    }

    @Test func everyByteOfATranscriptFlipped() throws {
        let transcript = [
            WireFrame.update(WireFrame.ack, 1, 0), .data(0, 1, [1, 2, 3]), .ping(WireFrame.syn, 4),
            .update(WireFrame.syn, 2, 100), .data(WireFrame.fin, 2, [9, 9]), .update(WireFrame.rst, 1, 3), .goAway(0),
        ].flatMap(\.bytes)
        var random = SplitMix64(seed: 9)
        for index in transcript.indices {
            for bit in 0..<8 {
                var flipped = transcript
                flipped[index] ^= 1 << UInt8(bit)
                try Self.feed(flipped, random: &random)
            }
        }
    }

    @Test func everyTruncationOfATranscriptWaits() throws {
        let frames: [WireFrame] = [.update(WireFrame.syn, 1, 0), .data(WireFrame.fin, 1, [1, 2, 3])]
        let transcript = frames.flatMap(\.bytes)
        for count in 0..<transcript.count {
            var session = YamuxSession(role: .server, now: .distantPast)
            let events = session.receive(bytes: Array(transcript.prefix(count)))
            #expect(failure(in: events) == nil)
            #expect(!events.contains(.finished(1)))
        }
    }
}
