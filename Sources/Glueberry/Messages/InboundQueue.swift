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
import NIOCore
import PeerIdentity

/// What arrived on one stream of one peer and waits for a consumer, over all sessions, in the order of arrival.
///
/// It is bounded in messages and bytes: when it is full, the stream is parsed no further and its window stays shut, which
/// holds up that stream of that peer and nothing else.
final class InboundQueue: Sendable {
    struct Key: Hashable, Sendable {
        let peer: PeerID
        let stream: String
    }

    struct Limits: Sendable {
        var messages: Int
        var bytes: Int
    }

    struct Entry: Sendable {
        let received: ReceivedMessage
        /// The stream that brought it, and gets its credit.
        let sourceID: ObjectIdentifier
        let source: NIOLoopBound<FrameStream>
    }

    private struct State {
        var entries: Deque<Entry> = []
        var bytes = 0
        var inbox: MessageInbox
        var paused: [ObjectIdentifier: NIOLoopBound<FrameStream>] = [:]
        var isDiscarding = false
        /// Entries that a consumer has taken as a batch and not yet used up.
        var lent = 0
        /// The change of the routes that gave the queue its inbox.
        var revision: UInt64 = 0
    }

    /// How many times its bound a queue holds of what ended sessions leave behind.
    private static let saturation = 4

    let key: Key
    private let limits: Limits
    private let state: Locked<State>

    init(key: Key, limits: Limits, inbox: MessageInbox) {
        self.key = key
        self.limits = limits
        self.state = Locked(State(inbox: inbox))
    }

    /// Adds what one read brought, and says whether more may follow.
    func append(
        _ batch: [ReceivedMessage], from source: NIOLoopBound<FrameStream>, id: ObjectIdentifier
    ) -> InboundRoom {
        let (room, inbox) = self.state.withLock { state -> (InboundRoom, MessageInbox?) in
            guard !state.isDiscarding else { return (.none, nil) }
            let wasEmpty = state.entries.isEmpty
            for received in batch {
                state.entries.append(Entry(received: received, sourceID: id, source: source))
                state.bytes += received.message.payload.readableBytes
            }
            let room = self.room(state)
            if room != .now { state.paused[id] = source }
            return (room, wasEmpty && !state.entries.isEmpty ? state.inbox : nil)
        }
        inbox?.ready(self)
        return room
    }

    private func room(_ state: State) -> InboundRoom {
        func isOver(_ factor: Int) -> Bool {
            state.entries.count / factor >= self.limits.messages || state.bytes / factor >= self.limits.bytes
        }
        return isOver(Self.saturation) ? .none : isOver(1) ? .soon : .now
    }

    /// Drops what is in the queue and whatever else comes.
    ///
    /// Returns how many messages were in it.
    @discardableResult
    func discard() -> Int {
        self.state.withLock { state in
            state.isDiscarding = true
            defer { state.entries = [] }
            let dropped = state.entries.count
            state.bytes = 0
            state.paused = [:]
            return dropped
        }
    }

    /// Takes up to `count` entries from the front for a consumer.
    func take(_ count: Int, for inbox: MessageInbox) -> [Entry] {
        let (taken, resumed, isMoreReady) = self.state.withLock {
            state -> ([Entry], [NIOLoopBound<FrameStream>], Bool) in
            guard state.inbox === inbox else { return ([], [], false) }
            let taken = Array(state.entries.prefix(count))
            state.entries.removeFirst(taken.count)
            for entry in taken { state.bytes -= entry.received.message.payload.readableBytes }
            state.lent += taken.count
            var resumed: [NIOLoopBound<FrameStream>] = []
            if state.entries.count <= self.limits.messages / 2, state.bytes <= self.limits.bytes / 2 {
                resumed = Array(state.paused.values)
                state.paused = [:]
            }
            return (taken, resumed, !state.entries.isEmpty)
        }
        if isMoreReady { inbox.ready(self) }
        for source in resumed { source.eventLoop.execute { source.value.resume() } }
        return taken
    }

    /// Ends what ``take(_:for:)`` gave out: entries that were not used come back to the front, in their order.
    func settle(_ count: Int, unused entries: ArraySlice<Entry>) {
        let inbox = self.state.withLock { state in
            state.lent -= count
            for entry in entries.reversed() {
                state.entries.prepend(entry)
                state.bytes += entry.received.message.payload.readableBytes
            }
            return state.entries.isEmpty ? nil : state.inbox
        }
        inbox?.ready(self)
    }

    /// Gives the queue another consumer, unless a later change of the routes has done so already; what is in it moves
    /// along.
    func move(to inbox: MessageInbox, revision: UInt64) {
        let isReady = self.state.withLock { state in
            guard revision > state.revision else { return false }
            state.revision = revision
            state.inbox = inbox
            return !state.entries.isEmpty
        }
        if isReady { inbox.ready(self) }
    }

    var count: Int { self.state.withLock { $0.entries.count } }

    /// Whether nothing is in the queue, and nothing out of it can come back.
    var isUnused: Bool { self.state.withLock { $0.entries.isEmpty && $0.lent == 0 } }
}

/// What a consumer of messages reads from: the queues that have something for it, in turns.
final class MessageInbox: Sendable {
    private struct State {
        var ready: Deque<InboundQueue> = []
        var waiting: [Settlement<Void, Never>] = []
        var isFinished = false
        var isClaimed = false
    }

    private let state = Locked(State())

    /// A queue has something.
    func ready(_ queue: InboundQueue) {
        let waiting = self.state.withLock { state in
            if !state.ready.contains(where: { $0 === queue }) { state.ready.append(queue) }
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.succeed() }
    }

    /// Nothing more will come: what is there can still be read.
    func finish() {
        let waiting = self.state.withLock { state in
            state.isFinished = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.succeed() }
    }

    /// Makes the caller the one consumer; false if there is one.
    func claim() -> Bool {
        self.state.withLock { state in
            defer { state.isClaimed = true }
            return !state.isClaimed
        }
    }

    func release() {
        self.state.withLock { $0.isClaimed = false }
    }

    /// The next batch; nil at the end, or when the calling task is cancelled.
    func next(_ count: Int) async -> (queue: InboundQueue, entries: [InboundQueue.Entry])? {
        while true {
            let wait = Settlement<Void, Never>()
            let (queue, isFinished) = self.state.withLock { state -> (InboundQueue?, Bool) in
                if let queue = state.ready.popFirst() { return (queue, false) }
                if state.isFinished { return (nil, true) }
                state.waiting.append(wait)
                return (nil, false)
            }
            if let queue {
                let entries = queue.take(count, for: self)
                if !entries.isEmpty { return (queue, entries) }
                continue
            }
            if isFinished || Task.isCancelled { return nil }
            await withTaskCancellationHandler {
                _ = await wait.value()
            } onCancel: {
                wait.succeed()
            }
            if Task.isCancelled { return nil }
        }
    }
}
