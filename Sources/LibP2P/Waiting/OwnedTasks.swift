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

import Synchronization

/// The tasks that an object started: it can end them, and wait until they have ended.
package final class OwnedTasks: Sendable {
    private struct State {
        var isClosed = false
        var nextID = 0
        var tasks: [Int: Task<Void, Never>] = [:]
    }

    /// Which owner's task the code runs in.
    private struct Membership: Sendable {
        let owner: OwnedTasks
        let id: Int
    }

    @TaskLocal private static var current: Membership?

    private let state = Mutex(State())

    package init() {}

    /// How many run.
    package var count: Int { self.state.withLock { $0.tasks.count } }

    /// Starts a task; false, and nothing is started, once the owner is closing.
    @discardableResult
    package func run(_ body: @escaping @Sendable () async -> Void) -> Bool {
        self.state.withLock { state in
            guard !state.isClosed else { return false }
            let id = state.nextID
            state.nextID += 1
            state.tasks[id] = Task {
                await Self.$current.withValue(Membership(owner: self, id: id)) { await body() }
                self.ended(id)
            }
            return true
        }
    }

    /// Cancels every task, starts none any more, and returns when the last has ended.
    ///
    /// A task that calls this is not waited for, or it would wait for itself.
    package func cancelAndWait() async {
        let tasks = self.state.withLock { state in
            state.isClosed = true
            return state.tasks
        }
        for task in tasks.values { task.cancel() }
        let own = Self.current
        for (id, task) in tasks where own?.owner !== self || own?.id != id { await task.value }
    }

    private func ended(_ id: Int) {
        self.state.withLock { _ = $0.tasks.removeValue(forKey: id) }
    }
}
