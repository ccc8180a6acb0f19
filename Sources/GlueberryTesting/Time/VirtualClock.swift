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
public import Glueberry
import LibP2P
public import NIOCore

#if canImport(Dispatch)
public import Dispatch
#endif

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A clock whose time moves only when it is told to, with the event loops and the tasks that live by it.
///
/// Nodes that are made with the clock as their event loop group, and tasks that are started with ``start(_:)`` or
/// ``perform(within:_:)``, share one queue, which is worked off on the thread that calls ``run()``, ``advance(by:)`` or
/// ``run(within:until:)``. Such a call returns when nothing is left to run, so that a test needs no waiting: hours of
/// virtual time pass in milliseconds, and the same seed gives the same order.
///
/// With several event loops, which of those that have work goes next is drawn from the seed, as it would be left to chance
/// on real threads; each of them, and the tasks together, keep their own order.
///
/// What the clock cannot know of is what runs elsewhere: a task that a test makes with `Task { }` or `Task.detached` is on
/// the global executor, which an unstructured task does not inherit from its creator, and so is an actor with an executor
/// of its own. Where such a one takes part, use ``eventually(_:)``.
public final class VirtualClock: EventLoopGroup, TaskExecutor {
    private enum Work {
        case closure(@Sendable () -> Void)
        case job(UnownedJob)
    }

    private struct State {
        var now: NIODeadline
        /// The first is that of the tasks, each other that of an event loop.
        var lanes: [Deque<Work>]
        var ready = 0
        var timers = TimerHeap()
        var random: SeededGenerator
        var driver: UInt?
        var running: Int?
        var next = 0
    }

    private static let taskLane = 0
    private static let beginning = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    /// So much work without any passing of time is taken for an endless loop.
    private static let patience = 20_000_000

    private let state: SystemLocked<State>
    private let loops = SystemLocked<[VirtualEventLoop]>([])

    /// Creates a clock.
    ///
    /// - Parameters:
    ///   - eventLoops: How many event loops the clock has as a group; at least 1.
    ///   - seed: Decides which event loop goes next where several have work.
    public init(eventLoops: Int = 1, seed: UInt64 = 0) {
        let count = max(1, eventLoops)
        self.state = SystemLocked(
            State(
                now: Self.beginning, lanes: Array(repeating: [], count: count + 1),
                random: SeededGenerator(seed: seed)))
        self.loops.withLock { loops in
            loops = (1...count).map { VirtualEventLoop(clock: self, lane: $0) }
        }
    }

    // MARK: Time

    /// The time that has passed on the clock since it was created.
    public var elapsed: Duration { .nanoseconds((self.deadlineNow - Self.beginning).nanoseconds) }

    /// The calendar's time by this clock, which begins with the year 2026 in UTC.
    public var timestamp: Timestamp { Timestamp(seconds: 1_767_225_600).advanced(by: self.elapsed) }

    /// How many timers are set: those of nodes that run, and of tasks that sleep.
    public var timers: Int { self.state.withLock { $0.timers.count } }

    /// Runs everything that is ready, and what follows from it, without a passing of time.
    ///
    /// Not to be called from work of the clock itself.
    public func run() {
        self.drive { self.work() }
    }

    /// Lets time pass: runs everything that is ready or becomes due, each at its time.
    ///
    /// Not to be called from work of the clock itself; a task of the clock calls ``sleep(for:)``.
    public func advance(by duration: Duration) {
        self.drive {
            let end = self.deadlineNow + Self.amount(duration)
            self.work()
            while self.moveOn(to: end) { self.work() }
        }
    }

    /// Lets time pass from one timer to the next until something is so.
    ///
    /// The condition is looked at whenever nothing is left to run at the time that it is. Time does not go further than to
    /// that point.
    ///
    /// - Returns: Whether it came to be so; false after the longest time.
    @discardableResult
    public func run(within limit: Duration, until condition: () -> Bool) -> Bool {
        self.drive {
            let end = self.deadlineNow + Self.amount(limit)
            self.work()
            while !condition() {
                guard self.deadlineNow < end, self.moveOn(to: end) else { return condition() }
                self.work()
            }
            return true
        }
    }

    /// Runs what is ready, and gives what is not on this clock real time, until something is so; the clock stands still.
    ///
    /// - Throws: `CancellationError` when the calling task is cancelled, for example by the time limit of its test.
    public func eventually(_ condition: () -> Bool) async throws {
        var looks = 0
        self.run()
        while !condition() {
            try Task.checkCancellation()
            looks += 1
            if looks % 64 == 0 { try await Task.sleep(for: .milliseconds(1)) } else { await Task.yield() }
            self.run()
        }
    }

    // MARK: Tasks

    /// Starts a task on the clock and runs what is ready.
    public func start<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) -> VirtualTask<Value> {
        let running = VirtualTask<Value>()
        running.began(
            Task(executorPreference: self) {
                do { running.ended(.success(try await body())) } catch { running.ended(.failure(error)) }
            })
        if !self.isDriving { self.run() }
        return running
    }

    /// Runs a task on the clock to its end, and lets pass as much time as it takes.
    ///
    /// - Parameters:
    ///   - limit: The longest time; then the task is cancelled. Default: one hour of virtual time.
    ///   - body: What to do.
    /// - Returns: What the task returned.
    /// - Throws: What the task threw; ``VirtualTimeOut`` if it did not end in time.
    @discardableResult
    public func perform<Value: Sendable>(
        within limit: Duration = .seconds(3600), _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let task = self.start(body)
        self.run(within: limit) { task.isDone }
        guard let result = task.result else {
            task.cancel()
            self.run()
            throw VirtualTimeOut(limit: limit)
        }
        return try result.get()
    }

    /// Waits for a time of the clock; for tasks that run on it.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func sleep(for duration: Duration) async throws {
        let woken = Settlement<Void, CancellationError>()
        let timer = self.next().scheduleTask(in: Self.amount(duration)) { _ = woken.succeed() }
        let result = await withTaskCancellationHandler {
            await woken.value()
        } onCancel: {
            timer.cancel()
            woken.fail(CancellationError())
        }
        try result.get()
    }

    /// Takes a job of a task; part of `TaskExecutor`.
    public func enqueue(_ job: consuming ExecutorJob) {
        self.enqueue(.job(UnownedJob(job)), lane: Self.taskLane)
    }

    // MARK: The event loops

    /// One event loop after the other.
    public func next() -> any EventLoop {
        let loops = self.loops.withLock { $0 }
        let index = self.state.withLock { state in
            defer { state.next += 1 }
            return state.next % loops.count
        }
        return loops[index]
    }

    /// The event loops.
    public func makeIterator() -> EventLoopIterator { EventLoopIterator(self.loops.withLock { $0 }) }

    #if canImport(Dispatch)
    /// Does nothing but to answer: the clock ends when nobody refers to it any more.
    public func shutdownGracefully(queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void) {
        queue.async { callback(nil) }
    }
    #endif

    var deadlineNow: NIODeadline { self.state.withLock { $0.now } }

    func isRunning(_ lane: Int) -> Bool {
        let current = Self.currentThread
        return self.state.withLock { state in
            guard state.running == lane, let driver = state.driver else { return false }
            return driver == current
        }
    }

    func enqueue(_ body: @escaping @Sendable () -> Void, lane: Int) { self.enqueue(.closure(body), lane: lane) }

    func schedule(_ deadline: NIODeadline, lane: Int, _ body: @escaping @Sendable () -> Void) -> UInt64 {
        self.state.withLock { $0.timers.set(deadline, lane: lane, body) }
    }

    func cancel(_ timer: UInt64) { self.state.withLock { $0.timers.cancel(timer) } }

    private func enqueue(_ work: Work, lane: Int) {
        self.state.withLock { state in
            state.lanes[lane].append(work)
            state.ready += 1
        }
    }

    // MARK: Running

    private static var currentThread: UInt {
        #if canImport(Glibc)
        UInt(pthread_self())
        #else
        UInt(bitPattern: pthread_self())
        #endif
    }

    private var isDriving: Bool {
        let current = Self.currentThread
        return self.state.withLock { state in
            state.driver == current
        }
    }

    private func drive<Result>(_ body: () -> Result) -> Result {
        let current = Self.currentThread
        let isFree = self.state.withLock { state in
            guard state.driver == nil else { return false }
            state.driver = current
            return true
        }
        precondition(isFree, "the clock runs already: one thread at a time drives it, and not from within its own work")
        defer { self.state.withLock { $0.driver = nil } }
        return body()
    }

    /// Runs until nothing is ready.
    private func work() {
        var steps = 0
        while let next = self.take() {
            steps += 1
            precondition(steps < Self.patience, "work makes more work without end, and no time passes")
            switch next {
            case .closure(let body): body()
            case .job(let job): job.runSynchronously(on: self.asUnownedTaskExecutor())
            }
        }
    }

    private func take() -> Work? {
        self.state.withLock { state in
            state.running = nil
            while let (lane, body) = state.timers.popDue(state.now) {
                state.lanes[lane].append(.closure(body))
                state.ready += 1
            }
            guard state.ready > 0 else { return nil }
            var waiting = 0
            for lane in state.lanes where !lane.isEmpty { waiting += 1 }
            var skipped = waiting > 1 ? Int(state.random.next() % UInt64(waiting)) : 0
            for index in state.lanes.indices where !state.lanes[index].isEmpty {
                guard skipped == 0 else {
                    skipped -= 1
                    continue
                }
                state.ready -= 1
                state.running = index
                return state.lanes[index].popFirst()
            }
            return nil
        }
    }

    /// Moves the time to the next timer, or to `end` if there is none before; false if that is where it was.
    private func moveOn(to end: NIODeadline) -> Bool {
        self.state.withLock { state in
            let earliest = state.timers.earliest ?? .distantFuture
            let before = state.now
            state.now = max(state.now, min(earliest, end))
            return state.now > before
        }
    }

    static func amount(_ duration: Duration) -> TimeAmount {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .nanoseconds(seconds < 0 ? .min / 4 : .max / 4) }
        return .nanoseconds(min(max(whole, .min / 4), .max / 4) + attoseconds / 1_000_000_000)
    }
}

/// A task on a ``VirtualClock`` did not end in the time that it was given.
public struct VirtualTimeOut: Error, Sendable, CustomStringConvertible {
    /// The time that it was given.
    public let limit: Duration

    /// One line that says so.
    public var description: String { "not done within \(self.limit) of virtual time" }
}
