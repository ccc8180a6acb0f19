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

/// The tasks that an object started: it can end them, and wait until they have ended.
package final class OwnedTasks: Sendable {
    private struct State {
        var isClosed = false
        var nextID = 0
        var tasks: [Int: Task<Void, Never>] = [:]
        /// Tasks that wait for the others themselves.
        var waiting: Set<Int> = []
    }

    /// Which owner's task the code runs in.
    private struct Membership: Sendable {
        let owner: OwnedTasks
        let id: Int
    }

    @TaskLocal private static var current: Membership?

    private let state = Locked(State())
    private let scope: TaskScope?
    private let executor: (any TaskExecutor)?

    /// Creates an owner.
    ///
    /// - Parameters:
    ///   - scope: What the tasks belong to besides.
    ///   - executor: Where the tasks run; by default on the global executor.
    package init(in scope: TaskScope? = nil, executor: (any TaskExecutor)? = nil) {
        self.scope = scope
        self.executor = executor
    }

    /// How many run.
    package var count: Int { self.state.withLock { $0.tasks.count } }

    /// Starts a task; nil, and nothing is started, once the owner is closing.
    @discardableResult
    package func run(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never>? {
        self.state.withLock { state in
            guard !state.isClosed else { return nil }
            let id = state.nextID
            state.nextID += 1
            let task = Task(executorPreference: self.executor) {
                await Self.$current.withValue(Membership(owner: self, id: id)) {
                    if let scope = self.scope { await scope.enter(body) } else { await body() }
                }
                self.ended(id)
            }
            state.tasks[id] = task
            return task
        }
    }

    /// Cancels every task, starts none any more, and returns when the last has ended.
    ///
    /// A task that calls this is not waited for by itself, nor by other tasks that call it: they would wait for each
    /// other.
    package func cancelAndWait() async {
        let own = Self.current.flatMap { $0.owner === self ? $0.id : nil }
        let (tasks, waiting) = self.state.withLock { state in
            state.isClosed = true
            if let own { state.waiting.insert(own) }
            return (state.tasks, own == nil ? [] : state.waiting)
        }
        for task in tasks.values { task.cancel() }
        for (id, task) in tasks where !waiting.contains(id) { await task.value }
    }

    private func ended(_ id: Int) {
        self.state.withLock { _ = $0.tasks.removeValue(forKey: id) }
    }
}
