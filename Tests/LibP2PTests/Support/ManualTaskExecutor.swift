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

/// Runs tasks on the caller's thread when told to, in the order in which they became ready; so a test knows that a
/// task has got as far as it can.
final class ManualTaskExecutor: TaskExecutor {
    private let jobs = Locked<[UnownedJob]>([])

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.jobs.withLock { $0.append(job) }
    }

    var hasWork: Bool { self.jobs.withLock { !$0.isEmpty } }

    /// Runs tasks until every one waits for something.
    func run() {
        while let job = self.jobs.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) {
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }

    /// Starts a task and runs it until it waits.
    func start<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) -> RunningTask<Value> {
        let running = RunningTask<Value>()
        running.begin(
            Task(executorPreference: self) {
                do { running.end(.success(try await body())) } catch { running.end(.failure(error)) }
            })
        self.run()
        return running
    }
}

/// A task of a ``ManualTaskExecutor``.
final class RunningTask<Value: Sendable>: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var result: Result<Value, any Error>?
    }

    private let state = Locked(State())

    /// What the task has come to; nil while it runs.
    var result: Result<Value, any Error>? { self.state.withLock { $0.result } }
    var isWaiting: Bool { self.result == nil }
    var value: Value? { try? self.result?.get() }
    var error: (any Error)? {
        guard case .failure(let error) = self.result else { return nil }
        return error
    }

    func cancel() { self.state.withLock { $0.task }?.cancel() }

    fileprivate func begin(_ task: Task<Void, Never>) { self.state.withLock { $0.task = task } }
    fileprivate func end(_ result: Result<Value, any Error>) { self.state.withLock { $0.result = result } }
}
