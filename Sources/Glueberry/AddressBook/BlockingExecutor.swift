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
import NIOPosix

/// Runs an actor on threads that may block, one job at a time: files and databases are never waited for on an event loop or
/// on the threads that all tasks share.
package final class BlockingExecutor: SerialExecutor {
    private struct State {
        var jobs: Deque<UnownedJob> = []
        var isRunning = false
    }

    /// The executors of all address books share these, and nothing else does: what blocks elsewhere, such as a name that
    /// is looked up, must not keep a node from stopping.
    private static let threads: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 2)
        pool.start()
        return pool
    }()

    private let state = Locked(State())

    package init() {}

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        let isFirst = self.state.withLock { state in
            state.jobs.append(unowned)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if isFirst { Self.threads.submit { _ in self.drain() } }
    }

    private func drain() {
        while let job = self.next() { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    private func next() -> UnownedJob? {
        self.state.withLock { state in
            let job = state.jobs.popFirst()
            if job == nil { state.isRunning = false }
            return job
        }
    }
}
