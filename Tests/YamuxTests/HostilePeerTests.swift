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

/// What a hostile or broken peer sends, and what must become of it.
@Suite struct HostilePeerTests {
    private static let window = UInt32(YamuxConfiguration.initialWindow)

    private func server(_ configuration: YamuxConfiguration = YamuxConfiguration()) -> YamuxSession {
        YamuxSession(role: .server, configuration: configuration, now: .distantPast)
    }

    /// Repeats frames until the session fails; returns how often, and the error.
    private func flood(
        _ session: inout YamuxSession,
        limit: Int = 1_000_000,
        reading: Bool = true,
        _ frames: (Int) -> [WireFrame]
    ) -> (rounds: Int, error: YamuxError?) {
        for round in 0..<limit {
            let events = session.receive(frames(round))
            if let error = failure(in: events) { return (round, error) }
            if reading { _ = session.output() }
        }
        return (limit, nil)
    }

    private func expectProtocolError(_ session: inout YamuxSession, _ events: [YamuxEvent]) {
        #expect(failure(in: events)?.code == .protocolViolation)
        #expect(session.outputFrames() == [.goAway(1)])
        #expect(session.streamCount == 0)
        #expect(session.receive([.ping(WireFrame.syn, 1)]).isEmpty)
        #expect(!session.hasOutput)
    }

    // MARK: Windows

    @Test func theLargestWindowUpdateAgainAndAgainIsAProtocolError() {
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        self.expectProtocolError(&session, session.receive([.update(0, 1, .max), .update(0, 1, .max)]))
    }

    @Test func aWindowOfThirtyTwoBitsIsAllowedAndOneMoreIsNot() {
        var session = self.server()
        let rest = UInt32.max - Self.window
        #expect(session.receive([.update(WireFrame.syn, 1, 0), .update(0, 1, rest)]).last == .windowOpened(1))
        self.expectProtocolError(&session, session.receive([.update(0, 1, 1)]))
    }

    @Test func aSYNWhoseWindowLeavesThirtyTwoBitsOpensNothing() {
        var session = self.server()
        let events = session.receive([.update(WireFrame.syn, 1, .max)])
        #expect(events.count == 1)
        self.expectProtocolError(&session, events)
    }

    @Test func anAcknowledgementWhoseWindowLeavesThirtyTwoBitsIsAProtocolError() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        _ = try session.openStream(now: .distantPast)
        _ = session.output()
        self.expectProtocolError(&session, session.receive([.update(WireFrame.ack, 1, .max)]))
    }

    @Test(arguments: [UInt16(0), 4, 8, 12, 2, 6])
    func aSYNWithDataBeyondTheWindowOpensNothing(flags: UInt16) {
        var session = self.server()
        session.receive(ByteBuffer(bytes: WireFrame.announce(WireFrame.syn | flags, 1, Self.window + 1).bytes))
        let events = session.events()
        #expect(events.count == 1)
        self.expectProtocolError(&session, events)
    }

    @Test(arguments: [UInt16(0), 4, 8])
    func dataBeyondTheWindowIsAProtocolErrorBeforeItsPayload(flags: UInt16) {
        var session = self.server()
        _ = session.receive([.data(WireFrame.syn, 1, [1, 2, 3])])
        let events = session.receive([.announce(flags, 1, Self.window - 2)])
        #expect(events.count == 1)
        self.expectProtocolError(&session, events)
    }

    @Test func dataOfExactlyTheWindowIsTaken() {
        var session = self.server()
        let events = session.receive([.data(WireFrame.syn, 1, [UInt8](repeating: 1, count: Int(Self.window)))])
        #expect(events.count == 2)
        self.expectProtocolError(&session, session.receive([.announce(0, 1, 1)]))
    }

    @Test func creditThatWasNotFramedYetIsNotThePeers() {
        // A peer that never reads, so that nothing can be sent to it, and goes on sending.
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        let half = [UInt8](repeating: 0, count: Int(Self.window / 2))
        for _ in 0..<2 {
            #expect(failure(in: session.receive([.data(0, 1, half)])) == nil)
            session.consumed(half.count, on: 1, now: .distantPast)
        }
        var reading = session
        _ = reading.output()
        #expect(failure(in: reading.receive([.data(0, 1, half)])) == nil)
        self.expectProtocolError(&session, session.receive([.data(0, 1, [1])]))
    }

    // MARK: Illegal frames

    @Test(arguments: [
        "01 00 0000 00000001 00000000",  // version
        "00 04 0000 00000001 00000000",  // type
        "00 FF FFFF FFFFFFFF FFFFFFFF",
        "00 00 0001 00000000 00000000",  // stream 0
        "00 01 0000 00000000 00000001",
        "00 00 0008 00000000 FFFFFFFF",
        "00 02 0001 00000001 00000000",  // ping of a stream
        "00 03 0000 00000001 00000000",  // GoAway of a stream
        "00 01 0001 00000002 00000000",  // SYN with our parity
        "00 00 0009 00000002 00000000",
    ])
    func anIllegalFrameIsAProtocolError(hex: String) {
        var session = self.server()
        self.expectProtocolError(&session, session.receive(bytes: bytes(hex: hex)))
    }

    @Test func aSecondSYNIsAProtocolErrorWhileTheStreamIsOpenAndAfterwards() {
        var open = self.server()
        _ = open.receive([.update(WireFrame.syn, 1, 0)])
        self.expectProtocolError(&open, open.receive([.update(WireFrame.syn, 1, 0)]))

        var reset = self.server()
        _ = reset.receive([.update(WireFrame.syn, 1, 0), .update(WireFrame.rst, 1, 0)])
        _ = reset.output()
        self.expectProtocolError(&reset, reset.receive([.data(WireFrame.syn, 1, [1])]))

        var refused = self.server()
        refused.goAway(code: 0)
        _ = refused.receive([.update(WireFrame.syn, 1, 0)])
        #expect(failure(in: refused.receive([.update(WireFrame.syn, 1, 0)]))?.code == .protocolViolation)
    }

    @Test func dataAfterFinishIsDroppedAndCounted() {
        var session = self.server()
        _ = session.receive([.data(WireFrame.syn | WireFrame.fin, 1, [1])])
        #expect(session.receive([.data(0, 1, [2, 3]), .ping(WireFrame.syn, 5)]).isEmpty)
        #expect(session.outputFrames().first == .ping(WireFrame.ack, 5))
        let (rounds, error) = self.flood(&session) { _ in [.data(0, 1, [1])] }
        #expect(error?.code == .tooManyOddities)
        #expect(rounds < 1100)
    }

    // MARK: Floods

    @Test func aMillionEmptyDataFramesEndTheSession() {
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        let (rounds, error) = self.flood(&session) { _ in [.data(0, 1, [])] }
        #expect(error?.code == .tooManyOddities)
        #expect(rounds == 1000)
        #expect(session.outputFrames() == [.goAway(1)])
    }

    @Test(arguments: [UInt16(2), 4, 6])
    func emptyDataWithRepeatedFlagsEndsTheSession(flags: UInt16) {
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        #expect(self.flood(&session) { _ in [.data(flags, 1, [])] }.rounds <= 1001)
    }

    @Test func updatesOfNothingEndTheSession() {
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        #expect(self.flood(&session) { _ in [.update(0, 1, 0)] }.rounds == 1000)
    }

    @Test func updatesThatGiveBackNothingWeSentEndTheSession() {
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        #expect(self.flood(&session) { _ in [.update(0, 1, 1)] }.rounds == 1000)
    }

    @Test func updatesThatGiveBackWhatWeSentCostNothing() throws {
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        for _ in 0..<5000 {
            try session.write([1, 2, 3], on: 1)
            _ = session.output()
            for _ in 0..<3 {
                #expect(failure(in: session.receive([.update(0, 1, 1)])) == nil)
            }
        }
    }

    @Test func streamsOpenedAndResetEndTheSession() {
        var together = self.server()
        let inOne = self.flood(&together) { [.update(WireFrame.syn | WireFrame.rst, UInt32($0) * 2 + 1, 0)] }
        #expect(inOne.error?.code == .tooManyOddities)
        #expect(inOne.rounds == 1000)

        var apart = self.server()
        let inTwo = self.flood(&apart) {
            let id = UInt32($0) * 2 + 1
            return [.update(WireFrame.syn, id, 0), .update(WireFrame.rst, id, 0)]
        }
        #expect(inTwo.rounds == 1000)
    }

    @Test func streamsThatMakeUsResetEndTheSession() {
        var session = self.server()
        var rounds = 0
        var error: YamuxError?
        while error == nil, rounds < 10_000 {
            _ = session.receive([.update(WireFrame.syn, UInt32(rounds) * 2 + 1, 0)])
            session.reset(YamuxStreamID(rawValue: UInt32(rounds) * 2 + 1), code: 1)
            _ = session.output()
            error = failure(in: session.events())
            rounds += 1
        }
        #expect(error?.code == .tooManyOddities)
        #expect(rounds == 1001)
    }

    @Test func tenThousandStreamsWithoutReadingStayBounded() {
        var session = self.server()
        var highest = 0
        var largestOutput = 0
        var rounds: UInt32 = 0
        var error: YamuxError?
        while error == nil, rounds < 10_000 {
            error = failure(in: session.receive([.update(WireFrame.syn, rounds * 2 + 1, 0)]))
            highest = max(highest, session.streamCount)
            if rounds % 100 == 0 {
                var copy = session
                largestOutput = max(largestOutput, copy.output().count)
            }
            rounds += 1
        }
        #expect(highest == 256)
        #expect(error?.code == .tooManyOddities)
        #expect(rounds == 1257)
        #expect(largestOutput <= (1000 + 256) * 12)
        #expect(session.outputFrames() == [.goAway(1)])
    }

    @Test func streamsBeyondTheLimitAreRefusedAndTheirDataIsDropped() {
        var configuration = YamuxConfiguration()
        configuration.maximumInboundStreams = 1
        var session = self.server(configuration)
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        _ = session.output()
        let events = session.receive([.data(WireFrame.syn, 3, [1, 2]), .data(0, 3, [3]), .data(0, 1, [4])])
        #expect(events == [.data(1, ByteBuffer(bytes: [4]))])
        #expect(session.outputFrames() == [.update(WireFrame.rst, 3, 0x1002)])
        // A place becomes free.
        #expect(session.receive([.update(WireFrame.rst, 1, 0), .update(WireFrame.syn, 5, 0)]).last == .streamOpened(5))
    }

    @Test func whatARefusedStreamSendsBeforeItKnowsIsNotCharged() {
        var configuration = YamuxConfiguration()
        configuration.maximumInboundStreams = 0
        var session = self.server(configuration)
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        _ = session.output()
        for _ in 0..<2000 {
            #expect(session.receive([.data(0, 1, [UInt8](repeating: 0, count: 128))]).isEmpty)
        }
    }

    @Test func resetsThatThePeerDoesNotReadAreBounded() {
        var configuration = YamuxConfiguration()
        configuration.maximumInboundStreams = 0
        configuration.maximumBufferedResets = 100
        var session = self.server(configuration)
        let (rounds, error) = self.flood(&session, reading: false) { [.update(WireFrame.syn, UInt32($0) * 2 + 1, 0)] }
        #expect(error?.code == .tooManyControlFrames)
        #expect(rounds == 100)
        #expect(session.outputFrames() == [.goAway(1)])
    }

    @Test func ofPingRepliesOneIsHeldAndAFloodEndsTheSession() {
        var session = self.server()
        _ = session.receive([.ping(WireFrame.syn, 1), .ping(WireFrame.syn, 2), .ping(WireFrame.syn, 3)])
        #expect(session.outputFrames() == [.ping(WireFrame.ack, 3)])
        let (rounds, error) = self.flood(&session, reading: false) { [.ping(WireFrame.syn, UInt32($0))] }
        #expect(error?.code == .tooManyOddities)
        #expect(rounds < 1000)
    }

    @Test func pingsWithoutAMeaningAreCounted() {
        var session = self.server()
        #expect(session.receive([.ping(0, 1), .ping(WireFrame.ack, 4)]).isEmpty)
        #expect(!session.hasOutput)
        #expect(self.flood(&session) { [.ping($0 % 2 == 0 ? 0 : WireFrame.ack, 1)] }.rounds == 998)
    }

    @Test func onePingASecondIsNeverTooMuch() {
        var session = self.server()
        for second in 1...20_000 as ClosedRange<Int64> {
            let events = session.receive([.ping(WireFrame.syn, 1)], now: .at(.seconds(second)))
            #expect(events.isEmpty)
            _ = session.output()
        }
    }

    @Test func goAwayIsReportedOnceAndAFloodEndsTheSession() {
        var session = self.server()
        #expect(session.receive([.goAway(5), .goAway(5)]) == [.goAway(code: 5)])
        #expect(self.flood(&session) { _ in [.goAway(0)] }.rounds == 999)
    }

    @Test func framesForStreamsThatNeverWereAreDroppedAndCounted() {
        var session = self.server()
        let odd: [WireFrame] = [
            .data(0, 7, [1]), .data(WireFrame.fin, 8, []), .update(0, 9, .max), .update(WireFrame.rst, 10, 1),
            .update(WireFrame.ack, 4, 1),
        ]
        #expect(session.receive(odd).isEmpty)
        #expect(!session.hasOutput)
        #expect(self.flood(&session) { [odd[$0 % odd.count]] }.rounds == 995)
    }

    @Test func dataWithoutEndForAnUnknownStreamEndsTheSession() {
        var session = self.server()
        // Four gibibytes announced at once: the price is due with the header.
        #expect(failure(in: session.receive([.announce(0, 7, .max)]))?.code == .tooManyOddities)

        var patient = self.server()
        let payload = [UInt8](repeating: 0, count: 65_536)
        let (rounds, error) = self.flood(&patient) { _ in [.data(0, 7, payload)] }
        #expect(error?.code == .tooManyOddities)
        #expect(rounds * payload.count < 4_300_000)
    }

    @Test func whatWasUnderWayAtAResetIsDroppedWithoutCharge() {
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        session.reset(1, code: 0)
        _ = session.output()
        // A window's worth of tiny frames: many more than the budget has.
        var frames: [WireFrame] = []
        for _ in 0..<(Int(Self.window) / 16) {
            frames.append(.data(0, 1, [UInt8](repeating: 0, count: 16)))
        }
        #expect(session.receive(frames).isEmpty)
        // And from there on each is counted.
        let (rounds, _) = self.flood(&session) { _ in [.data(0, 1, [1])] }
        #expect(rounds < 1000)
    }

    @Test func aResetInTheMiddleOfAFrameDropsTheRest() {
        var session = self.server()
        let frame = WireFrame.data(WireFrame.syn, 1, [1, 2, 3, 4, 5, 6]).bytes
        #expect(session.receive(bytes: Array(frame.prefix(14))).count == 2)
        session.reset(1, code: 3)
        #expect(
            session.receive(bytes: Array(frame.dropFirst(14)) + WireFrame.update(WireFrame.syn, 3, 0).bytes) == [
                .streamOpened(3)
            ])
    }

    @Test func usefulDataPaysForOddities() {
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        let payload = [UInt8](repeating: 0, count: 2048)
        for _ in 0..<5000 {
            let events = session.receive([.data(0, 1, payload), .data(0, 1, [])])
            #expect(failure(in: events) == nil)
            session.consumed(payload.count, on: 1, now: .distantPast)
            _ = session.output()
        }
    }

    @Test func onlyGoAwayIsSentAfterAFailureAndOnlyOnce() throws {
        var session = self.server()
        _ = session.receive([.update(WireFrame.syn, 1, 0), .ping(WireFrame.syn, 1)])
        try session.write([1, 2, 3], on: 1)
        session.goAway(code: 0x1006)
        session.sendPing(now: .distantPast)
        _ = session.receive([.update(0, 0, 0)])
        #expect(session.outputFrames() == [.goAway(1)])
        session.goAway(code: 0)
        session.sendPing(now: .distantPast)
        session.finish(1)
        session.reset(1, code: 0)
        session.consumed(1, on: 1, now: .distantPast)
        session.handleTimeout(now: .distantFuture)
        #expect(!session.hasOutput)
        #expect(session.events().isEmpty)
        #expect(throws: YamuxError.self) { try session.openStream(now: .distantPast) }
        #expect(throws: YamuxError.self) { try session.write([1], on: 1) }
    }

    @Test func errorMessagesAreOneLine() throws {
        var session = self.server()
        let events = session.receive(bytes: [UInt8](repeating: 10, count: 12))
        let error = try #require(failure(in: events))
        #expect(error.description == "protocolViolation: version 10 is not known")
    }
}
