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

import LibP2P
import NIOCore

/// Watches the queues in which something waits, and reports those that nobody reads.
///
/// It looks at them a few times per time limit while there are any, so that sending and receiving do nothing for it.
final class StallWatch: Sendable {
    private struct Watched {
        let queue: InboundQueue
        var detector: StallDetector
    }

    private struct State {
        var watched: [Watched] = []
        var timer: Scheduled<Void>?
        var isTimerDue = false
        var isFinished = false
    }

    private static let looksPerTimeout: Int64 = 8

    private let timeout: TimeAmount
    private let eventLoop: any EventLoop
    private let report: @Sendable (InboundQueue, InboundQueue.Pending) -> Void
    private let state = Locked(State())

    init(
        timeout: TimeAmount, eventLoop: any EventLoop,
        report: @escaping @Sendable (InboundQueue, InboundQueue.Pending) -> Void
    ) {
        self.timeout = timeout
        self.eventLoop = eventLoop
        self.report = report
    }

    /// Something waits in a queue that was not watched.
    func add(_ queue: InboundQueue) {
        let now = self.eventLoop.now
        let pending = queue.pending
        let isTimerNeeded = self.state.withLock { state in
            guard !state.isFinished else { return false }
            state.watched.append(Watched(queue: queue, detector: StallDetector(pending, now: now)))
            defer { state.isTimerDue = true }
            return !state.isTimerDue
        }
        if isTimerNeeded { self.schedule() }
    }

    func finish() {
        let timer = self.state.withLock { state in
            state.isFinished = true
            state.watched = []
            defer { state.timer = nil }
            return state.timer
        }
        timer?.cancel()
    }

    private func schedule() {
        let pause = TimeAmount.nanoseconds(max(1_000_000, self.timeout.nanoseconds / Self.looksPerTimeout))
        let timer = self.eventLoop.scheduleTask(in: pause) { self.look() }
        let isFinished = self.state.withLock { state in
            // It may have run already, on another thread.
            if state.isTimerDue, !state.isFinished { state.timer = timer }
            return state.isFinished
        }
        if isFinished { timer.cancel() }
    }

    private func look() {
        let now = self.eventLoop.now
        var watched = self.state.withLock { state in
            state.timer = nil
            defer { state.watched = [] }
            return state.watched
        }
        var stalled: [(InboundQueue, InboundQueue.Pending)] = []
        watched = watched.compactMap { entry in
            guard let pending = entry.queue.watchedPending() else { return nil }
            var entry = entry
            if entry.detector.look(pending, now: now, timeout: self.timeout) { stalled.append((entry.queue, pending)) }
            return entry
        }
        let kept = watched
        let isTimerNeeded = self.state.withLock { state in
            guard !state.isFinished else { return false }
            state.watched += kept
            state.isTimerDue = !state.watched.isEmpty
            return state.isTimerDue
        }
        for (queue, pending) in stalled { self.report(queue, pending) }
        if isTimerNeeded { self.schedule() }
    }
}
