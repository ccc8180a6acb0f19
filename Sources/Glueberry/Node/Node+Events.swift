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
public import PeerIdentity

extension Node {
    /// Claims the events of all peers, from the first on; for one consumer.
    ///
    /// - Throws: ``GlueberryError`` with code `alreadyClaimed` while there is another.
    public func events() throws(GlueberryError) -> EventSequence {
        guard let claim = EventSequence.Claim(self.hubs.withLock { $0.events.primary }) else {
            throw GlueberryError(
                .alreadyClaimed, "another consumer reads events()", hint: "use subscribeToEvents(of:in:)")
        }
        return EventSequence(claim: claim)
    }

    /// Subscribes to events from now on; there can be any number of subscriptions.
    ///
    /// - Parameters:
    ///   - peers: Whose events; nil takes everybody's.
    ///   - states: Which states; nil takes all.
    /// - Returns: The subscription; it ends when it is let go of.
    public func subscribeToEvents(
        of peers: Set<PeerID>? = nil, in states: Set<ConnectionState>? = nil
    ) -> EventSubscription {
        EventSubscription(peers: peers, states: states, hub: self.hubs.withLock { $0.events })
    }

    /// Subscribes to notices from now on: messages dropped or refused, consumers that have stopped reading.
    ///
    /// There can be any number of subscriptions, each with a buffer of `eventBuffer` notices.
    /// - Returns: The subscription; it ends when it is let go of, and when the node stops.
    public func notices() -> NoticeSubscription { NoticeSubscription(hub: self.hubs.withLock { $0.notices }) }
}
