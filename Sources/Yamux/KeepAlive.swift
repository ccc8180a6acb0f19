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

/// Decides when to ping, measures round trips and notices a peer that has gone silent.
///
/// A ping goes out one interval after the last was answered, whatever the traffic, because its answer is also the
/// measure of the round trip. A peer that does not answer within the time-out is still alive if any byte came since the
/// ping was sent (the answer may wait behind much data): then that ping is given up, and the next one follows one
/// interval after the last byte. So a peer is found silent at most one interval and one time-out after its last byte.
struct KeepAlive: Sendable {
    enum Action: Sendable {
        case nothing
        case ping(value: UInt32)
        case fail
    }

    fileprivate enum State: Sendable {
        /// No ping is out; without a time none is planned.
        case idle(pingAt: NIODeadline?)
        case waiting(value: UInt32, sentAt: NIODeadline, deadline: NIODeadline, heardSince: Bool)
    }

    /// A ping that only measures: one that is not answered is no reason to give the peer up.
    ///
    /// The first message may fill a slow link at just this time, and the ping waits behind it.
    fileprivate enum Measurement: Sendable {
        case none
        case planned(at: NIODeadline)
        case out(value: UInt32, sentAt: NIODeadline)
    }

    enum Reply: Equatable, Sendable {
        /// No such ping is out.
        case unknown
        /// It answers a ping that only measures.
        case measured
        /// It answers a ping that keep-alive or the driver has sent, after this time.
        case roundTrip(TimeAmount)
    }

    private static let firstMeasurements = 4

    private let interval: TimeAmount?
    private let timeout: TimeAmount
    private var state: State
    private(set) var lastHeard: NIODeadline
    private var nextValue: UInt32 = 0

    /// A smoothed round trip: each measurement counts half.
    private(set) var roundTripTime: TimeAmount?

    /// The round trip as it is when nothing waits on the way: the smallest measured, which a larger one moves up by a
    /// thirty-second at most, since the way may have become longer.
    ///
    /// Nothing while first measurements are still to come. What this side lets the other send fills the way, and every
    /// ping waits behind it. Were windows tuned by what such pings measure alone, they would grow because they had grown.
    var unloadedRoundTripTime: TimeAmount? { self.measurementsToCome > 0 ? nil : self.smallestRoundTripTime }

    private var smallestRoundTripTime: TimeAmount?

    /// Of the first measurements, those that are not made yet.
    private var measurementsToCome = 0
    private var measurement = Measurement.none

    init(interval: TimeAmount, timeout: TimeAmount, now: NIODeadline) {
        self.interval = interval > .zero ? interval : nil
        self.timeout = max(timeout, .zero)
        self.lastHeard = now
        self.state = .idle(pingAt: self.interval.map { now + $0 })
    }

    var nextDeadline: NIODeadline? {
        switch (self.state, self.measurement) {
        case (.idle(let pingAt), .planned(let measureAt)):
            return min(pingAt ?? .distantFuture, measureAt)
        case (.idle(let pingAt), _):
            return pingAt
        case (.waiting(_, _, let deadline, _), _):
            return deadline
        }
    }

    var isWaiting: Bool { if case .waiting = self.state { true } else { false } }

    /// Any byte from the peer.
    mutating func heard(now: NIODeadline) {
        self.lastHeard = max(self.lastHeard, now)
        if case .waiting(let value, let sentAt, let deadline, false) = self.state {
            self.state = .waiting(value: value, sentAt: sentAt, deadline: deadline, heardSince: true)
        }
    }

    mutating func handleTimeout(now: NIODeadline) -> Action {
        switch self.state {
        case .idle(let pingAt):
            if let pingAt, now >= pingAt { return self.startPing(now: now) }
            guard case .planned(let measureAt) = self.measurement, now >= measureAt else { return .nothing }
            let value = self.takeValue()
            self.measurement = .out(value: value, sentAt: now)
            return .ping(value: value)

        case .waiting(_, _, let deadline, let heardSince):
            guard now >= deadline else { return .nothing }
            guard heardSince else { return .fail }
            let lastHeard = self.lastHeard
            self.state = .idle(pingAt: self.interval.map { max(now, lastHeard + $0) })
            return .nothing
        }
    }

    /// Asks for a ping out of turn; one that is out already serves as well.
    mutating func pingNow(now: NIODeadline) -> Action {
        switch self.state {
        case .idle:
            return self.startPing(now: now)
        case .waiting:
            return .nothing
        }
    }

    /// Pings now, and three times more in the first tenths of a second: what is measured while a connection is made is
    /// mostly how busy both sides are with that.
    mutating func measure(now: NIODeadline) -> Action {
        self.measurementsToCome = Self.firstMeasurements
        return self.pingNow(now: now)
    }

    /// A reply from the peer.
    mutating func replied(value: UInt32, now: NIODeadline) -> Reply {
        if case .out(value, let sentAt) = self.measurement {
            self.noteRoundTrip(max(now - sentAt, .zero), now: now)
            return .measured
        }
        guard case .waiting(value, let sentAt, _, _) = self.state else { return .unknown }
        let measured = max(now - sentAt, .zero)
        self.state = .idle(pingAt: self.interval.map { now + $0 })
        self.noteRoundTrip(measured, now: now)
        return .roundTrip(measured)
    }

    private mutating func noteRoundTrip(_ measured: TimeAmount, now: NIODeadline) {
        // Halves of positive numbers cannot overflow when added.
        self.roundTripTime =
            self.roundTripTime.map { .nanoseconds($0.nanoseconds / 2 + measured.nanoseconds / 2) }
            ?? measured
        if let smallest = self.smallestRoundTripTime?.nanoseconds {
            let (raised, overflow) = smallest.addingReportingOverflow(smallest / 32 + 1)
            self.smallestRoundTripTime = overflow ? measured : min(measured, .nanoseconds(raised))
        } else {
            self.smallestRoundTripTime = measured
        }
        self.measurementsToCome = max(self.measurementsToCome - 1, 0)
        self.measurement = self.untilNextMeasurement.map { .planned(at: now + $0) } ?? .none
    }

    private var untilNextMeasurement: TimeAmount? {
        switch self.measurementsToCome {
        case 3...: .milliseconds(5)
        case 2: .milliseconds(20)
        case 1: .milliseconds(80)
        default: nil
        }
    }

    /// Leaves out what is still to be measured: a session that ends needs none of it.
    mutating func endMeasuring() {
        self.measurementsToCome = 0
        if case .planned = self.measurement { self.measurement = .none }
    }

    private mutating func startPing(now: NIODeadline) -> Action {
        let value = self.takeValue()
        self.state = .waiting(value: value, sentAt: now, deadline: now + self.timeout, heardSince: false)
        // Its answer measures as well, and plans what is still to come.
        if case .planned = self.measurement { self.measurement = .none }
        return .ping(value: value)
    }

    private mutating func takeValue() -> UInt32 {
        defer { self.nextValue &+= 1 }
        return self.nextValue
    }
}
