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

@Suite struct KeepAliveTests {
    private func session() -> YamuxSession {
        YamuxSession(role: .client, now: .at(.seconds(0)))
    }

    @Test func pingsAfterTenSeconds() {
        var session = self.session()
        #expect(session.nextDeadline == .at(.seconds(10)))
        session.handleTimeout(now: .at(.milliseconds(9999)))
        #expect(!session.hasOutput)
        session.handleTimeout(now: .at(.seconds(10)))
        #expect(session.outputFrames() == [.ping(WireFrame.syn, 0)])
        #expect(session.nextDeadline == .at(.seconds(15)))
    }

    @Test func aSilentPeerFailsWithinFifteenSeconds() {
        var session = self.session()
        session.handleTimeout(now: .at(.seconds(10)))
        _ = session.output()
        session.handleTimeout(now: .at(.milliseconds(14_999)))
        #expect(session.events(now: .at(.milliseconds(14_999))).isEmpty)
        session.handleTimeout(now: .at(.seconds(15)))
        let events = session.events(now: .at(.seconds(15)))
        #expect(events.count == 1)
        #expect(failure(in: events)?.code == .keepAliveTimeout)
        #expect(session.outputFrames() == [.goAway(2)])
        #expect(session.nextDeadline == nil)
    }

    @Test func theAnswerGivesTheRoundTripAndPlansTheNextPing() {
        var session = self.session()
        session.handleTimeout(now: .at(.seconds(10)))
        let events = session.receive([.ping(WireFrame.ack, 0)], now: .at(.milliseconds(10_040)))
        #expect(events == [.roundTrip(.milliseconds(40))])
        #expect(session.roundTripTime == .milliseconds(40))
        #expect(session.nextDeadline == .at(.milliseconds(20_040)))
        session.handleTimeout(now: .at(.milliseconds(20_040)))
        #expect(session.outputFrames().last == .ping(WireFrame.syn, 1))
    }

    @Test func aConnectionIsMeasuredFourTimesWhileItIsNewAndTheShortestCounts() throws {
        var keepAlive = KeepAlive(interval: .seconds(10), timeout: .seconds(5), now: .at(.zero))
        var now = NIODeadline.at(.zero)
        var action = keepAlive.measure(now: now)
        var waits: [TimeAmount] = []
        for trip in [90, 30, 40, 35] as [Int64] {
            #expect(keepAlive.unloadedRoundTripTime == nil)
            guard case .ping(let value) = action else { throw Missing() }
            now = now + .milliseconds(trip)
            let isFirst = waits.isEmpty
            #expect(
                keepAlive.replied(value: value, now: now) == (isFirst ? .roundTrip(.milliseconds(trip)) : .measured))
            let next = try #require(keepAlive.nextDeadline)
            waits.append(next - now)
            now = next
            action = keepAlive.handleTimeout(now: now)
        }
        #expect(waits.prefix(3) == [.milliseconds(5), .milliseconds(20), .milliseconds(80)])
        // Keep-alive goes by the answer to its own ping.
        #expect(now == .at(.milliseconds(10_090)))
        let trip = try #require(keepAlive.unloadedRoundTripTime)
        #expect((30.0..<32.0).contains(Double(trip.nanoseconds) / 1e6), "30 ms, moved up a little by 40 and 35")
    }

    @Test func aPingThatOnlyMeasuresIsNoReasonToGiveThePeerUp() {
        var session = self.session()
        session.measureRoundTrip(now: .at(.zero))
        _ = session.receive([.ping(WireFrame.ack, 0)], now: .at(.milliseconds(10)))
        session.handleTimeout(now: .at(.milliseconds(15)))
        #expect(session.outputFrames().last == .ping(WireFrame.syn, 1))
        // Keep-alive goes on as if it had not been sent.
        #expect(session.nextDeadline == .at(.milliseconds(10_010)))
        session.handleTimeout(now: .at(.milliseconds(10_010)))
        #expect(session.outputFrames().last == .ping(WireFrame.syn, 2))
        #expect(session.nextDeadline == .at(.milliseconds(15_010)))
        let events = session.receive([.ping(WireFrame.ack, 2)], now: .at(.milliseconds(10_020)))
        #expect(events == [.roundTrip(.milliseconds(10))])
        // What is still to be measured follows.
        #expect(session.nextDeadline == .at(.milliseconds(10_040)))
    }

    @Test func aSessionThatEndsIsNotMeasuredAnyMore() {
        var session = self.session()
        session.measureRoundTrip(now: .at(.zero))
        _ = session.receive([.ping(WireFrame.ack, 0)], now: .at(.milliseconds(10)))
        #expect(session.nextDeadline == .at(.milliseconds(15)))
        _ = session.receive([.goAway(0)], now: .at(.milliseconds(12)))
        #expect(session.nextDeadline == .at(.milliseconds(10_010)))
    }

    @Test func aWayThatHasBecomeLongerIsLearned() throws {
        var keepAlive = KeepAlive(interval: .seconds(10), timeout: .seconds(5), now: .at(.zero))
        var now = NIODeadline.at(.zero)
        for ping in 0..<200 {
            guard case .ping(let value) = keepAlive.pingNow(now: now) else { throw Missing() }
            now = now + (ping == 0 ? .milliseconds(1) : .milliseconds(100))
            _ = keepAlive.replied(value: value, now: now)
            if ping == 10 {
                // A few slow ones do not count.
                #expect(try #require(keepAlive.unloadedRoundTripTime) < .milliseconds(2))
            }
        }
        #expect(keepAlive.unloadedRoundTripTime == .milliseconds(100))
    }

    private struct Missing: Error {}

    @Test func anAnswerWithAnotherValueIsNoAnswer() {
        var session = self.session()
        session.handleTimeout(now: .at(.seconds(10)))
        #expect(session.receive([.ping(WireFrame.ack, 9)], now: .at(.seconds(11))).isEmpty)
        #expect(session.roundTripTime == nil)
    }

    @Test func anyByteAfterThePingKeepsTheSessionUp() {
        var session = self.session()
        session.handleTimeout(now: .at(.seconds(10)))
        // Half a header: nothing to act on, but life.
        #expect(session.receive(bytes: [0, 0, 0], now: .at(.seconds(12))).isEmpty)
        session.handleTimeout(now: .at(.seconds(15)))
        #expect(session.events(now: .at(.seconds(15))).isEmpty)
        #expect(session.nextDeadline == .at(.seconds(22)))
        session.handleTimeout(now: .at(.seconds(22)))
        session.handleTimeout(now: .at(.seconds(27)))
        // Fifteen seconds after the last byte.
        #expect(failure(in: session.events(now: .at(.seconds(27))))?.code == .keepAliveTimeout)
    }

    @Test func bytesThatWaitAtTheTimeoutCount() {
        var session = self.session()
        session.handleTimeout(now: .at(.seconds(10)))
        session.receive(ByteBuffer(bytes: [0]))
        session.handleTimeout(now: .at(.seconds(15)))
        #expect(session.events(now: .at(.seconds(15))).isEmpty)
    }

    @Test func bytesBeforeThePingDoNotCount() {
        var session = self.session()
        _ = session.receive(bytes: [0], now: .at(.seconds(10)))
        session.handleTimeout(now: .at(.seconds(10)))
        session.handleTimeout(now: .at(.seconds(15)))
        #expect(failure(in: session.events(now: .at(.seconds(15)))) != nil)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func silenceIsNoticedWithinFifteenSecondsOfTheLastByteWhateverCameBefore(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        var session = self.session()
        var now = NIODeadline.at(.zero)
        // Traffic that never answers a ping.
        var lastByte = now
        for _ in 0..<30 {
            let next = now + .milliseconds(Int64.random(in: 1...4500, using: &random))
            while let deadline = session.nextDeadline, deadline <= next {
                session.handleTimeout(now: deadline)
            }
            now = next
            lastByte = now
            #expect(failure(in: session.receive([.ping(WireFrame.syn, 1)], now: now)) == nil)
            _ = session.output()
        }
        for _ in 0..<5 {
            guard let deadline = session.nextDeadline else { break }
            now = deadline
            session.handleTimeout(now: now)
        }
        #expect(failure(in: session.events(now: now))?.code == .keepAliveTimeout)
        #expect(now - lastByte <= .seconds(15))
    }

    @Test func twoIdleSessionsStayUpForHours() {
        var pair = SessionPair()
        let end = pair.now + .hours(6)
        var pings = 0
        while pair.now < end {
            let deadlines = [pair.client.session.nextDeadline, pair.server.session.nextDeadline].compactMap { $0 }
            guard let next = deadlines.min() else { break }
            pair.now = max(next, pair.now)
            pair.client.session.handleTimeout(now: pair.now)
            pair.server.session.handleTimeout(now: pair.now)
            // The bytes take 80 ms each way.
            pair.now = pair.now + .milliseconds(80)
            pair.exchange()
            pair.now = pair.now + .milliseconds(80)
            pair.exchange()
            pings += 1
        }
        #expect(pings > 2000)
        #expect(failure(in: pair.client.events) == nil)
        #expect(failure(in: pair.server.events) == nil)
        #expect(pair.client.session.nextDeadline != nil)
        #expect(pair.client.session.roundTripTime.map { $0 >= .milliseconds(80) } == true)
    }

    @Test func aPingOutOfTurnIsAnswered() {
        var pair = SessionPair()
        pair.client.session.sendPing(now: pair.now)
        pair.client.session.sendPing(now: pair.now)
        pair.exchange()
        pair.now = pair.now + .milliseconds(30)
        pair.exchange()
        #expect(pair.client.events == [.roundTrip(.milliseconds(30))])
    }

    @Test func keepAliveCanBeTurnedOff() {
        var configuration = YamuxConfiguration()
        configuration.keepAliveInterval = .zero
        var session = YamuxSession(role: .client, configuration: configuration, now: .distantPast)
        #expect(session.nextDeadline == nil)
        session.handleTimeout(now: .distantFuture)
        #expect(!session.hasOutput)
    }

    @Test func extremeTimesSaturate() {
        var configuration = YamuxConfiguration()
        configuration.keepAliveInterval = .nanoseconds(.max)
        configuration.keepAliveTimeout = .nanoseconds(.max)
        var session = YamuxSession(role: .client, configuration: configuration, now: .distantFuture)
        session.sendPing(now: .distantFuture)
        session.handleTimeout(now: .distantFuture)
        _ = session.receive([.update(WireFrame.syn, 2, 0)], now: .distantPast)
        _ = session.receive([.ping(WireFrame.syn, 0)], now: .distantFuture)
        #expect(session.hasOutput)
    }
}
