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
import PeerIdentity

/// Fans events out to `events()` and to any number of subscriptions.
final class EventHub: Sendable {
    private struct State {
        var subscriptions: [ObjectIdentifier: EventBuffer] = [:]
        var isFinished = false
    }

    let primary: EventBuffer
    private let capacity: Int
    private let instruments: NodeInstruments?
    private let state = Locked(State())

    init(capacity: Int, instruments: NodeInstruments? = nil) {
        self.capacity = capacity
        self.instruments = instruments
        self.primary = EventBuffer(capacity: capacity, instruments: instruments)
    }

    var subscriptionCount: Int { self.state.withLock { $0.subscriptions.count } }

    func emit(_ event: ConnectionEvent) {
        let subscriptions = self.state.withLock { Array($0.subscriptions.values) }
        self.instruments?.eventEmitted(event.state)
        self.primary.append(event)
        for subscription in subscriptions { subscription.append(event) }
    }

    func subscribe(peers: Set<PeerID>?, states: Set<ConnectionState>?) -> EventBuffer {
        let buffer = EventBuffer(
            peers: peers, states: states, capacity: self.capacity, instruments: self.instruments)
        let isFinished = self.state.withLock { state in
            if !state.isFinished { state.subscriptions[ObjectIdentifier(buffer)] = buffer }
            return state.isFinished
        }
        if isFinished { buffer.finish() }
        return buffer
    }

    func unsubscribe(_ buffer: EventBuffer) {
        self.state.withLock { _ = $0.subscriptions.removeValue(forKey: ObjectIdentifier(buffer)) }
        buffer.finish()
    }

    func finish() {
        let subscriptions = self.state.withLock { state in
            state.isFinished = true
            defer { state.subscriptions = [:] }
            return Array(state.subscriptions.values)
        }
        self.primary.finish()
        for subscription in subscriptions { subscription.finish() }
    }
}
