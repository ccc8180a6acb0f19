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

/// Fans out to any number of subscriptions.
final class SubscriptionHub<Item: Subscribable>: Sendable {
    private struct State {
        var subscriptions: [ObjectIdentifier: SubscriptionBuffer<Item>] = [:]
        var isFinished = false
    }

    private let capacity: Int
    private let maximum: Int?
    private let dropped: @Sendable (Int) -> Void
    private let state = Locked(State())

    init(capacity: Int, maximum: Int? = nil, dropped: @escaping @Sendable (Int) -> Void = { _ in }) {
        self.capacity = capacity
        self.maximum = maximum
        self.dropped = dropped
    }

    var count: Int { self.state.withLock { $0.subscriptions.count } }

    func emit(_ item: Item) {
        let subscriptions = self.state.withLock { Array($0.subscriptions.values) }
        for subscription in subscriptions { subscription.append(item) }
    }

    func subscribe(_ accepts: @escaping @Sendable (Item) -> Bool = { _ in true }) -> SubscriptionBuffer<Item> {
        let buffer = SubscriptionBuffer(
            capacity: self.capacity, maximum: self.maximum, accepts: accepts, dropped: self.dropped)
        let isFinished = self.state.withLock { state in
            if !state.isFinished { state.subscriptions[ObjectIdentifier(buffer)] = buffer }
            return state.isFinished
        }
        if isFinished { buffer.finish() }
        return buffer
    }

    func unsubscribe(_ buffer: SubscriptionBuffer<Item>) {
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
