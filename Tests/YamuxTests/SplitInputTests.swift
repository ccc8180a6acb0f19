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

/// The outcome does not depend on how the bytes were cut on their way.
@Suite struct SplitInputTests {
    private static let script: [WireFrame] = [
        .update(WireFrame.syn, 1, 0),
        .data(0, 1, Array("abcdef".utf8)),
        .ping(WireFrame.syn, 77),
        .data(WireFrame.syn | WireFrame.fin, 3, Array("xyz".utf8)),
        .data(0, 1, []),
        .update(0, 1, 10),
        .data(0, 99, Array("nobody".utf8)),
        .data(WireFrame.fin, 1, Array("ghi".utf8)),
        .update(WireFrame.syn, 5, 0),
        .data(WireFrame.rst, 5, Array("lost".utf8)),
        .goAway(0x1006),
    ]

    private static func outcome(cuts: [Int]) -> (events: [YamuxEvent], output: [UInt8]) {
        let bytes = Self.script.flatMap(\.bytes)
        var session = YamuxSession(role: .server, now: .distantPast)
        var events: [YamuxEvent] = []
        var start = 0
        for end in cuts + [bytes.count] {
            events += session.receive(bytes: Array(bytes[start..<end]))
            start = end
        }
        return (merged(events), session.output())
    }

    @Test func sameOutcomeForTwoPiecesCutAnywhere() {
        let whole = Self.outcome(cuts: [])
        #expect(whole.events.count == 11)
        for cut in 1..<Self.script.flatMap(\.bytes).count {
            let cutOutcome = Self.outcome(cuts: [cut])
            #expect(cutOutcome.events == whole.events, "cut at \(cut)")
            #expect(cutOutcome.output == whole.output, "cut at \(cut)")
        }
    }

    @Test func sameOutcomeByteForByte() {
        let whole = Self.outcome(cuts: [])
        let drip = Self.outcome(cuts: Array(1..<Self.script.flatMap(\.bytes).count))
        #expect(drip.events == whole.events)
        #expect(drip.output == whole.output)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func sameOutcomeForRandomCuts(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let total = Self.script.flatMap(\.bytes).count
        let cuts = (1..<total).filter { _ in Int.random(in: 0..<8, using: &random) == 0 }
        let whole = Self.outcome(cuts: [])
        let cutOutcome = Self.outcome(cuts: cuts)
        #expect(cutOutcome.events == whole.events)
        #expect(cutOutcome.output == whole.output)
    }

    @Test func bytesGivenBeforeTheEarlierOnesWereReadAreJoined() {
        let bytes = Self.script.flatMap(\.bytes)
        var session = YamuxSession(role: .server, now: .distantPast)
        for byte in bytes {
            session.receive(ByteBuffer(bytes: [byte]))
        }
        #expect(merged(session.events()) == Self.outcome(cuts: []).events)
    }

    @Test func headersInPiecesTakeNoMoreThanTheirTwelveBytes() {
        var session = YamuxSession(role: .server, now: .distantPast)
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        let frame = WireFrame.data(0, 1, [1]).bytes
        for _ in 0..<10_000 {
            _ = session.receive(bytes: Array(frame.prefix(5)))
            _ = session.receive(bytes: Array(frame.dropFirst(5)))
        }
        #expect(session.partialHeader.capacity <= 64)
        #expect(session.input.capacity == 0)
    }

    @Test func payloadIsDeliveredInTheMemoryThatWasReceived() {
        var session = YamuxSession(role: .server, now: .distantPast)
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        let buffer = ByteBuffer(bytes: WireFrame.data(0, 1, [UInt8](repeating: 3, count: 10_000)).bytes)
        let address = buffer.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        session.receive(buffer)
        guard case .data(1, let data)? = session.nextEvent(now: .distantPast) else {
            Issue.record("no data")
            return
        }
        #expect(data.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } == address + 12)
    }

    @Test(arguments: Cut.allCases)
    func joinedSessionsAgreeHoweverTheBytesAreCut(cut: Cut) throws {
        var pair = SessionPair(cut: cut, seed: 5)
        let payload = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let first = try pair.client.session.openStream(now: pair.now)
        try pair.client.session.write(payload, on: first)
        pair.client.session.finish(first)
        let second = try pair.server.session.openStream(now: pair.now)
        try pair.server.session.write(Array(payload.prefix(10)), on: second)
        pair.pump()
        pair.client.session.finish(second)
        try pair.server.session.write(Array(payload.reversed()), on: first)
        pair.server.session.finish(first)
        pair.pump()
        pair.server.session.reset(second, code: 9)
        pair.pump()

        #expect(pair.server.received[first] == payload)
        #expect(pair.client.received[first] == payload.reversed())
        #expect(pair.client.received[second] == Array(payload.prefix(10)))
        #expect(pair.client.story(of: first) == [.streamAcknowledged(first), .finished(first), .closed(first)])
        #expect(pair.server.story(of: first) == [.streamOpened(first), .finished(first), .closed(first)])
        #expect(pair.client.story(of: second) == [.streamOpened(second), .reset(second, code: 9)])
        #expect(pair.server.story(of: second) == [.streamAcknowledged(second), .finished(second)])
        #expect(pair.client.written(on: first) == payload.count)
        #expect(pair.server.written(on: first) == payload.count)
        #expect(pair.client.session.isEmpty)
        #expect(pair.server.session.isEmpty)
        #expect(pair.monitor.overdrafts == 0)
    }
}
