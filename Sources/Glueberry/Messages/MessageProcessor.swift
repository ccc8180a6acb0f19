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

/// Works on messages with a fixed number of tasks.
///
/// No more messages are taken from the sequence than there are workers for, and a backlog where order is kept; the rest
/// waits in the node's queues, where it counts against their bounds. Every message that was taken is given to the handler
/// once, also at the end.
///
/// ```swift
/// let processor = MessageProcessor(workers: 8, order: .perPeer)
/// await processor.run(try node.messages()) { message in
///     try await store(message)
/// } onError: { message, error in
///     logger.warning("not stored", metadata: ["peer": "\(message.peer)", "error": "\(error)"])
/// }
/// ```
public final class MessageProcessor: Sendable {
    /// Which messages are worked on one after another, in the order in which they came.
    public enum Order: Sendable {
        /// None: any two may be worked on at once.
        case none
        /// Those of one peer.
        case perPeer
        /// Those of one stream of one peer.
        case perStream
    }

    private struct State {
        var runs: [ObjectIdentifier: ProcessorRun] = [:]
        var isShutDown = false
    }

    private let workers: Int
    private let order: Order
    private let backlog: Int
    private let state = Locked(State())

    /// Creates a processor.
    ///
    /// - Parameters:
    ///   - workers: How many messages are worked on at once; at least 1.
    ///   - order: Which messages are worked on one after another.
    ///   - backlog: How many messages are taken, at most, that wait for one of the same peer or stream to be done. When
    ///     there are so many, the others wait as well; where that matters, give each peer a processor of its own with
    ///     `messages(from:)`. Without an order there is no backlog.
    public init(workers: Int, order: Order = .none, backlog: Int = 64) {
        self.workers = max(1, workers)
        self.order = order
        if case .none = order { self.backlog = 0 } else { self.backlog = max(0, backlog) }
    }

    /// How many messages are worked on.
    public var messagesInProgress: Int {
        self.state.withLock { Array($0.runs.values) }.reduce(0) { $0 + $1.running }
    }

    /// Works on the messages of a sequence; returns when the sequence has ended, or ``shutdown()`` was called, and every
    /// message that was taken has been worked on.
    ///
    /// When the calling task is cancelled, no more messages are taken, and handlers see the cancellation in their tasks.
    ///
    /// - Parameters:
    ///   - messages: The messages, for example `node.messages()`.
    ///   - handler: Works on one message; called by up to `workers` tasks at once.
    ///   - onError: Is told of every error that a handler throws; the worker goes on after it.
    public func run<Messages: AsyncSequence & Sendable>(
        _ messages: Messages, handler: @escaping @Sendable (Message) async throws -> Void,
        onError: @escaping @Sendable (Message, any Error) async -> Void
    ) async where Messages.Element == Message, Messages.Failure == Never {
        let run = ProcessorRun(WorkSchedule(workers: self.workers, order: self.order, backlog: self.backlog))
        let isShutDown = self.state.withLock { state in
            if !state.isShutDown { state.runs[ObjectIdentifier(run)] = run }
            return state.isShutDown
        }
        guard !isShutDown else { return }
        await run.run(messages, workers: self.workers, handler: handler, onError: onError)
        self.state.withLock { _ = $0.runs.removeValue(forKey: ObjectIdentifier(run)) }
        run.ended()
    }

    /// Takes no more messages, and returns when those that were taken have been worked on.
    ///
    /// What was not taken stays in the node's queues. A processor that is shut down stays so. Must not be awaited by a
    /// handler, which would wait for itself. When the calling task is cancelled it waits no longer; the handlers go on.
    ///
    /// - Returns: Whether every message that was taken has been worked on.
    @discardableResult
    public func shutdown() async -> Bool {
        let runs = self.state.withLock { state in
            state.isShutDown = true
            return Array(state.runs.values)
        }
        for run in runs { run.stopTaking() }
        for run in runs { guard await run.end() else { return false } }
        return true
    }
}

/// One sequence that a ``MessageProcessor`` works on.
private final class ProcessorRun: Sendable {
    private struct State {
        var schedule: WorkSchedule
        /// Workers that have nothing to do.
        var idle: [Settlement<Void, Never>] = []
        /// The reader, when there is no room.
        var reader: Settlement<Void, Never>?
        var reading: Task<Void, Never>?
        var isStopping = false
        var isClosed = false
        var hasEnded = false
        var ends: [Settlement<Bool, Never>] = []
    }

    private let state: Locked<State>

    init(_ schedule: WorkSchedule) {
        self.state = Locked(State(schedule: schedule))
    }

    var running: Int { self.state.withLock { $0.schedule.running } }

    func run<Messages: AsyncSequence & Sendable>(
        _ messages: Messages, workers: Int, handler: @escaping @Sendable (Message) async throws -> Void,
        onError: @escaping @Sendable (Message, any Error) async -> Void
    ) async where Messages.Element == Message, Messages.Failure == Never {
        // A task of its own, so that it can be ended while the workers go on.
        let reading = Task {
            var iterator = messages.makeAsyncIterator()
            while await self.hasRoom(), let message = await iterator.next(isolation: nil) { self.add(message) }
            self.close()
        }
        let isStopping = self.state.withLock { state in
            state.reading = reading
            return state.isStopping
        }
        if isStopping { reading.cancel() }
        await withTaskCancellationHandler {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<workers {
                    group.addTask {
                        while let message = await self.next() {
                            do {
                                try await handler(message)
                            } catch {
                                await onError(message, error)
                            }
                            self.finished(message)
                        }
                    }
                }
            }
            await reading.value
        } onCancel: {
            reading.cancel()
        }
    }

    func stopTaking() {
        let reading = self.state.withLock { state in
            state.isStopping = true
            return state.reading
        }
        reading?.cancel()
    }

    func ended() {
        let waiters = self.state.withLock { state in
            state.hasEnded = true
            state.reading = nil
            defer { state.ends = [] }
            return state.ends
        }
        for waiter in waiters { waiter.succeed(true) }
    }

    /// Returns true when the run has ended, and false when the calling task is cancelled before.
    func end() async -> Bool {
        let end = Settlement<Bool, Never>()
        let hasEnded = self.state.withLock { state in
            state.ends.removeAll { $0.isSettled }
            if !state.hasEnded { state.ends.append(end) }
            return state.hasEnded
        }
        guard !hasEnded else { return true }
        return await withTaskCancellationHandler {
            await end.value().get()
        } onCancel: {
            end.succeed(false)
        }
    }

    // MARK: The reader

    /// Waits until another message can be taken; false when none is to be taken any more.
    private func hasRoom() async -> Bool {
        while !Task.isCancelled {
            let wait = Settlement<Void, Never>()
            let hasRoom = self.state.withLock { state in
                guard state.schedule.isFull else { return true }
                state.reader = wait
                return false
            }
            if hasRoom { return true }
            await withTaskCancellationHandler {
                _ = await wait.value()
            } onCancel: {
                wait.succeed()
            }
        }
        return false
    }

    private func add(_ message: Message) {
        let worker = self.state.withLock { state in
            state.schedule.add(message)
            return state.schedule.readyCount > 0 ? state.idle.popLast() : nil
        }
        worker?.succeed()
    }

    private func close() {
        let workers = self.state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return state.idle
        }
        for worker in workers { worker.succeed() }
    }

    // MARK: The workers

    /// The next message; nil when there will be none.
    private func next() async -> Message? {
        while true {
            let wait = Settlement<Void, Never>()
            let (message, isEnd) = self.state.withLock { state -> (Message?, Bool) in
                if let message = state.schedule.next() { return (message, false) }
                if state.isClosed, state.schedule.waiting == 0 { return (nil, true) }
                state.idle.append(wait)
                return (nil, false)
            }
            if let message { return message }
            if isEnd { return nil }
            _ = await wait.value()
        }
    }

    private func finished(_ message: Message) {
        let (reader, workers) = self.state.withLock {
            state -> (Settlement<Void, Never>?, [Settlement<Void, Never>]) in
            state.schedule.finished(message)
            var workers: [Settlement<Void, Never>] = []
            if state.isClosed, state.schedule.waiting == 0 {
                workers = state.idle
                state.idle = []
            } else if state.schedule.readyCount > 0, let worker = state.idle.popLast() {
                workers = [worker]
            }
            guard !state.schedule.isFull else { return (nil, workers) }
            defer { state.reader = nil }
            return (state.reader, workers)
        }
        for worker in workers { worker.succeed() }
        reader?.succeed()
    }
}
