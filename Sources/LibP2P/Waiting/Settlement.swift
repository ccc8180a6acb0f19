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

package import NIOCore
public import Synchronization

/// A result that one task awaits and that is settled once, by whoever is first: the work, its deadline, or the
/// cancellation of the waiting task.
///
/// Later attempts are told that they came too late.
@usableFromInline
package final class Settlement<Value: Sendable, Failure: Error>: Sendable {
    @usableFromInline
    enum State: Sendable {
        case pending
        /// Whoever takes the state out of this case resumes the task, so that it is resumed once.
        case awaited(UnsafeContinuation<Void, Never>)
        case settled(Result<Value, Failure>)
    }

    @usableFromInline let state = Locked(State.pending)
    /// Beside the state, so that who holds a lock of its own can ask without taking this one.
    @usableFromInline let hasSettled = Atomic(false)

    @inlinable
    package init() {}

    /// Settles the result; false if it was settled before, in which case nothing happens.
    @inlinable
    @discardableResult
    package func settle(_ result: Result<Value, Failure>) -> Bool {
        let (isFirst, continuation) = self.state.withLock {
            state -> (Bool, UnsafeContinuation<Void, Never>?) in
            switch state {
            case .pending:
                state = .settled(result)
                return (true, nil)
            case .awaited(let continuation):
                state = .settled(result)
                return (true, continuation)
            case .settled:
                return (false, nil)
            }
        }
        if isFirst { self.hasSettled.store(true, ordering: .releasing) }
        continuation?.resume()
        return isFirst
    }

    @inlinable
    @discardableResult
    package func succeed(_ value: Value) -> Bool { self.settle(.success(value)) }

    @inlinable
    @discardableResult
    package func fail(_ error: Failure) -> Bool { self.settle(.failure(error)) }

    /// Whether it was settled; takes no lock.
    @inlinable
    package var isSettled: Bool { self.hasSettled.load(ordering: .acquiring) }

    @inlinable var settled: Result<Value, Failure>? {
        self.state.withLock { state in
            if case .settled(let result) = state { result } else { nil }
        }
    }

    /// Waits for the result.
    ///
    /// One task at most waits. The result is read under the lock, not handed through the continuation: where a task is
    /// resumed just before it suspends, the runtime orders the two without telling the thread sanitizer.
    @inlinable
    package func value() async -> Result<Value, Failure> {
        while true {
            if let settled = self.settled { return settled }
            await withUnsafeContinuation { continuation in
                let isSettled = self.state.withLock { state in
                    if case .settled = state { return true }
                    if case .awaited = state { assertionFailure("two tasks wait for one result") }
                    state = .awaited(continuation)
                    return false
                }
                if isSettled { continuation.resume() }
            }
        }
    }
}

extension Settlement where Value == Void {
    @inlinable
    @discardableResult
    package func succeed() -> Bool { self.succeed(()) }
}

extension EventLoop {
    /// Awaits what `start` begins: until it is settled, for no longer than `timeout` on this event loop's clock, and
    /// not past the cancellation of the calling task.
    ///
    /// - Parameters:
    ///   - timeout: The longest wait; nil waits as long as the work takes.
    ///   - ended: Makes the error for a deadline (`timedOut`) or a cancellation (`cancelled`).
    ///   - start: Begins the work; called on the calling task.
    ///   - abandon: Called once if the deadline or the cancellation came first, to undo what was begun.
    /// - Returns: What the work brought.
    /// - Throws: What the work failed with, or what `ended` made.
    package func await<Value: Sendable, Failure: Error>(
        timeout: TimeAmount?,
        ended: @escaping @Sendable (HostError.Code) -> Failure,
        start: (Settlement<Value, Failure>) -> Void,
        abandon: @escaping @Sendable () -> Void = {}
    ) async throws(Failure) -> Value {
        let settlement = Settlement<Value, Failure>()
        let timer = timeout.map { timeout in
            self.scheduleTask(in: timeout) {
                if settlement.fail(ended(.timedOut)) { abandon() }
            }
        }
        let result = await withTaskCancellationHandler {
            start(settlement)
            return await settlement.value()
        } onCancel: {
            if settlement.fail(ended(.cancelled)) { abandon() }
        }
        timer?.cancel()
        return try result.get()
    }

    /// The same with the host's own error.
    package func awaitHost<Value: Sendable>(
        _ what: String, timeout: TimeAmount?,
        start: (Settlement<Value, HostError>) -> Void,
        abandon: @escaping @Sendable () -> Void = {}
    ) async throws(HostError) -> Value {
        try await self.await(
            timeout: timeout,
            ended: { code in
                HostError(code, code == .timedOut ? "\(what): not done in time" : "\(what): the task was cancelled")
            }, start: start, abandon: abandon)
    }
}

extension EventLoopFuture where Value: Sendable {
    /// Waits for the future as ``Settlement/value()`` does, in the place of NIO's `get()`.
    package func outcome() async throws -> Value {
        let settlement = Settlement<Value, any Error>()
        self.whenComplete { settlement.settle($0) }
        return try await settlement.value().get()
    }
}
