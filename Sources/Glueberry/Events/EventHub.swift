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
import PeerIdentity

typealias EventBuffer = SubscriptionBuffer<ConnectionEvent>

/// Fans events out to `events()` and to any number of subscriptions.
final class EventHub: Sendable {
    let primary: EventBuffer
    private let subscriptions: SubscriptionHub<ConnectionEvent>
    private let instruments: NodeInstruments?

    /// Buffers take `capacity` events, and of more than `capacity` peers one each, up to `peers`.
    init(capacity: Int, peers: Int? = nil, instruments: NodeInstruments? = nil) {
        let dropped: @Sendable (Int) -> Void = { instruments?.eventsDropped($0) }
        self.instruments = instruments
        self.primary = EventBuffer(capacity: capacity, maximum: peers, dropped: dropped)
        self.subscriptions = SubscriptionHub(capacity: capacity, maximum: peers, dropped: dropped)
    }

    var subscriptionCount: Int { self.subscriptions.count }

    func emit(_ event: ConnectionEvent) {
        self.instruments?.eventEmitted(event.state)
        self.primary.append(event)
        self.subscriptions.emit(event)
    }

    func subscribe(peers: Set<PeerID>?, states: Set<ConnectionState>?) -> EventBuffer {
        self.subscriptions.subscribe { event in
            peers?.contains(event.peer) ?? true && states?.contains(event.state) ?? true
        }
    }

    func unsubscribe(_ buffer: EventBuffer) { self.subscriptions.unsubscribe(buffer) }

    func finish() {
        self.primary.finish()
        self.subscriptions.finish()
    }
}

extension ConnectionEvent: Subscribable {
    /// Older events of a peer give way to its newer ones, so that each peer's latest state is kept.
    static func makeRoom(in events: inout Deque<ConnectionEvent>, capacity: Int, maximum: Int) {
        var latest: Set<PeerID> = []
        var kept: [ConnectionEvent] = []
        for event in events.reversed() where latest.insert(event.peer).inserted { kept.append(event) }
        // So many peers have changed that not even one event of each fits: the oldest go, a few at a time.
        if kept.count >= maximum { kept.removeLast(kept.count - maximum + max(1, maximum / 8)) }
        events = Deque(kept.reversed())
    }
}
