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

/// Runs the parts of tasks on an event loop.
///
/// A task that waits for what comes from a connection and answers it is woken on another thread, and wakes the connection's
/// thread again: on most systems that takes far longer than the work itself. On the event loop of the connection there is
/// nothing to wake. In return, the task must not block, nor compute for long, because nothing else happens on that event
/// loop meanwhile.
///
/// ```swift
/// let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
/// let node = try Node(identity: identity, eventLoopGroup: group)
/// let executor = EventLoopExecutor(group.next())
/// Task(executorPreference: executor) {
///     for await message in try node.messages() { try await node.send(answer(to: message), to: message.peer, on: "a") }
/// }
/// ```
///
/// With a group of one thread the connections are on that event loop too. Tasks that are started from the task stay there
/// only if they are its children. End them before the group is shut down: a task on an event loop that is no more never goes
/// on.
public final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    /// An executor on an event loop.
    public init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Takes a part of a task; part of `TaskExecutor`.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
