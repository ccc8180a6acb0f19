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

/// A task that runs on a ``VirtualClock``.
public final class VirtualTask<Value: Sendable>: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var result: Result<Value, any Error>?
    }

    private let state = Locked(State())

    init() {}

    /// What the task has come to; nil while it runs.
    public var result: Result<Value, any Error>? { self.state.withLock { $0.result } }

    /// Whether the task has ended.
    public var isDone: Bool { self.result != nil }

    /// Cancels the task.
    public func cancel() { self.state.withLock { $0.task }?.cancel() }

    func began(_ task: Task<Void, Never>) { self.state.withLock { $0.task = task } }
    func ended(_ result: Result<Value, any Error>) { self.state.withLock { $0.result = result } }
}
