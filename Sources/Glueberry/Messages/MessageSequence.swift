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
