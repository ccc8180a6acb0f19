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

/// What can be subscribed to.
protocol Subscribable: Sendable {
    /// How many before this one were not delivered because the buffer was full.
    var missed: Int { get set }

    /// Makes room for one more in a full buffer, by taking out what can best be done without.
    ///
    /// At most `maximum` may be there when the next one has been added.
    static func makeRoom(in items: inout Deque<Self>, capacity: Int, maximum: Int)
}

/// What one consumer has not taken yet.
///
/// It never holds anybody up: when it is full, something gives way, and what was missed is counted.
final class SubscriptionBuffer<Item: Subscribable>: Sendable {
    private struct State {
        var items: Deque<Item> = []
        /// How many there may be before room is made.
        var limit: Int
        var missed = 0
        var waiting: [Settlement<Void, Never>] = []
        var isFinished = false
        var isClaimed = false
    }

    private let capacity: Int
    /// What cannot be done without may exceed the capacity up to here.
    private let maximum: Int
    private let accepts: @Sendable (Item) -> Bool
    private let dropped: @Sendable (Int) -> Void
    private let state: Locked<State>

    init(
        capacity: Int, maximum: Int? = nil, accepts: @escaping @Sendable (Item) -> Bool = { _ in true },
        dropped: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.capacity = max(1, capacity)
        self.maximum = max(1, capacity, maximum ?? 0)
        self.state = Locked(State(limit: self.capacity))
        self.accepts = accepts
        self.dropped = dropped
    }

    /// What nobody has taken yet.
    var count: Int { self.state.withLock { $0.items.count } }

    func append(_ item: Item) {
        guard self.accepts(item) else { return }
        let (waiting, dropped) = self.state.withLock { state -> ([Settlement<Void, Never>], Int) in
            guard !state.isFinished else { return ([], 0) }
            let before = state.items.count
            if before >= state.limit {
                Item.makeRoom(in: &state.items, capacity: self.capacity, maximum: self.maximum)
                // Room is made anew when twice as much has come, so that making it costs little for each.
                state.limit = min(max(self.capacity, 2 * state.items.count), self.maximum)
            }
            let dropped = before - state.items.count
            state.missed += dropped
            state.items.append(item)
            defer { state.waiting = [] }
            return (state.waiting, dropped)
        }
        if dropped > 0 { self.dropped(dropped) }
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

    /// Makes the caller the one consumer; false if there is one.
    func claim() -> Bool {
        self.state.withLock { state in
            defer { state.isClaimed = true }
            return !state.isClaimed
        }
    }

    func release() {
        self.state.withLock { $0.isClaimed = false }
    }

    /// The next one; nil at the end, or when the calling task is cancelled.
    func next() async -> Item? {
        while !Task.isCancelled {
            let wait = Settlement<Void, Never>()
            let (item, isFinished) = self.state.withLock { state -> (Item?, Bool) in
                if var item = state.items.popFirst() {
                    if state.items.isEmpty { state.limit = self.capacity }
                    item.missed = state.missed
                    state.missed = 0
                    return (item, false)
                }
                if !state.isFinished {
                    // One who asks again and again, and gives up each time, leaves nothing behind.
                    state.waiting.removeAll(where: \.isSettled)
                    state.waiting.append(wait)
                }
                return (nil, state.isFinished)
            }
            if let item { return item }
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
