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

    private let interval: TimeAmount?
    private let timeout: TimeAmount
    private var state: State
    private(set) var lastHeard: NIODeadline
    private var nextValue: UInt32 = 0

    /// A smoothed round trip: each measurement counts half.
    private(set) var roundTripTime: TimeAmount?

    /// The round trip as it is when nothing waits on the way: the smallest measured, which a larger one moves up by an
    /// eighth at most, since the way may have become longer.
    ///
    /// What this side lets the other send fills the way, and every ping waits behind it. Were windows tuned by what such
    /// pings measure, they would grow because they had grown.
    private(set) var unloadedRoundTripTime: TimeAmount?

    init(interval: TimeAmount, timeout: TimeAmount, now: NIODeadline) {
        self.interval = interval > .zero ? interval : nil
        self.timeout = max(timeout, .zero)
        self.lastHeard = now
        self.state = .idle(pingAt: self.interval.map { now + $0 })
    }

    var nextDeadline: NIODeadline? {
        switch self.state {
        case .idle(let pingAt):
            return pingAt
        case .waiting(_, _, let deadline, _):
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
            guard let pingAt, now >= pingAt else { return .nothing }
            return self.startPing(now: now)

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

    /// A reply from the peer.
    ///
    /// - Returns: The time since the ping that it answers, or nothing when no such ping is out.
    mutating func replied(value: UInt32, now: NIODeadline) -> TimeAmount? {
        guard case .waiting(value, let sentAt, _, _) = self.state else { return nil }
        let measured = max(now - sentAt, .zero)
        // Halves of positive numbers cannot overflow when added.
        self.roundTripTime =
            self.roundTripTime.map { .nanoseconds($0.nanoseconds / 2 + measured.nanoseconds / 2) }
            ?? measured
        self.unloadedRoundTripTime =
            self.unloadedRoundTripTime.map { smallest in
                let (raised, overflow) = smallest.nanoseconds.addingReportingOverflow(smallest.nanoseconds / 8 + 1)
                return overflow ? measured : min(measured, .nanoseconds(raised))
            } ?? measured
        self.state = .idle(pingAt: self.interval.map { now + $0 })
        return measured
    }

    private mutating func startPing(now: NIODeadline) -> Action {
        let value = self.nextValue
        self.nextValue &+= 1
        self.state = .waiting(value: value, sentAt: now, deadline: now + self.timeout, heardSince: false)
        return .ping(value: value)
    }
}
