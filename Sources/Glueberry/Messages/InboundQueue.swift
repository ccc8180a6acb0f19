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
/// It is bounded in messages and bytes. What happens when it is full is the policy's to say: by default the stream is
/// parsed no further and its window stays shut, which holds up that stream of that peer and nothing else.
final class InboundQueue: Sendable {
    struct Key: Hashable, Sendable {
        let peer: PeerID
        let stream: String
    }

    struct Limits: Sendable {
        /// At so many messages or bytes the queue is full.
        var messages: Int
        var bytes: Int
        /// A stream that was held up goes on when there are so many left.
        var lowMessages: Int
        var lowBytes: Int
        var policy: ReceivePolicy

        init(
            messages: Int, bytes: Int, lowMessages: Int? = nil, lowBytes: Int? = nil,
            policy: ReceivePolicy = .backpressure
        ) {
            self.messages = messages
            self.bytes = bytes
            self.lowMessages = lowMessages ?? messages / 2
            self.lowBytes = lowBytes ?? bytes / 2
            self.policy = policy
        }
    }

    struct Entry: Sendable {
        let received: ReceivedMessage
        /// Counts what has come, so that what comes back finds its place.
        let number: UInt64
        /// The stream that brought it, and gets its credit.
        let sourceID: ObjectIdentifier
        let source: NIOLoopBound<FrameStream>

        var bytes: Int { self.received.message.payload.readableBytes }
    }

    /// What became of a batch.
    struct Arrival {
        /// Whether more may follow.
        var room = InboundRoom.now
        /// Messages that were dropped, of the batch or of what was there before.
        var dropped = 0
        /// Whether the session is to end because of it.
        var isOverflow = false
    }

    /// What waits, at one moment.
    struct Pending {
        /// How often a consumer has taken something; with `undelivered`, what tells whether anybody reads.
        var takes: UInt64 = 0
        /// Messages of batches that consumers have taken, and not been given yet.
        var undelivered = 0
        var messages = 0
        var bytes = 0
        /// Whether a stream is held up.
        var isBlocked = false
    }

    private struct Borrower {
        let id: ObjectIdentifier
        weak var cursor: MessageCursor?
    }

    private struct State {
        var entries: Deque<Entry> = []
        var bytes = 0
        var inbox: MessageInbox
        var paused: [ObjectIdentifier: NIOLoopBound<FrameStream>] = [:]
        var isDiscarding = false
        /// Entries that consumers have taken as batches and not yet used up.
        var lent = 0
        var borrowers: [Borrower] = []
        var takes: UInt64 = 0
        /// The change of the routes that gave the queue its inbox.
        var revision: UInt64 = 0
        /// Those who may still bring something.
        var users = 0
        var hadUsers = false
        var isRetired = false
        var isWatched = false
        /// What has come.
        var count: UInt64 = 0
        /// What the ledger knows of.
        var leftover = 0
        /// The session that brought more than fits, under the policy `disconnect`: nothing more of it is taken.
        var overflowed: UInt64?
    }

    /// How many times its bound in bytes a queue holds of what ended sessions leave behind, and how many bytes at least: more
    /// than the largest window, so that what one session leaves is not dropped unless most of it are messages of a few bytes.
    private static let saturation = 4
    private static let leastLeft = 16 * 1024 * 1024
    /// What a message takes beside its payload, about, in bytes.
    private static let overhead = 128

    let key: Key
    let limits: Limits
    private let watch: StallWatch?
    private let ledger: LeftoverLedger?
    /// Called when nothing is in the queue any more and nobody can bring anything.
    private let onUnused: @Sendable (InboundQueue) -> Void
    private let state: Locked<State>

    init(
        key: Key, limits: Limits, inbox: MessageInbox, watch: StallWatch? = nil, ledger: LeftoverLedger? = nil,
        onUnused: @escaping @Sendable (InboundQueue) -> Void = { _ in }
    ) {
        self.key = key
        self.limits = limits
        self.watch = watch
        self.ledger = ledger
        self.onUnused = onUnused
        self.state = Locked(State(inbox: inbox))
    }

    // MARK: Those who bring messages

    /// Notes somebody who may bring messages; false if the queue is given up.
    func use() -> Bool {
        self.state.withLock { state in
            guard !state.isRetired else { return false }
            state.users += 1
            state.hadUsers = true
            self.account(&state)
            return true
        }
    }

    /// Ends what ``use()`` began.
    func unuse() {
        let isUnused = self.state.withLock { state in
            state.users -= 1
            self.account(&state)
            return Self.isUnused(state)
        }
        if isUnused { self.onUnused(self) }
    }

    /// Gives the queue up if nothing is in it, nothing out of it can come back, and nobody can bring anything.
    func retire() -> Bool {
        self.state.withLock { state in
            if Self.isUnused(state) { state.isRetired = true }
            return state.isRetired
        }
    }

    /// Tells the ledger what is here for whom nobody can be held up any more.
    private func account(_ state: inout State) {
        guard let ledger = self.ledger else { return }
        // Neither sum nor product can overflow: both are below the memory that is in use.
        let leftover =
            state.users > 0 || state.entries.isEmpty ? 0 : state.bytes + state.entries.count * Self.overhead
        guard leftover != state.leftover else { return }
        ledger.add(leftover - state.leftover)
        state.leftover = leftover
    }

    private static func isUnused(_ state: State) -> Bool {
        state.users == 0 && state.entries.isEmpty && state.lent == 0
    }

    /// Adds what one read brought; on the event loop of its stream.
    func append(
        _ batch: [ReceivedMessage], from source: NIOLoopBound<FrameStream>, id: ObjectIdentifier
    ) -> Arrival {
        // Where the policy bounds the queue, the window need not: it is given back at once, so that nobody is held up.
        let holdsCredit = self.limits.policy == .backpressure
        var dropped = 0
        let (arrival, inbox, isNewlyWaiting) = self.state.withLock { state -> (Arrival, MessageInbox?, Bool) in
            guard !state.isDiscarding else { return (Arrival(room: .none), nil, false) }
            let wasEmpty = state.entries.isEmpty
            var arrival = Arrival()
            for received in batch {
                let kept = holdsCredit ? received : ReceivedMessage(message: received.message, credit: 0)
                state.count += 1
                let entry = Entry(received: kept, number: state.count, sourceID: id, source: source)
                switch self.limits.policy {
                case .backpressure: break
                case .dropOldest: dropped += self.makeRoom(for: entry, &state)
                case .dropNewest:
                    guard self.fits(entry, state) else {
                        dropped += 1
                        continue
                    }
                case .disconnect:
                    let session = received.message.session
                    guard state.overflowed != session, self.fits(entry, state) else {
                        arrival.isOverflow = arrival.isOverflow || state.overflowed != session
                        state.overflowed = session
                        dropped += 1
                        continue
                    }
                }
                state.entries.append(entry)
                state.bytes += entry.bytes
            }
            arrival.dropped = dropped
            self.account(&state)
            if holdsCredit {
                arrival.room = self.room(state)
                if arrival.room != .now { state.paused[id] = source }
            }
            let isFilled = wasEmpty && !state.entries.isEmpty
            let isNewlyWaiting = isFilled && !state.isWatched && self.watch != nil
            if isNewlyWaiting { state.isWatched = true }
            return (arrival, isFilled ? state.inbox : nil, isNewlyWaiting)
        }
        inbox?.ready(self)
        if isNewlyWaiting { self.watch?.add(self) }
        if !holdsCredit {
            let credit = batch.reduce(0) { $0 + $1.credit }
            source.eventLoop.execute { source.value.giveCredit(credit) }
        }
        return arrival
    }

    private func room(_ state: State) -> InboundRoom {
        guard state.entries.count >= self.limits.messages || state.bytes >= self.limits.bytes else { return .now }
        // Neither sum nor product can overflow: both are below the memory that is in use.
        let left = state.bytes + state.entries.count * Self.overhead
        return left >= Self.leastLeft && left / Self.saturation >= self.limits.bytes ? .none : .soon
    }

    /// Whether the bounds allow another message; one that is larger than the whole queue passes alone.
    private func fits(_ entry: Entry, _ state: State) -> Bool {
        state.entries.isEmpty
            || state.entries.count < self.limits.messages && entry.bytes <= self.limits.bytes - state.bytes
    }

    /// Drops the oldest messages until another fits, and says how many; what a consumer has taken is none of them.
    private func makeRoom(for entry: Entry, _ state: inout State) -> Int {
        var dropped = 0
        while !self.fits(entry, state), let oldest = state.entries.popFirst() {
            state.bytes -= oldest.bytes
            dropped += 1
        }
        return dropped
    }

    /// Drops what is in the queue and whatever else comes.
    ///
    /// Returns how many messages were in it.
    @discardableResult
    func discard() -> Int {
        // Let go of outside the lock: with the last message of a stream much may go that has locks of its own.
        let (dropped, paused) = self.state.withLock { state in
            state.isDiscarding = true
            defer {
                state.entries = []
                state.bytes = 0
                state.paused = [:]
                self.account(&state)
            }
            return (state.entries, state.paused)
        }
        return withExtendedLifetime(paused) { dropped.count }
    }

    // MARK: Consumers

    /// Takes a batch from the front for a consumer: up to `count` messages of together at most `bytes`, and at least one.
    func take(
        _ count: Int, bytes: Int = .max, for inbox: MessageInbox, by cursor: MessageCursor? = nil
    ) -> [Entry] {
        let (taken, resumed, isMoreReady) = self.state.withLock {
            state -> ([Entry], [NIOLoopBound<FrameStream>], Bool) in
            guard state.inbox === inbox else { return ([], [], false) }
            var taken: [Entry] = []
            taken.reserveCapacity(min(count, state.entries.count))
            var takenBytes = 0
            while taken.count < count, let entry = state.entries.first {
                guard taken.isEmpty || entry.bytes <= bytes - takenBytes else { break }
                taken.append(entry)
                takenBytes += entry.bytes
                state.entries.removeFirst()
            }
            if !taken.isEmpty {
                state.bytes -= takenBytes
                self.account(&state)
                state.lent += taken.count
                state.takes += 1
                if let cursor { state.borrowers.append(Borrower(id: ObjectIdentifier(cursor), cursor: cursor)) }
            }
            var resumed: [NIOLoopBound<FrameStream>] = []
            if !state.paused.isEmpty, state.entries.count <= self.limits.lowMessages,
                state.bytes <= self.limits.lowBytes
            {
                resumed = Array(state.paused.values)
                state.paused = [:]
            }
            return (taken, resumed, !state.entries.isEmpty)
        }
        if isMoreReady { inbox.ready(self) }
        for source in resumed { source.eventLoop.execute { source.value.resume() } }
        return taken
    }

    /// Ends what ``take(_:bytes:for:by:)`` gave out: entries that were not used come back to the front, in their order.
    func settle(_ count: Int, unused entries: ArraySlice<Entry>, by cursor: ObjectIdentifier? = nil) {
        let (inbox, isUnused) = self.state.withLock { state -> (MessageInbox?, Bool) in
            state.lent -= count
            if let index = state.borrowers.firstIndex(where: { $0.id == cursor }) { state.borrowers.remove(at: index) }
            if let first = entries.first {
                // Of two consumers that give back, the one with the newer ones may be the second.
                let place = state.entries.firstIndex { $0.number > first.number } ?? state.entries.endIndex
                state.entries.insert(contentsOf: entries, at: place)
                state.bytes += entries.reduce(0) { $0 + $1.bytes }
                self.account(&state)
            }
            return (state.entries.isEmpty ? nil : state.inbox, state.hadUsers && Self.isUnused(state))
        }
        inbox?.ready(self)
        if isUnused { self.onUnused(self) }
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

    // MARK: Looking on

    var count: Int { self.state.withLock { $0.entries.count } }

    /// What waits for a consumer, with what is left of the batches that consumers have taken.
    var pending: Pending {
        let (pending, borrowers) = self.state.withLock { state in
            (
                Pending(
                    takes: state.takes, messages: state.entries.count, bytes: state.bytes,
                    isBlocked: !state.paused.isEmpty), state.borrowers
            )
        }
        return Self.adding(borrowers, to: pending)
    }

    /// What waits, for whoever watches the queue; nil, and the queue is not watched any more, if nothing does.
    func watchedPending() -> Pending? {
        let seen = self.state.withLock { state -> (Pending, [Borrower])? in
            if state.isDiscarding || state.entries.isEmpty && state.lent == 0 {
                state.isWatched = false
                return nil
            }
            return (
                Pending(
                    takes: state.takes, messages: state.entries.count, bytes: state.bytes,
                    isBlocked: !state.paused.isEmpty), state.borrowers
            )
        }
        return seen.map { Self.adding($0.1, to: $0.0) }
    }

    private static func adding(_ borrowers: [Borrower], to pending: Pending) -> Pending {
        var pending = pending
        for borrower in borrowers {
            guard let (messages, bytes) = borrower.cursor?.undelivered else { continue }
            pending.undelivered += messages
            pending.messages += messages
            pending.bytes += bytes
        }
        return pending
    }
}
