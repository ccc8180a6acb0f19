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

/// What a consumer of messages reads from: the queues that have something for it, in turns.
final class MessageInbox: Sendable {
    private struct State {
        var ready: Deque<InboundQueue> = []
        var waiting: [Settlement<Void, Never>] = []
        var isFinished = false
    }

    /// How much a consumer takes at once: it is bounded so that queues take turns, and what a consumer holds stays small.
    private static let batchMessages = 64
    private static let batchBytes = 256 * 1024

    private let state = Locked(State())

    /// A queue has something.
    func ready(_ queue: InboundQueue) {
        let waiting = self.state.withLock { state in
            if !state.ready.contains(where: { $0 === queue }) { state.ready.append(queue) }
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.succeed() }
    }

    /// Nothing more will come: what is there can still be read.
    func finish() {
        let waiting = self.state.withLock { state in
            state.isFinished = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.succeed() }
    }

    /// Lets go of queues that nobody will read.
    func forgetQueues() {
        let ready = self.state.withLock { state in
            defer { state.ready = [] }
            return state.ready
        }
        withExtendedLifetime(ready) {}
    }

    /// The next batch; nil at the end, or when the calling task is cancelled.
    func next(for cursor: MessageCursor) async -> (queue: InboundQueue, entries: [InboundQueue.Entry])? {
        while true {
            while let queue = self.state.withLock({ $0.ready.popFirst() }) {
                let entries = queue.take(Self.batchMessages, bytes: Self.batchBytes, for: self, by: cursor)
                if !entries.isEmpty { return (queue, entries) }
            }
            let wait = Settlement<Void, Never>()
            let (isReady, isFinished) = self.state.withLock { state in
                guard state.ready.isEmpty, !state.isFinished else { return (!state.ready.isEmpty, state.isFinished) }
                // A key path would be made anew for every wait.
                if !state.waiting.isEmpty { state.waiting.removeAll { $0.isSettled } }
                state.waiting.append(wait)
                return (false, false)
            }
            if isReady { continue }
            if isFinished || Task.isCancelled { return nil }
            await withTaskCancellationHandler {
                _ = await wait.value()
            } onCancel: {
                wait.succeed()
            }
            if Task.isCancelled { return nil }
        }
    }
}
