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

@Suite struct WindowTuningTests {
    private let window = UInt32(YamuxConfiguration.initialWindow)

    /// A server with a round trip of 100 ms measured at one second, and stream 1 open since.
    private func session(_ configuration: YamuxConfiguration = YamuxConfiguration()) -> YamuxSession {
        var session = YamuxSession(role: .server, configuration: configuration, now: .distantPast)
        session.sendPing(now: .at(.milliseconds(900)))
        _ = session.output()
        _ = session.receive([.ping(WireFrame.ack, 0), .update(WireFrame.syn, 1, 0)], now: .at(.seconds(1)))
        _ = session.output()
        return session
    }

    /// Sends and consumes as much as half of a window of `size`; returns the grant.
    private func turn(_ session: inout YamuxSession, size: UInt32, at time: TimeAmount) -> UInt32? {
        var left = Int(size / 2)
        while left > 0 {
            let part = min(left, 60_000)
            _ = session.receive([.data(0, 1, [UInt8](repeating: 0, count: part))], now: .at(time))
            left -= part
        }
        session.consumed(Int(size / 2), on: 1, now: .at(time))
        return session.outputFrames().first { $0.type == WireFrame.windowUpdate }?.value
    }

    @Test func aQuickEpochDoublesTheWindow() {
        var session = self.session()
        // 399 ms after the stream was opened: less than four round trips.
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1399)) == self.window / 2 + self.window)
        #expect(session.windowGrowth == Int(self.window))
        // The next update is due at half of the new size.
        #expect(self.turn(&session, size: self.window * 2, at: .milliseconds(1500)) == self.window * 3)
    }

    @Test func aSlowEpochLeavesTheWindow() {
        var session = self.session()
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1400)) == self.window / 2)
        #expect(session.windowGrowth == 0)
    }

    /// The session of the other tests, and a stream 3 that is more urgent than stream 1.
    private func yieldingSession() -> YamuxSession {
        var session = self.session()
        _ = session.receive([.update(WireFrame.syn, 3, 0)], now: .at(.seconds(1)))
        session.prioritize(3, YamuxStreamPriority(urgency: .high))
        _ = session.output()
        return session
    }

    @Test func whileAMoreUrgentStreamIsOpenAWindowGrowsOnlyIfHalfOfItLastsForLessThanARoundTrip() {
        var session = self.yieldingSession()
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1100)) == self.window / 2)
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1199)) == self.window / 2 + self.window)
        #expect(session.windowGrowth == Int(self.window))
    }

    @Test func whileAMoreUrgentStreamIsOpenAWindowThatIsTooLargeIsHalvedByCreditKeptBack() {
        var session = self.yieldingSession()
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1050)) == self.window / 2 + self.window)
        #expect(self.turn(&session, size: self.window * 2, at: .milliseconds(1449)) == self.window)
        #expect(self.turn(&session, size: self.window * 2, at: .milliseconds(1849)) == nil)
        #expect(session.windowGrowth == 0)
        // Nor does it go below the first.
        #expect(self.turn(&session, size: self.window, at: .milliseconds(2849)) == self.window / 2)
        // What the peer may send now is the initial window, to the byte.
        let events = session.receive([.announce(0, 1, self.window + 1)], now: .at(.milliseconds(2849)))
        #expect(failure(in: events)?.code == .protocolViolation)
    }

    @Test func theUrgentStreamItselfAndOthersAfterItsEndGrowAsUsual() {
        var session = self.yieldingSession()
        _ = session.receive([.data(0, 3, [UInt8](repeating: 0, count: 60_000))], now: .at(.seconds(1)))
        session.prioritize(1, YamuxStreamPriority(urgency: .high))
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1399)) == self.window / 2 + self.window)
        session.prioritize(1, YamuxStreamPriority(urgency: .normal))
        #expect(self.turn(&session, size: self.window * 2, at: .milliseconds(1700)) == self.window)
        session.reset(3, code: 0)
        _ = session.output()
        #expect(self.turn(&session, size: self.window * 2, at: .milliseconds(2000)) == self.window * 3)
    }

    @Test func nothingGrowsForAStreamThatYieldsBeforeTheFirstMeasurementsAreDone() {
        var session = YamuxSession(role: .server, now: .distantPast)
        _ = session.receive([.update(WireFrame.syn, 1, 0), .update(WireFrame.syn, 3, 0)], now: .at(.seconds(1)))
        session.prioritize(3, YamuxStreamPriority(urgency: .high))
        session.measureRoundTrip(now: .at(.seconds(1)))
        _ = session.receive([.ping(WireFrame.ack, 0)], now: .at(.seconds(2)))
        #expect(self.turn(&session, size: self.window, at: .milliseconds(2001)) == self.window / 2)
        #expect(session.windowGrowth == 0)
    }

    @Test func growthEndsAtTheMaximum() {
        var configuration = YamuxConfiguration()
        configuration.maximumReceiveWindow = 600_000
        var session = self.session(configuration)
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1010)) == self.window / 2 + self.window)
        #expect(self.turn(&session, size: 524_288, at: .milliseconds(1020)) == 337_856)
        #expect(self.turn(&session, size: 600_000, at: .milliseconds(1030)) == 300_000)
    }

    @Test func growthEndsAtTheBudgetAndComesBackWithTheStream() {
        var configuration = YamuxConfiguration()
        configuration.receiveMemoryBudget = 100_000
        var session = self.session(configuration)
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1010)) == self.window / 2 + 100_000)
        #expect(session.windowGrowth == 100_000)
        session.reset(1, code: 0)
        #expect(session.windowGrowth == 0)
    }

    @Test func withoutARoundTripThereIsNoGrowthButAPing() {
        var session = YamuxSession(role: .server, now: .distantPast)
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        _ = session.output()
        _ = session.receive([.data(0, 1, [UInt8](repeating: 0, count: 131_072))])
        session.consumed(131_072, on: 1, now: .distantPast)
        #expect(session.outputFrames() == [.ping(WireFrame.syn, 0), .update(0, 1, 131_072)])
    }

    @Test func settingsOutOfRangeAreHarmless() {
        var configuration = YamuxConfiguration()
        configuration.maximumReceiveWindow = .max
        configuration.receiveMemoryBudget = .min
        configuration.maximumFramePayload = -1
        configuration.maximumInboundStreams = -1
        configuration.maximumUnacknowledgedStreams = .min
        configuration.maximumBufferedResets = -1
        configuration.oddityBudget.capacity = .max
        configuration.oddityBudget.regainedPerSecond = .max
        configuration.oddityBudget.usefulBytesPerOddity = .min
        var session = YamuxSession(role: .server, configuration: configuration, now: .distantPast)
        #expect(session.receive([.update(WireFrame.syn, 1, 0)], now: .distantFuture).isEmpty)
        #expect(session.outputFrames() == [.update(WireFrame.rst, 1, 0x1002)])
    }

    @Test func aLongFatPipeIsFilled() throws {
        // 100 ms each way; the sender writes all it may; what arrives is consumed at once.
        var pair = SessionPair()
        pair.server.session.sendPing(now: pair.now)
        let id = try pair.client.session.openStream(now: pair.now)
        let total = 32 * 1024 * 1024
        try pair.client.session.write(ByteBuffer(repeating: 1, count: total), on: id)
        var trips = 0
        while pair.client.session.queuedBytes(on: id) > 0, trips < 300 {
            pair.now = pair.now + .milliseconds(100)
            pair.exchange(limit: .max)
            trips += 1
        }
        // At the initial window this would take more than 128 trips.
        #expect(trips < 30)
        #expect(pair.monitor.overdrafts == 0)
        #expect(pair.server.session.windowGrowth <= YamuxConfiguration().receiveMemoryBudget)
        #expect(failure(in: pair.client.events) == nil)
    }
}
