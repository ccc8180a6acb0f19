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

import PeerIdentity

/// The events of a node, for one consumer.
///
/// The claim lasts as long as the sequence does; meanwhile a second claim throws.
public struct EventSequence: AsyncSequence, Sendable {
    /// The element type.
    public typealias Element = ConnectionEvent
    /// Iteration never fails.
    public typealias Failure = Never

    let claim: Claim

    /// Starts the iteration.
    public func makeAsyncIterator() -> EventIterator { EventIterator(buffer: self.claim.buffer, owner: self.claim) }

    final class Claim: Sendable {
        let buffer: EventBuffer

        init?(_ buffer: EventBuffer) {
            guard buffer.claim() else { return nil }
            self.buffer = buffer
        }

        deinit { self.buffer.release() }
    }
}

/// A subscription to events; there can be any number.
///
/// It ends with ``cancel()``, when it is let go of, or when the node stops.
public final class EventSubscription: AsyncSequence, Sendable {
    /// The element type.
    public typealias Element = ConnectionEvent
    /// Iteration never fails.
    public typealias Failure = Never

    private let buffer: EventBuffer
    private let hub: EventHub

    init(peers: Set<PeerID>?, states: Set<ConnectionState>?, hub: EventHub) {
        self.hub = hub
        self.buffer = hub.subscribe(peers: peers, states: states)
    }

    deinit { self.hub.unsubscribe(self.buffer) }

    /// Ends the subscription: whoever iterates gets what is there, then the end.
    ///
    /// Doing it twice is harmless.
    public func cancel() { self.hub.unsubscribe(self.buffer) }

    /// Starts the iteration.
    public func makeAsyncIterator() -> EventIterator { EventIterator(buffer: self.buffer, owner: self) }
}

/// Takes one event after another.
public struct EventIterator: AsyncIteratorProtocol {
    let buffer: EventBuffer
    /// Keeps the claim or subscription while it is iterated.
    let owner: any Sendable

    /// The next event; nil at the end, or when the calling task is cancelled.
    public mutating func next() async -> ConnectionEvent? { await self.buffer.next() }

    /// The next event; nil at the end, or when the calling task is cancelled.
    public mutating func next(isolation actor: isolated (any Actor)?) async -> ConnectionEvent? {
        await self.buffer.next()
    }
}
