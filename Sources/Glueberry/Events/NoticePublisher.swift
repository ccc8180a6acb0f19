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
import PeerIdentity

/// Publishes the notices of one run of a node, at a bounded pace.
///
/// Calls come from any thread and never wait.
final class NoticePublisher: Sendable {
    private struct State {
        var pacer = NoticePacer()
        var timer: Scheduled<Void>?
        var isTimerDue = false
        var isFinished = false
    }

    private let hub: NoticeHub
    private let eventLoop: any EventLoop
    private let state = Locked(State())

    init(hub: NoticeHub, eventLoop: any EventLoop) {
        self.hub = hub
        self.eventLoop = eventLoop
    }

    func publish(_ notice: NodeNotice) {
        let now = self.eventLoop.now
        let (passing, deadline) = self.state.withLock { state -> (NodeNotice?, NIODeadline?) in
            guard !state.isFinished else { return (nil, nil) }
            let passing = state.pacer.offer(notice, now: now)
            return (passing, Self.claimTimer(&state))
        }
        if let passing { self.hub.emit(passing) }
        self.schedule(deadline)
    }

    /// Publishes what is held, and nothing any more.
    func finish() {
        let (passing, timer) = self.state.withLock { state in
            state.isFinished = true
            defer { state.timer = nil }
            return (state.pacer.finish(), state.timer)
        }
        timer?.cancel()
        for notice in passing { self.hub.emit(notice) }
    }

    private static func claimTimer(_ state: inout State) -> NIODeadline? {
        guard !state.isTimerDue, let deadline = state.pacer.deadline else { return nil }
        state.isTimerDue = true
        return deadline
    }

    private func schedule(_ deadline: NIODeadline?) {
        guard let deadline else { return }
        let timer = self.eventLoop.scheduleTask(deadline: deadline) { self.fire() }
        let isFinished = self.state.withLock { state in
            // It may have run already, on another thread.
            if state.isTimerDue, !state.isFinished { state.timer = timer }
            return state.isFinished
        }
        if isFinished { timer.cancel() }
    }

    private func fire() {
        let now = self.eventLoop.now
        let (passing, deadline) = self.state.withLock { state -> ([NodeNotice], NIODeadline?) in
            state.isTimerDue = false
            state.timer = nil
            guard !state.isFinished else { return ([], nil) }
            let passing = state.pacer.due(now: now)
            return (passing, Self.claimTimer(&state))
        }
        for notice in passing { self.hub.emit(notice) }
        self.schedule(deadline)
    }
}
