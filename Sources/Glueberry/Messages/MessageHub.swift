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
import Synchronization

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
    }

    private let limits: InboundQueue.Limits
    private let state = Mutex(State())

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

    /// Claims a route for one consumer and moves what is queued for it into it; nil if somebody has claimed it.
    func claim(_ route: Route) -> MessageInbox? {
        let (inbox, moved) = self.state.withLock { state -> (MessageInbox?, [InboundQueue]) in
            let inbox = state.inboxes[route] ?? MessageInbox()
            guard inbox.claim() else { return (nil, []) }
            state.inboxes[route] = inbox
            if state.isFinished { inbox.finish() }
            return (inbox, state.queues.values.filter { Self.inbox(for: $0.key, in: &state) === inbox })
        }
        if let inbox, route != .all { for queue in moved { queue.move(to: inbox) } }
        return inbox
    }

    /// Ends a route; what was left in it goes to whoever is next in line.
    func release(_ route: Route, _ inbox: MessageInbox) {
        let moves = self.state.withLock { state -> [(InboundQueue, MessageInbox)] in
            inbox.release()
            guard route != .all, state.inboxes[route] === inbox else { return [] }
            let affected = state.queues.values.filter { Self.inbox(for: $0.key, in: &state) === inbox }
            state.inboxes[route] = nil
            return affected.map { ($0, Self.inbox(for: $0.key, in: &state)) }
        }
        for (queue, inbox) in moves { queue.move(to: inbox) }
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
