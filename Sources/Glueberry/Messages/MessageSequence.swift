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
import NIOCore

/// The messages that arrive, for one consumer.
///
/// The claim lasts as long as the sequence or an iterator of it does; meanwhile a second claim throws. A message belongs
/// to its queue until `next()` has returned it: what an abandoned iteration had not delivered, the next one gets, in
/// order. The sequence ends when the node has stopped and everything received has been taken; a cancelled task gets nil.
public struct MessageSequence: AsyncSequence, Sendable {
    /// The element type.
    public typealias Element = Message
    /// Iteration never fails.
    public typealias Failure = Never

    let claim: Claim

    /// Starts the iteration.
    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(cursor: MessageCursor(claim: self.claim))
    }

    /// Takes one message after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let cursor: MessageCursor

        /// The next message; nil at the end, or when the calling task is cancelled.
        public mutating func next() async -> Message? {
            await self.cursor.next()
        }

        /// The next message; nil at the end, or when the calling task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> Message? {
            await self.cursor.next()
        }
    }

    /// Holds a route for one consumer.
    final class Claim: Sendable {
        let inbox: MessageInbox
        private let route: MessageHub.Route
        private let hub: MessageHub

        init?(_ route: MessageHub.Route, of hub: MessageHub) {
            guard let inbox = hub.claim(route) else { return nil }
            self.inbox = inbox
            self.route = route
            self.hub = hub
        }

        deinit { self.hub.release(self.route, self.inbox) }
    }
}

/// A place in a sequence of messages: it takes them in batches and gives them out one by one.
///
/// An iterator belongs to one task at a time; the lock makes a misuse harmless and is free when there is none.
final class MessageCursor: Sendable {
    private static let batch = 64
    /// Credit that is gathered before it goes to the event loop, in bytes.
    private static let creditStep = 64 * 1024

    private struct State {
        var queue: InboundQueue?
        var entries: [InboundQueue.Entry] = []
        var position = 0
        var credit = 0
    }

    private let claim: MessageSequence.Claim
    private let state = Locked(State())

    init(claim: MessageSequence.Claim) {
        self.claim = claim
    }

    deinit {
        let (queue, count, rest) = self.state.withLock { state in
            Self.giveCredit(&state)
            return (state.queue, state.entries.count, state.entries[state.position...])
        }
        queue?.settle(count, unused: rest)
    }

    func next() async -> Message? {
        if Task.isCancelled { return nil }
        if let message = self.takeFromBatch() { return message }
        while let (queue, entries) = await self.claim.inbox.next(Self.batch) {
            self.state.withLock { state in
                state.queue = queue
                state.entries = entries
                state.position = 0
            }
            if let message = self.takeFromBatch() { return message }
        }
        return nil
    }

    private func takeFromBatch() -> Message? {
        let (message, usedUp, count) = self.state.withLock { state -> (Message?, InboundQueue?, Int) in
            guard state.position < state.entries.count else { return (nil, nil, 0) }
            let entry = state.entries[state.position]
            // Credit belongs to the stream that brought the message, and one queue may have been filled by several.
            let isLast = state.position + 1 == state.entries.count
            let isSame = !isLast && state.entries[state.position + 1].sourceID == entry.sourceID
            state.credit += entry.received.credit
            state.position += 1
            if isLast || !isSame || state.credit >= Self.creditStep { Self.giveCredit(&state) }
            guard isLast else { return (entry.received.message, nil, 0) }
            let count = state.entries.count
            defer {
                state.queue = nil
                state.entries = []
                state.position = 0
            }
            return (entry.received.message, state.queue, count)
        }
        usedUp?.settle(count, unused: [])
        return message
    }

    private static func giveCredit(_ state: inout State) {
        guard state.credit > 0, state.position > 0 else { return }
        let source = state.entries[state.position - 1].source
        let credit = state.credit
        state.credit = 0
        source.eventLoop.execute { source.value.giveCredit(credit) }
    }
}
