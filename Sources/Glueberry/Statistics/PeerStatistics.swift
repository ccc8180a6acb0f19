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

public import PeerIdentity

/// What has passed between the node and one peer since the peer was first seen; a copy that does not change.
///
/// It is kept over sessions and over stops of the node, until the peer has not been connected for a day.
public struct PeerStatistics: Sendable, Hashable {
    /// Connections and sessions, their ends and their times.
    public struct Connections: Sendable, Hashable {
        /// Connections that the peer opened.
        public var openedInbound = 0
        /// Connections that this side opened.
        public var openedOutbound = 0
        /// Connections that have ended.
        public var closed = 0
        /// Dials of this side that brought a connection which could be used.
        public var dialsSucceeded = 0
        /// Dials of this side that brought none.
        public var dialsFailed = 0
        /// Sessions that began.
        public var sessions = 0
        /// Handshakes that were completed.
        public var handshakesSucceeded = 0
        /// Handshakes that were refused, or that the end of the connection cut short.
        public var handshakesFailed = 0
        /// Handshakes that were not complete in time.
        public var handshakesTimedOut = 0

        /// Connections in all.
        public var opened: Int { self.openedInbound + self.openedOutbound }
        /// What went wrong, all together: dials and handshakes.
        public var failures: Int { self.dialsFailed + self.handshakesFailed + self.handshakesTimedOut }

        /// Creates counts of nothing.
        public init() {}

        mutating func add(_ other: Connections) {
            self.openedInbound += other.openedInbound
            self.openedOutbound += other.openedOutbound
            self.closed += other.closed
            self.dialsSucceeded += other.dialsSucceeded
            self.dialsFailed += other.dialsFailed
            self.sessions += other.sessions
            self.handshakesSucceeded += other.handshakesSucceeded
            self.handshakesFailed += other.handshakesFailed
            self.handshakesTimedOut += other.handshakesTimedOut
        }
    }

    /// The peer.
    public let peer: PeerID
    /// Counts of connections, sessions and handshakes.
    public internal(set) var connections = Connections()
    /// What passed over each stream, by its name.
    ///
    /// Beyond 256 names the rest share the name `(other)`.
    public internal(set) var streams: [String: StreamStatistics] = [:]
    /// When the peer was first seen.
    public internal(set) var firstSeen: Timestamp
    /// When anything of the peer was last seen: a connection, a handshake, a message.
    public internal(set) var lastSeen: Timestamp
    /// When the last session began.
    public internal(set) var lastConnected: Timestamp?
    /// Since when the peer is connected; nil if it is not.
    public internal(set) var connectedSince: Timestamp?
    /// How long it was connected, all sessions together, with the one that runs.
    public internal(set) var totalConnectedTime: Duration = .zero
    /// How long the last dial took that brought a connection.
    public internal(set) var lastConnectTime: Duration?
    /// How long the last completed handshake took.
    public internal(set) var lastHandshakeTime: Duration?
    /// Messages that the key of the pair has sealed, of both directions and all sessions; see ``NodeNotice/Kind/pairKeyWorn(messages:)``.
    ///
    /// It does not survive the process: an application that wants it to stores it, and gives it back in
    /// ``NodeConfiguration/pairMessageCounts``.
    public internal(set) var pairMessages: UInt64 = 0

    /// All streams together.
    public var total: StreamStatistics {
        self.streams.values.reduce(into: StreamStatistics()) { $0.add($1) }
    }

    init(peer: PeerID, firstSeen: Timestamp) {
        self.peer = peer
        self.firstSeen = firstSeen
        self.lastSeen = firstSeen
    }
}

/// What has passed between the node and all its peers.
public struct NodeStatistics: Sendable, Hashable {
    /// Each peer that is known of.
    public let peers: [PeerID: PeerStatistics]

    /// How many of them are connected.
    public var connectedPeers: Int { self.peers.values.count { $0.connectedSince != nil } }

    /// Connections, sessions and handshakes of all peers.
    public var connections: PeerStatistics.Connections {
        self.peers.values.reduce(into: .init()) { $0.add($1.connections) }
    }

    /// Each stream name, over all peers.
    public var streams: [String: StreamStatistics] {
        self.peers.values.reduce(into: [:]) { streams, peer in
            for (name, stream) in peer.streams { streams[name, default: .init()].add(stream) }
        }
    }

    /// All streams of all peers together.
    public var total: StreamStatistics {
        self.peers.values.reduce(into: StreamStatistics()) { $0.add($1.total) }
    }
}
