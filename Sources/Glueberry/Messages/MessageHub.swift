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
import PeerIdentity

/// Brings what arrives to its consumer: a route for the stream, else a route for the peer, else `messages()`.
final class MessageHub: Sendable {
    enum Route: Hashable, Sendable {
        case all
        case stream(String)
        case peer(PeerID)
    }

    private struct State {
        var inboxes: [Route: MessageInbox] = [.all: MessageInbox()]
        /// Routes that have a consumer.
        var claimed: Set<Route> = []
        var queues: [InboundQueue.Key: InboundQueue] = [:]
        var isFinished = false
        /// Grows with every change of the routes, so that of two changes at once the later one decides.
        var revision: UInt64 = 0
        var watch: StallWatch?
    }

    private let limits: InboundQueue.Limits
    private let policies: [String: ReceivePolicy]
    private let ledger = LeftoverLedger()
    private let state = Locked(State())

    init(limits: InboundQueue.Limits, policies: [String: ReceivePolicy] = [:]) {
        self.limits = limits
        self.policies = policies
    }

    /// Nobody can claim anything any more: what was never read goes, and with it what leads from an inbox to its queues and
    /// back.
    deinit {
        let (queues, inboxes) = self.state.withLock { (Array($0.queues.values), Array($0.inboxes.values)) }
        for queue in queues { _ = queue.discard() }
        for inbox in inboxes { inbox.forgetQueues() }
    }

    /// Has the queues that are made from now on watched for consumers that have stopped reading.
    func begin(_ watch: StallWatch) {
        self.state.withLock { $0.watch = watch }
    }

    // MARK: Queues

    /// The queue of a stream of a peer; there is one, however many ask at once.
    func queue(for key: InboundQueue.Key) -> InboundQueue {
        self.state.withLock { state in
            if let queue = state.queues[key] { return queue }
            var limits = self.limits
            if let policy = self.policies[key.stream] { limits.policy = policy }
            let queue = InboundQueue(
                key: key, limits: limits, inbox: Self.inbox(for: key, in: &state), watch: state.watch,
                ledger: self.ledger, onUnused: { [weak self] in self?.forget($0) })
            state.queues[key] = queue
            return queue
        }
    }

    /// The queue for somebody who brings messages; it stays until ``InboundQueue/unuse()``.
    func use(_ key: InboundQueue.Key) -> InboundQueue {
        while true {
            let queue = self.queue(for: key)
            if queue.use() { return queue }
            // It was given up at this very moment.
            self.remove(queue)
        }
    }

    /// The queue of a stream of a peer, if there is one.
    func existingQueue(for key: InboundQueue.Key) -> InboundQueue? { self.state.withLock { $0.queues[key] } }

    /// Forgets the queue of a handshake stream: what an ended session's handshake left is of no use to anybody.
    ///
    /// Returns how many messages were dropped with it.
    @discardableResult
    func discard(_ key: InboundQueue.Key) -> Int {
        self.state.withLock { $0.queues.removeValue(forKey: key) }?.discard() ?? 0
    }

    /// Forgets the queues of a peer that are empty and that nobody can bring anything to.
    func forgetEmpty(of peer: PeerID) {
        let queues = self.state.withLock { state in state.queues.values.filter { $0.key.peer == peer } }
        for queue in queues { self.forget(queue) }
    }

    private func forget(_ queue: InboundQueue) {
        if queue.retire() { self.remove(queue) }
    }

    private func remove(_ queue: InboundQueue) {
        self.state.withLock { state in
            if state.queues[queue.key] === queue { state.queues[queue.key] = nil }
        }
    }

    // MARK: Routes

    /// Claims a route for one consumer and moves what is queued for it into it; nil if somebody has claimed it.
    func claim(_ route: Route) -> MessageInbox? {
        let (claimed, moved, revision, isFinished) = self.state.withLock {
            state -> (MessageInbox?, [InboundQueue], UInt64, Bool) in
            guard state.claimed.insert(route).inserted else { return (nil, [], 0, false) }
            let inbox = state.inboxes[route] ?? MessageInbox()
            state.inboxes[route] = inbox
            state.revision += 1
            let moved = state.queues.values.filter { Self.inbox(for: $0.key, in: &state) === inbox }
            return (inbox, moved, state.revision, state.isFinished)
        }
        guard let claimed else { return nil }
        if route != .all { for queue in moved { queue.move(to: claimed, revision: revision) } }
        if isFinished { claimed.finish() }
        return claimed
    }

    /// Ends a route; what was left in it goes to whoever is next in line.
    func release(_ route: Route, _ inbox: MessageInbox) {
        let (moves, revision) = self.state.withLock { state -> ([(InboundQueue, MessageInbox)], UInt64) in
            guard state.inboxes[route] === inbox else { return ([], 0) }
            state.claimed.remove(route)
            guard route != .all else { return ([], 0) }
            let affected = state.queues.values.filter { Self.inbox(for: $0.key, in: &state) === inbox }
            state.inboxes[route] = nil
            state.revision += 1
            return (affected.map { ($0, Self.inbox(for: $0.key, in: &state)) }, state.revision)
        }
        for (queue, inbox) in moves { queue.move(to: inbox, revision: revision) }
    }

    /// How much of what ended sessions have left waits for a consumer.
    var leftoverBytes: Int { self.ledger.bytes }

    /// How many messages wait for a consumer, by peer and stream.
    var queuedMessages: [PeerID: [String: Int]] {
        let queues = self.state.withLock { Array($0.queues.values) }
        return queues.reduce(into: [:]) { $0[$1.key.peer, default: [:]][$1.key.stream] = $1.count }
    }

    /// Nothing more will arrive: consumers get what is there, then the end.
    func finish() {
        let inboxes = self.state.withLock { state in
            state.isFinished = true
            return Array(state.inboxes.values)
        }
        for inbox in inboxes { inbox.finish() }
    }

    private static func inbox(for key: InboundQueue.Key, in state: inout State) -> MessageInbox {
        if let inbox = state.inboxes[.stream(key.stream)] ?? state.inboxes[.peer(key.peer)] ?? state.inboxes[.all] {
            return inbox
        }
        let inbox = MessageInbox()
        state.inboxes[.all] = inbox
        return inbox
    }
}
