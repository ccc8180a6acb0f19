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

/// A subscription to notices; there can be any number.
///
/// Each has a buffer of its own that never holds the node up: when it is full, the oldest notices give way, and the next
/// one delivered says how many were missed. It ends with ``cancel()``, when it is let go of, or when the node stops.
public final class NoticeSubscription: AsyncSequence, Sendable {
    /// The element type.
    public typealias Element = NodeNotice
    /// Iteration never fails.
    public typealias Failure = Never

    private let buffer: NoticeBuffer
    private let hub: NoticeHub

    init(hub: NoticeHub) {
        self.hub = hub
        self.buffer = hub.subscribe()
    }

    deinit { self.hub.unsubscribe(self.buffer) }

    /// Ends the subscription: whoever iterates gets what is there, then the end.
    ///
    /// Doing it twice is harmless.
    public func cancel() { self.hub.unsubscribe(self.buffer) }

    /// Starts the iteration.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(buffer: self.buffer, owner: self) }

    /// Takes one notice after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let buffer: NoticeBuffer
        /// Keeps the subscription while it is iterated.
        let owner: NoticeSubscription

        /// The next notice; nil at the end, or when the calling task is cancelled.
        public mutating func next() async -> NodeNotice? { await self.buffer.next() }

        /// The next notice; nil at the end, or when the calling task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> NodeNotice? {
            await self.buffer.next()
        }
    }
}
