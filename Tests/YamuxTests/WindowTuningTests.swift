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
        // 199 ms after the stream was opened: less than two round trips.
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1199)) == self.window / 2 + self.window)
        #expect(session.windowGrowth == Int(self.window))
        // The next update is due at half of the new size.
        #expect(self.turn(&session, size: self.window * 2, at: .milliseconds(1300)) == self.window * 3)
    }

    @Test func aRoundTripBehindWhatTheWindowLetInDoesNotEnlargeTheWindow() {
        var session = self.session()
        session.sendPing(now: .at(.seconds(2)))
        _ = session.output()
        _ = session.receive([.ping(WireFrame.ack, 1)], now: .at(.seconds(5)))
        #expect(session.roundTripTime == .milliseconds(1550))
        _ = self.turn(&session, size: self.window, at: .milliseconds(5000))
        #expect(session.windowGrowth == 0)
        // The smallest was 100 ms; the long one has moved it up by an eighth.
        _ = self.turn(&session, size: self.window, at: .milliseconds(5226))
        #expect(session.windowGrowth == 0)
        _ = self.turn(&session, size: self.window, at: .milliseconds(5226 + 224))
        #expect(session.windowGrowth == Int(self.window))
    }

    @Test func aWayThatHasBecomeLongerIsLearned() {
        var session = self.session()
        for ping in 1...40 as ClosedRange<UInt32> {
            let sent = TimeAmount.seconds(Int64(ping) * 10)
            session.sendPing(now: .at(sent))
            _ = session.output()
            _ = session.receive([.ping(WireFrame.ack, ping)], now: .at(sent + .seconds(1)))
        }
        _ = self.turn(&session, size: self.window, at: .seconds(402))
        _ = self.turn(&session, size: self.window, at: .seconds(402) + .milliseconds(1999))
        #expect(session.windowGrowth == Int(self.window))
    }

    @Test func aSlowEpochLeavesTheWindow() {
        var session = self.session()
        #expect(self.turn(&session, size: self.window, at: .milliseconds(1200)) == self.window / 2)
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
