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

public import NIOCore

#if canImport(Dispatch)
public import Dispatch
#endif

/// An event loop of a ``VirtualClock``: what it is given runs when the clock is told to run, at the clock's time.
public final class VirtualEventLoop: EventLoop {
    let clock: VirtualClock
    let lane: Int

    init(clock: VirtualClock, lane: Int) {
        self.clock = clock
        self.lane = lane
    }

    /// Whether the code runs as work of this event loop.
    public var inEventLoop: Bool { self.clock.isRunning(self.lane) }

    /// The clock's time.
    public var now: NIODeadline { self.clock.deadlineNow }

    /// Runs `task` as soon as the clock runs.
    public func execute(_ task: @escaping @Sendable () -> Void) { self.clock.enqueue(task, lane: self.lane) }

    /// Runs `task` at a time of the clock.
    @discardableResult
    public func scheduleTask<T>(
        deadline: NIODeadline, _ task: @escaping @Sendable () throws -> T
    ) -> Scheduled<T> {
        let promise = self.makePromise(of: T.self)
        let clock = self.clock
        let id = clock.schedule(deadline, lane: self.lane) {
            promise.assumeIsolated().completeWith(Result(catching: task))
        }
        return Scheduled(promise: promise) { clock.cancel(id) }
    }

    /// Runs `task` after a time of the clock.
    @discardableResult
    public func scheduleTask<T>(in delay: TimeAmount, _ task: @escaping @Sendable () throws -> T) -> Scheduled<T> {
        self.scheduleTask(deadline: self.now + delay, task)
    }

    #if canImport(Dispatch)
    /// Does nothing but to answer: the loop ends with its clock.
    public func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        queue.async { callback(nil) }
    }
    #endif
}
