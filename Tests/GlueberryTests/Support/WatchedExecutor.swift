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

import Dispatch
import Synchronization

/// Runs tasks, and knows when each of them waits for something.
final class WatchedExecutor: TaskExecutor {
    private let queue = DispatchQueue(label: "watched")
    private let jobs = Atomic(0)

    /// Whether no task can go on: all of them are suspended or have ended.
    var isIdle: Bool { self.jobs.load(ordering: .acquiring) == 0 }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.jobs.add(1, ordering: .relaxed)
        self.queue.async {
            job.runSynchronously(on: self.asUnownedTaskExecutor())
            self.jobs.subtract(1, ordering: .releasing)
        }
    }
}
