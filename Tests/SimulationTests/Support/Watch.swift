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

import GlueberryTesting
import LibP2P
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// The events of a node, each with the time of the clock at which its consumer got it.
final class Watch: Sendable {
    struct Entry: Sendable {
        let time: Duration
        let event: ConnectionEvent
    }

    private let log = Locked<[Entry]>([])
    private let subscription: EventSubscription

    init(_ clock: VirtualClock, _ node: Node, of peer: Node? = nil) {
        self.subscription = node.subscribeToEvents(of: peer.map { [$0.peerID] })
        let (log, subscription) = (self.log, self.subscription)
        _ = clock.start {
            for await event in subscription {
                let entry = Entry(time: clock.elapsed, event: event)
                log.withLock { $0.append(entry) }
            }
        }
    }

    var entries: [Entry] { self.log.withLock { $0 } }
    var states: [ConnectionState] { self.entries.map(\.event.state) }
    func count(_ state: ConnectionState) -> Int { self.states.count { $0 == state } }
    func forget() { self.log.withLock { $0 = [] } }

    /// When a state was entered, each time.
    func times(_ state: ConnectionState) -> [Duration] {
        self.entries.filter { $0.event.state == state }.map(\.time)
    }

    /// The first time that a state was entered.
    func first(_ state: ConnectionState, sourceLocation: SourceLocation = #_sourceLocation) throws -> Entry {
        try #require(self.entries.first { $0.event.state == state }, sourceLocation: sourceLocation)
    }

    /// What is wrong with the events: transitions that are not allowed, states that do not follow each other, and
    /// generations that do not grow.
    func violations() -> [String] {
        var violations: [String] = []
        var last: [PeerID: ConnectionEvent] = [:]
        var begun: [PeerID: UInt64] = [:]
        for entry in self.entries {
            let event = entry.event
            if event.previous != event.state, !event.previous.canBecome(event.state) {
                violations.append("\(event.previous) became \(event.state)")
            }
            if let before = last[event.peer] {
                if before.state != event.previous { violations.append("\(before.state) was left as \(event.previous)") }
                if before.session > event.session {
                    violations.append("session \(event.session) came after \(before.session)")
                }
            }
            if event.state == .connected {
                if let before = begun[event.peer], event.session <= before {
                    violations.append("session \(event.session) was begun after \(before)")
                }
                begun[event.peer] = event.session
            }
            if event.missed > 0 { violations.append("\(event.missed) events were missed") }
            last[event.peer] = event
        }
        return violations
    }
}

/// The messages of a node, as its consumer got them.
final class Inbox: Sendable {
    private let log = Locked<[(time: Duration, message: Message)]>([])
    private let task: VirtualTask<Void>

    init(_ clock: VirtualClock, _ node: Node, on stream: String? = nil) throws {
        let messages = try stream.map { try node.messages(on: $0) } ?? node.messages()
        let log = self.log
        self.task = clock.start {
            for await message in messages {
                let time = clock.elapsed
                log.withLock { $0.append((time, message)) }
            }
        }
    }

    var messages: [Message] { self.log.withLock { $0.map(\.message) } }
    var times: [Duration] { self.log.withLock { $0.map(\.time) } }
    var count: Int { self.log.withLock { $0.count } }

    func numbers(from peer: Node, on stream: String = "a") -> [Int] {
        self.messages.filter { $0.peer == peer.peerID && $0.stream == stream }.map(\.number)
    }

    /// Ends the consumer, so that another can claim the messages.
    func close() { self.task.cancel() }
}
