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

/// A place in a sequence of messages: it takes them in batches and gives them out one by one.
///
/// An iterator belongs to one task at a time; the lock makes a misuse harmless and is free when there is none.
final class MessageCursor: Sendable {
    /// Credit that is gathered before it goes to the event loop, in bytes.
    private static let creditStep = 64 * 1024

    private struct Credit {
        let source: NIOLoopBound<FrameStream>
        let bytes: Int

        func give() {
            let (source, bytes) = (self.source, self.bytes)
            if source.eventLoop.inEventLoop {
                source.value.giveCredit(bytes)
            } else {
                source.eventLoop.execute { source.value.giveCredit(bytes) }
            }
        }
    }

    private struct State {
        var queue: InboundQueue?
        var entries: [InboundQueue.Entry] = []
        var position = 0
        var credit = 0

        mutating func takeCredit() -> Credit? {
            guard self.credit > 0, self.position > 0 else { return nil }
            defer { self.credit = 0 }
            return Credit(source: self.entries[self.position - 1].source, bytes: self.credit)
        }
    }

    private let claim: MessageSequence.Claim
    private let state = Locked(State())

    init(claim: MessageSequence.Claim) {
        self.claim = claim
    }

    deinit {
        let (queue, count, rest, credit) = self.state.withLock { state in
            (state.queue, state.entries.count, state.entries[state.position...], state.takeCredit())
        }
        credit?.give()
        queue?.settle(count, unused: rest, by: ObjectIdentifier(self))
    }

    /// What is left of the batch.
    var undelivered: (messages: Int, bytes: Int) {
        self.state.withLock { state in
            let rest = state.entries[state.position...]
            return (rest.count, rest.reduce(0) { $0 + $1.bytes })
        }
    }

    func next() async -> Message? {
        if Task.isCancelled { return nil }
        if let message = self.takeFromBatch() { return message }
        while let (queue, entries) = await self.claim.inbox.next(for: self) {
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
        let (message, credit, usedUp, count) = self.state.withLock {
            state -> (Message?, Credit?, InboundQueue?, Int) in
            guard state.position < state.entries.count else { return (nil, nil, nil, 0) }
            let entry = state.entries[state.position]
            // Credit belongs to the stream that brought the message, and one queue may have been filled by several.
            let isLast = state.position + 1 == state.entries.count
            let isSame = !isLast && state.entries[state.position + 1].sourceID == entry.sourceID
            state.credit += entry.received.credit
            state.position += 1
            let credit = isLast || !isSame || state.credit >= Self.creditStep ? state.takeCredit() : nil
            guard isLast else { return (entry.received.message, credit, nil, 0) }
            let count = state.entries.count
            defer {
                state.queue = nil
                state.entries = []
                state.position = 0
            }
            return (entry.received.message, credit, state.queue, count)
        }
        credit?.give()
        usedUp?.settle(count, unused: [], by: ObjectIdentifier(self))
        return message
    }
}
