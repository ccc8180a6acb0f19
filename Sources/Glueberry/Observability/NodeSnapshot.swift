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

/// The whole of a node at one moment, for finding out what it is about; made by ``Node/snapshot()``.
///
/// It holds no key, no message and no metadata of peers. It is bounded: at most ``maximumPeers`` peers are listed, those with a
/// session first, each with at most ``maximumStreams`` streams.
public struct NodeSnapshot: Sendable, Hashable, Codable {
    /// How many peers are listed.
    public static let maximumPeers = 1000
    /// How many streams of a peer are listed.
    public static let maximumStreams = 64

    /// When it was taken, as RFC 3339 writes it.
    public var takenAt: String
    /// The node's peer ID.
    public var peerID: String
    /// The version of the protocol between nodes.
    public var protocolVersion: String
    /// Whether the node runs; if not, most of what follows is empty.
    public var isRunning: Bool
    /// The addresses that the node listens on.
    public var listenAddresses: [String] = []
    /// The addresses that it tells others.
    public var advertisedAddresses: [String] = []
    /// Connections, dials, timers and tasks.
    public var counts = Counts()
    /// The peers, those with a session first.
    public var peers: [Peer] = []
    /// How many more there are.
    public var omittedPeers = 0

    package init(takenAt: String, peerID: String, protocolVersion: String, isRunning: Bool) {
        self.takenAt = takenAt
        self.peerID = peerID
        self.protocolVersion = protocolVersion
        self.isRunning = isRunning
    }

    /// How many there are of what a node runs.
    public struct Counts: Sendable, Hashable, Codable {
        /// Connections, also those that are being secured.
        public var connections = 0
        /// Of them, accepted ones whose peer has not yet shown who it is.
        public var unauthenticatedConnections = 0
        /// The most that there may be.
        public var connectionLimit = 0
        /// Dials that run.
        public var dials = 0
        /// Timers of peers: handshakes, cooldowns, next tries.
        public var timers = 0
        /// Tasks that the node owns.
        public var tasks = 0
        /// Sessions.
        public var sessions = 0
        /// Subscriptions to events.
        public var eventSubscriptions = 0
        /// Events that nobody has taken from `events()`.
        public var queuedEvents = 0
        /// Received messages that nobody has taken yet.
        public var queuedMessages = 0
    }

    /// One peer.
    public struct Peer: Sendable, Hashable, Codable {
        /// Its peer ID.
        public var peerID: String
        /// Its state.
        public var state: String
        /// Whether it was added by the application.
        public var isKnown = false
        /// Whether the node keeps trying to be connected to it.
        public var isWanted = false
        /// Tries that led to no established session, one after another.
        public var failures = 0
        /// The number of its session, or of the last one.
        public var session: UInt64 = 0
        /// Whether this side opened the session; nil without one.
        public var isOutbound: Bool?
        /// Whether a dial runs.
        public var isDialling = false
        /// Seconds until its timer fires: the next try, the end of the handshake's time or of the cooldown.
        public var secondsToTimer: Double?
        /// The addresses that are dialled.
        public var addresses: [String] = []
        /// Its connections, the oldest first.
        public var connections: [Connection] = []
        /// The streams of its session and those with messages left over, by name.
        public var streams: [Stream] = []
        /// Streams that are not listed.
        public var omittedStreams = 0
        /// Messages under the key of the pair, of both directions and all sessions.
        public var pairMessages: UInt64 = 0
    }

    /// One connection.
    public struct Connection: Sendable, Hashable, Codable {
        /// `inbound` or `outbound`.
        public var direction: String
        /// The address at the other end.
        public var address: String
        /// What secures it.
        public var security: String
        /// How long it has been open.
        public var ageSeconds: Double
        /// Whether it has ended and is on its way out.
        public var isClosed: Bool
        /// Streams that the peer has open to us, over all its connections.
        public var openStreams: Int
        /// Received bytes of the peer that nobody has taken yet, over all its connections.
        public var bufferedBytes: Int
    }

    /// One named stream.
    public struct Stream: Sendable, Hashable, Codable {
        /// Its name.
        public var name: String
        /// Accepted messages that are not yet written.
        public var pendingMessages = 0
        /// Sends that wait for room.
        public var waitingSends = 0
        /// Received messages that nobody has taken yet.
        public var queuedMessages = 0
        /// For how many seconds nobody has read, if that holds the stream up.
        public var heldUpSeconds: Double?
        /// Messages accepted to be sent, over all sessions.
        public var messagesSent = 0
        /// Messages received, over all sessions.
        public var messagesReceived = 0
        /// Messages dropped, over all sessions.
        public var messagesDropped = 0
        /// Frames refused, over all sessions.
        public var messagesRefused = 0
    }
}

extension NodeSnapshot {
    /// The snapshot as one JSON object, its keys in the same order every time; `JSONDecoder` reads it back.
    public var json: String { self.value.description }

    private var value: JSONText {
        .object([
            ("takenAt", .string(self.takenAt)),
            ("peerID", .string(self.peerID)),
            ("protocolVersion", .string(self.protocolVersion)),
            ("isRunning", .bool(self.isRunning)),
            ("listenAddresses", .array(self.listenAddresses.map { .string($0) })),
            ("advertisedAddresses", .array(self.advertisedAddresses.map { .string($0) })),
            ("counts", self.counts.value),
            ("peers", .array(self.peers.map(\.value))),
            ("omittedPeers", .integer(self.omittedPeers)),
        ])
    }
}

extension NodeSnapshot.Counts {
    fileprivate var value: JSONText {
        .object([
            ("connections", .integer(self.connections)),
            ("unauthenticatedConnections", .integer(self.unauthenticatedConnections)),
            ("connectionLimit", .integer(self.connectionLimit)),
            ("dials", .integer(self.dials)),
            ("timers", .integer(self.timers)),
            ("tasks", .integer(self.tasks)),
            ("sessions", .integer(self.sessions)),
            ("eventSubscriptions", .integer(self.eventSubscriptions)),
            ("queuedEvents", .integer(self.queuedEvents)),
            ("queuedMessages", .integer(self.queuedMessages)),
        ])
    }
}

extension NodeSnapshot.Peer {
    fileprivate var value: JSONText {
        .object([
            ("peerID", .string(self.peerID)),
            ("state", .string(self.state)),
            ("isKnown", .bool(self.isKnown)),
            ("isWanted", .bool(self.isWanted)),
            ("failures", .integer(self.failures)),
            ("session", .unsigned(self.session)),
            ("isOutbound", self.isOutbound.map { .bool($0) } ?? .null),
            ("isDialling", .bool(self.isDialling)),
            ("secondsToTimer", .optional(self.secondsToTimer)),
            ("addresses", .array(self.addresses.map { .string($0) })),
            ("connections", .array(self.connections.map(\.value))),
            ("streams", .array(self.streams.map(\.value))),
            ("omittedStreams", .integer(self.omittedStreams)),
            ("pairMessages", .unsigned(self.pairMessages)),
        ])
    }
}

extension NodeSnapshot.Connection {
    fileprivate var value: JSONText {
        .object([
            ("direction", .string(self.direction)),
            ("address", .string(self.address)),
            ("security", .string(self.security)),
            ("ageSeconds", .number(self.ageSeconds)),
            ("isClosed", .bool(self.isClosed)),
            ("openStreams", .integer(self.openStreams)),
            ("bufferedBytes", .integer(self.bufferedBytes)),
        ])
    }
}

extension NodeSnapshot.Stream {
    fileprivate var value: JSONText {
        .object([
            ("name", .string(self.name)),
            ("pendingMessages", .integer(self.pendingMessages)),
            ("waitingSends", .integer(self.waitingSends)),
            ("queuedMessages", .integer(self.queuedMessages)),
            ("heldUpSeconds", .optional(self.heldUpSeconds)),
            ("messagesSent", .integer(self.messagesSent)),
            ("messagesReceived", .integer(self.messagesReceived)),
            ("messagesDropped", .integer(self.messagesDropped)),
            ("messagesRefused", .integer(self.messagesRefused)),
        ])
    }
}

extension NodeSnapshot: CustomStringConvertible {
    /// The snapshot as lines of text.
    public var description: String {
        var lines = ["node \(self.peerID) \(self.isRunning ? "runs" : "does not run"), \(self.takenAt)"]
        if !self.listenAddresses.isEmpty { lines.append("listens on " + self.listenAddresses.joined(separator: " ")) }
        let counts = self.counts
        lines.append(
            """
            \(counts.connections) of \(counts.connectionLimit) connections (\(counts.unauthenticatedConnections) \
            unauthenticated), \(counts.sessions) sessions, \(counts.dials) dials, \(counts.timers) timers, \
            \(counts.tasks) tasks, \(counts.queuedMessages) messages and \(counts.queuedEvents) events queued
            """)
        for peer in self.peers { lines += peer.lines }
        if self.omittedPeers > 0 { lines.append("and \(self.omittedPeers) more peers") }
        return lines.joined(separator: "\n")
    }
}

extension NodeSnapshot.Peer {
    fileprivate var lines: [String] {
        var line = "peer \(self.peerID) \(self.state), session \(self.session)"
        if let isOutbound { line += isOutbound ? " outbound" : " inbound" }
        if self.isDialling { line += ", dialling" }
        if self.failures > 0 { line += ", \(self.failures) failures" }
        if let secondsToTimer { line += ", timer in \(secondsToTimer) s" }
        var lines = [line]
        for connection in self.connections {
            lines.append(
                """
                  \(connection.direction) \(connection.address) \(connection.security), \(connection.ageSeconds) s\
                \(connection.isClosed ? ", closed" : "")
                """)
        }
        for stream in self.streams {
            lines.append(
                """
                  stream \(stream.name): sent \(stream.messagesSent), pending \(stream.pendingMessages), received \
                \(stream.messagesReceived), queued \(stream.queuedMessages)
                """)
        }
        if self.omittedStreams > 0 { lines.append("  and \(self.omittedStreams) more streams") }
        return lines
    }
}
