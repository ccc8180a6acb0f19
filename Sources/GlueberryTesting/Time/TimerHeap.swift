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

/// The timers that are due at some time, the earliest first; of those due at once, the one that was set first.
struct TimerHeap {
    struct Timer {
        let deadline: NIODeadline
        let id: UInt64
    }

    private var heap: [Timer] = []
    private var work: [UInt64: (lane: Int, body: @Sendable () -> Void)] = [:]
    private var nextID: UInt64 = 0

    /// How many are set.
    var count: Int { self.work.count }

    /// When the next is due.
    var earliest: NIODeadline? {
        mutating get {
            self.dropCancelled()
            return self.heap.first?.deadline
        }
    }

    mutating func set(_ deadline: NIODeadline, lane: Int, _ body: @escaping @Sendable () -> Void) -> UInt64 {
        let id = self.nextID
        self.nextID += 1
        self.work[id] = (lane, body)
        self.heap.append(Timer(deadline: deadline, id: id))
        self.siftUp(self.heap.count - 1)
        return id
    }

    mutating func cancel(_ id: UInt64) {
        self.work[id] = nil
        // Were they left, a timer that is set anew with every message would fill the memory.
        guard self.heap.count > 64, self.heap.count > self.work.count * 2 else { return }
        let live = self.heap.filter { self.work[$0.id] != nil }
        self.heap = []
        for timer in live {
            self.heap.append(timer)
            self.siftUp(self.heap.count - 1)
        }
    }

    /// Takes the next one that is due.
    mutating func popDue(_ now: NIODeadline) -> (lane: Int, body: @Sendable () -> Void)? {
        self.dropCancelled()
        guard let first = self.heap.first, first.deadline <= now else { return nil }
        self.removeFirst()
        return self.work.removeValue(forKey: first.id)
    }

    private mutating func dropCancelled() {
        while let first = self.heap.first, self.work[first.id] == nil { self.removeFirst() }
    }

    private mutating func removeFirst() {
        let last = self.heap.removeLast()
        guard !self.heap.isEmpty else { return }
        self.heap[0] = last
        var index = 0
        while true {
            let left = 2 * index + 1
            guard left < self.heap.count else { return }
            let right = left + 1
            let smaller = right < self.heap.count && self.isBefore(right, left) ? right : left
            guard self.isBefore(smaller, index) else { return }
            self.heap.swapAt(smaller, index)
            index = smaller
        }
    }

    private mutating func siftUp(_ start: Int) {
        var index = start
        while index > 0, self.isBefore(index, (index - 1) / 2) {
            self.heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    private func isBefore(_ first: Int, _ second: Int) -> Bool {
        let (first, second) = (self.heap[first], self.heap[second])
        return (first.deadline, first.id) < (second.deadline, second.id)
    }
}
