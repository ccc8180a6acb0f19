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
        var queues: [InboundQueue.Key: InboundQueue] = [:]
        var isFinished = false
        /// Grows with every change of the routes, so that of two changes at once the later one decides.
        var revision: UInt64 = 0
    }

    private let limits: InboundQueue.Limits
    private let state = Locked(State())

    init(limits: InboundQueue.Limits) {
        self.limits = limits
    }

    /// The queue of a stream of a peer; there is one, however many ask at once.
    func queue(for key: InboundQueue.Key) -> InboundQueue {
        self.state.withLock { state in
            if let queue = state.queues[key] { return queue }
            let queue = InboundQueue(key: key, limits: self.limits, inbox: Self.inbox(for: key, in: &state))
            state.queues[key] = queue
            return queue
        }
    }

    /// Forgets the queue of a handshake stream: what an ended session's handshake left is of no use to anybody.
    ///
    /// Returns how many messages were dropped with it.
    @discardableResult
    func discard(_ key: InboundQueue.Key) -> Int {
        self.state.withLock { $0.queues.removeValue(forKey: key) }?.discard() ?? 0
    }

    /// Forgets the queues of a peer that are empty.
    func forgetEmpty(of peer: PeerID) {
        self.state.withLock { state in
            state.queues = state.queues.filter { $0.key.peer != peer || !$0.value.isUnused }
        }
    }

    /// Claims a route for one consumer and moves what is queued for it into it; nil if somebody has claimed it.
    func claim(_ route: Route) -> MessageInbox? {
        let (inbox, moved, revision) = self.state.withLock { state -> (MessageInbox?, [InboundQueue], UInt64) in
            let inbox = state.inboxes[route] ?? MessageInbox()
            guard inbox.claim() else { return (nil, [], 0) }
            state.inboxes[route] = inbox
            state.revision += 1
            if state.isFinished { inbox.finish() }
            let moved = state.queues.values.filter { Self.inbox(for: $0.key, in: &state) === inbox }
            return (inbox, moved, state.revision)
        }
        if let inbox, route != .all { for queue in moved { queue.move(to: inbox, revision: revision) } }
        return inbox
    }

    /// Ends a route; what was left in it goes to whoever is next in line.
    func release(_ route: Route, _ inbox: MessageInbox) {
        let (moves, revision) = self.state.withLock { state -> ([(InboundQueue, MessageInbox)], UInt64) in
            inbox.release()
            guard route != .all, state.inboxes[route] === inbox else { return ([], 0) }
            let affected = state.queues.values.filter { Self.inbox(for: $0.key, in: &state) === inbox }
            state.inboxes[route] = nil
            state.revision += 1
            return (affected.map { ($0, Self.inbox(for: $0.key, in: &state)) }, state.revision)
        }
        for (queue, inbox) in moves { queue.move(to: inbox, revision: revision) }
    }

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
