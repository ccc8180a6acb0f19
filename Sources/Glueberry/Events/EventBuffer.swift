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

/// The events that one consumer has not taken yet.
///
/// It never holds anybody up: when it is full, older events of a peer give way to its newer ones, so that each peer's
/// latest state is kept, and what was missed is counted.
final class EventBuffer: Sendable {
    private struct State {
        var events: Deque<ConnectionEvent> = []
        var missed = 0
        var waiting: [Settlement<Void, Never>] = []
        var isFinished = false
        var isClaimed = false
    }

    let peers: Set<PeerID>?
    let states: Set<ConnectionState>?
    private let capacity: Int
    private let instruments: NodeInstruments?
    private let state = Locked(State())

    init(
        peers: Set<PeerID>? = nil, states: Set<ConnectionState>? = nil, capacity: Int,
        instruments: NodeInstruments? = nil
    ) {
        self.peers = peers
        self.states = states
        self.capacity = max(1, capacity)
        self.instruments = instruments
    }

    /// Events that nobody has taken yet.
    var count: Int { self.state.withLock { $0.events.count } }

    func append(_ event: ConnectionEvent) {
        guard self.peers?.contains(event.peer) ?? true, self.states?.contains(event.state) ?? true else { return }
        let (waiting, dropped) = self.state.withLock { state -> ([Settlement<Void, Never>], Int) in
            guard !state.isFinished else { return ([], 0) }
            let missedBefore = state.missed
            if state.events.count >= self.capacity { self.compact(&state) }
            state.events.append(event)
            defer { state.waiting = [] }
            return (state.waiting, state.missed - missedBefore)
        }
        if dropped > 0 { self.instruments?.eventsDropped(dropped) }
        for waiter in waiting { waiter.succeed() }
    }

    func finish() {
        let waiting = self.state.withLock { state in
            state.isFinished = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.succeed() }
    }

    func claim() -> Bool {
        self.state.withLock { state in
            defer { state.isClaimed = true }
            return !state.isClaimed
        }
    }

    func release() {
        self.state.withLock { $0.isClaimed = false }
    }

    /// The next event; nil at the end, or when the calling task is cancelled.
    func next() async -> ConnectionEvent? {
        while !Task.isCancelled {
            let wait = Settlement<Void, Never>()
            let (event, isFinished) = self.state.withLock { state -> (ConnectionEvent?, Bool) in
                if var event = state.events.popFirst() {
                    event.missed = state.missed
                    state.missed = 0
                    return (event, false)
                }
                if !state.isFinished { state.waiting.append(wait) }
                return (nil, state.isFinished)
            }
            if let event { return event }
            if isFinished { return nil }
            await withTaskCancellationHandler {
                _ = await wait.value()
            } onCancel: {
                wait.succeed()
            }
        }
        return nil
    }

    private func compact(_ state: inout State) {
        var latest: Set<PeerID> = []
        var kept: [ConnectionEvent] = []
        for event in state.events.reversed() where latest.insert(event.peer).inserted { kept.append(event) }
        // So many peers have changed that not even one event of each fits: the oldest go.
        let fitting = kept.prefix(self.capacity - 1)
        state.missed += state.events.count - fitting.count
        state.events = Deque(fitting.reversed())
    }
}
