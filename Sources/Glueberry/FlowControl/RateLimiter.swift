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

import DequeModule
import LibP2P
public import NIOCore
import NIOPosix

/// Lets so many messages or bytes pass in a time, and as many at once after a pause as its burst allows.
///
/// Any number of tasks may share one; those that wait are let pass in the order in which they came.
public final class RateLimiter: Sendable {
    /// What is limited.
    public enum Unit: Sendable {
        /// The number of messages.
        case messages
        /// Their bytes; a message of more bytes than the burst passes when nothing has passed for long enough.
        case bytes
    }

    private struct Waiter {
        let id: UInt64
        let cost: Int
        let admitted: Settlement<Void, GlueberryError>
    }

    private struct State {
        var bucket: TokenBucket
        var waiters: Deque<Waiter> = []
        var lastWaiter: UInt64 = 0
        var timer: Scheduled<Void>?
        var timerDeadline: NIODeadline?
    }

    private let unit: Unit
    private let eventLoop: any EventLoop
    private let state: Locked<State>

    /// Creates a limiter.
    ///
    /// - Parameters:
    ///   - rate: How many pass per `interval`; above 0.
    ///   - interval: The time that the rate is for; by default a second.
    ///   - burst: How many may pass at once after a pause; at least 1.
    ///   - unit: What is counted.
    ///   - eventLoop: Whose clock is used; by default one of the process's shared group.
    /// - Throws: ``GlueberryError`` with code `configurationInvalid`.
    public init(
        _ rate: Double, per interval: Duration = .seconds(1), burst: Int = 1, of unit: Unit = .messages,
        eventLoop: (any EventLoop)? = nil
    ) throws(GlueberryError) {
        guard rate > 0, rate.isFinite, interval > .zero, burst >= 1 else {
            throw GlueberryError(
                .configurationInvalid, "a rate limit needs a rate and an interval above 0 and a burst of at least 1")
        }
        let eventLoop = eventLoop ?? MultiThreadedEventLoopGroup.singleton.any()
        self.unit = unit
        self.eventLoop = eventLoop
        self.state = Locked(
            State(
                bucket: TokenBucket(tokens: rate, per: TimeAmount(interval), capacity: burst, now: eventLoop.now)))
    }

    /// Waits until one message of so many bytes may pass; first come, first served.
    ///
    /// - Parameters:
    ///   - bytes: The length of the message; it matters if the limit is in bytes.
    ///   - timeout: The longest wait; nil waits as long as it takes.
    /// - Throws: ``GlueberryError`` with code `timedOut` or `cancelled`; then nothing is used up.
    public func wait(for bytes: Int = 1, timeout: Duration? = nil) async throws(GlueberryError) {
        try await self.wait(for: bytes, within: timeout.map { TimeAmount($0) })
    }

    /// Whether one message of so many bytes may pass now; if so, it counts.
    public func tryPass(_ bytes: Int = 1) -> Bool {
        let now = self.eventLoop.now
        let cost = self.cost(bytes)
        return self.state.withLock { $0.waiters.isEmpty && $0.bucket.take(cost, now: now) == nil }
    }

    /// How many wait.
    var waiting: Int { self.state.withLock { $0.waiters.count } }

    /// Whether the time is set at which the next of those that wait is let pass.
    var isTimerSet: Bool { self.state.withLock { $0.timer != nil } }

    func wait(for bytes: Int, within timeout: TimeAmount?) async throws(GlueberryError) {
        guard !self.tryPass(bytes) else { return }
        let cost = self.cost(bytes)
        let id = self.state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        try await self.eventLoop.await(
            timeout: timeout,
            ended: { code -> GlueberryError in
                code == .timedOut
                    ? GlueberryError(.timedOut, "the rate limit let nothing pass until the deadline")
                    : GlueberryError(.cancelled, "the wait for the rate limit was cancelled")
            },
            start: { (admitted: Settlement<Void, GlueberryError>) in
                self.state.withLock { $0.waiters.append(Waiter(id: id, cost: cost, admitted: admitted)) }
                // A cancellation may have come before there was anything to withdraw.
                if admitted.isSettled { self.withdraw(id) } else { self.admit() }
            },
            abandon: { self.withdraw(id) })
    }

    private func cost(_ bytes: Int) -> Int {
        switch self.unit {
        case .messages: 1
        case .bytes: max(0, bytes)
        }
    }

    private func withdraw(_ id: UInt64) {
        self.state.withLock { state in
            if let index = state.waiters.firstIndex(where: { $0.id == id }) { state.waiters.remove(at: index) }
        }
        self.admit()
    }

    /// Lets pass whom the bucket has tokens for, and sets the timer for the next.
    private func admit() {
        let now = self.eventLoop.now
        var isDone = false
        while !isDone {
            let (chosen, deadline, stale) = self.state.withLock {
                state -> ([Waiter], NIODeadline?, Scheduled<Void>?) in
                var chosen: [Waiter] = []
                while let first = state.waiters.first {
                    if let wait = state.bucket.take(first.cost, now: now) {
                        let deadline = now + wait
                        if let due = state.timerDeadline, due <= deadline { return (chosen, nil, nil) }
                        state.timerDeadline = deadline
                        defer { state.timer = nil }
                        return (chosen, deadline, state.timer)
                    }
                    state.waiters.removeFirst()
                    chosen.append(first)
                }
                state.timerDeadline = nil
                defer { state.timer = nil }
                return (chosen, nil, state.timer)
            }
            stale?.cancel()
            // Whoever gave up between the choice and the waking leaves its tokens to the next in line.
            let late = chosen.filter { !$0.admitted.succeed() }
            if !late.isEmpty {
                self.state.withLock { state in for waiter in late { state.bucket.giveBack(waiter.cost) } }
            }
            isDone = late.isEmpty
            if let deadline { self.schedule(deadline) }
        }
    }

    private func schedule(_ deadline: NIODeadline) {
        let timer = self.eventLoop.scheduleTask(deadline: deadline) {
            self.state.withLock { state in
                guard state.timerDeadline == deadline else { return }
                state.timerDeadline = nil
                state.timer = nil
            }
            self.admit()
        }
        self.state.withLock { state in
            // It may have run already, or another have taken its place.
            if state.timerDeadline == deadline { state.timer = timer }
        }
    }
}
