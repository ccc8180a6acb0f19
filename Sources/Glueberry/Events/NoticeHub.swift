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

/// Fans notices out to any number of subscriptions.
final class NoticeHub: Sendable {
    private struct State {
        var subscriptions: [ObjectIdentifier: NoticeBuffer] = [:]
        var isFinished = false
    }

    private let capacity: Int
    private let state = Locked(State())

    init(capacity: Int) {
        self.capacity = capacity
    }

    func emit(_ notice: NodeNotice) {
        let subscriptions = self.state.withLock { Array($0.subscriptions.values) }
        for subscription in subscriptions { subscription.append(notice) }
    }

    func subscribe() -> NoticeBuffer {
        let buffer = NoticeBuffer(capacity: self.capacity)
        let isFinished = self.state.withLock { state in
            if !state.isFinished { state.subscriptions[ObjectIdentifier(buffer)] = buffer }
            return state.isFinished
        }
        if isFinished { buffer.finish() }
        return buffer
    }

    func unsubscribe(_ buffer: NoticeBuffer) {
        self.state.withLock { _ = $0.subscriptions.removeValue(forKey: ObjectIdentifier(buffer)) }
        buffer.finish()
    }

    func finish() {
        let subscriptions = self.state.withLock { state in
            state.isFinished = true
            defer { state.subscriptions = [:] }
            return Array(state.subscriptions.values)
        }
        for subscription in subscriptions { subscription.finish() }
    }
}

/// The notices that one subscription has not taken yet; when it is full, the oldest give way and are counted.
final class NoticeBuffer: Sendable {
    private struct State {
        var notices: Deque<NodeNotice> = []
        var missed = 0
        var waiting: [Settlement<Void, Never>] = []
        var isFinished = false
    }

    private let capacity: Int
    private let state = Locked(State())

    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    func append(_ notice: NodeNotice) {
        let waiting = self.state.withLock { state -> [Settlement<Void, Never>] in
            guard !state.isFinished else { return [] }
            if state.notices.count >= self.capacity {
                state.notices.removeFirst()
                state.missed += 1
            }
            state.notices.append(notice)
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.succeed() }
    }

    func finish() {
        let waiting = self.state.withLock { state in
            state.isFinished = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.succeed() }
    }

    /// The next notice; nil at the end, or when the calling task is cancelled.
    func next() async -> NodeNotice? {
        while !Task.isCancelled {
            let wait = Settlement<Void, Never>()
            let (notice, isFinished) = self.state.withLock { state -> (NodeNotice?, Bool) in
                if var notice = state.notices.popFirst() {
                    notice.missed = state.missed
                    state.missed = 0
                    return (notice, false)
                }
                if !state.isFinished { state.waiting.append(wait) }
                return (nil, state.isFinished)
            }
            if let notice { return notice }
            if isFinished { return nil }
            await withTaskCancellationHandler {
                _ = await wait.value()
            } onCancel: {
                wait.succeed()
            }
        }
        return nil
    }
}
