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

import NIOCore
import PeerIdentity

/// What is known of all peers, as a value: what happens and the time go in.
///
/// It is bounded: a peer that has not been connected for a day is removed, and of too many peers those that have been away
/// the longest go first.
struct StatisticsTable {
    struct Limits: Sendable {
        var peers = 10_000
        var streamsPerPeer = 256
        /// How long a peer that is not connected is remembered.
        var memory = TimeAmount.hours(24)
    }

    struct Entry {
        let peer: PeerID
        var connections = PeerStatistics.Connections()
        var streams: [String: StreamInstruments] = [:]
        let firstSeen: Timestamp
        var lastSeen: Timestamp
        var lastConnected: Timestamp?
        var connectedSince: Timestamp?
        /// Where the session that runs began on the event loop's clock.
        var sessionBegan: NIODeadline?
        var connectedBefore: Duration = .zero
        var lastConnectTime: Duration?
        var lastHandshakeTime: Duration?
        /// When the peer was first found away; nil while it is connected.
        var awaySince: NIODeadline?

        func statistics(pairMessages: UInt64, now: NIODeadline?) -> PeerStatistics {
            var statistics = PeerStatistics(peer: self.peer, firstSeen: self.firstSeen)
            statistics.connections = self.connections
            statistics.streams = self.streams.mapValues(\.statistics)
            statistics.lastConnected = self.lastConnected
            statistics.connectedSince = self.connectedSince
            statistics.totalConnectedTime = self.connectedBefore
            if let began = self.sessionBegan, let now, now > began {
                statistics.totalConnectedTime += Duration(now - began)
            }
            statistics.lastConnectTime = self.lastConnectTime
            statistics.lastHandshakeTime = self.lastHandshakeTime
            statistics.pairMessages = pairMessages
            let total = statistics.total
            statistics.lastSeen = [self.lastSeen, total.lastReceived].compactMap(\.self).max() ?? self.lastSeen
            return statistics
        }
    }

    private(set) var entries: [PeerID: Entry] = [:]
    private let limits: Limits

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    // MARK: What happens

    mutating func connectionOpened(with peer: PeerID, isOutbound: Bool, stamp: Timestamp) {
        self.update(peer, stamp) { entry in
            if isOutbound { entry.connections.openedOutbound += 1 } else { entry.connections.openedInbound += 1 }
        }
    }

    mutating func connectionClosed(with peer: PeerID, stamp: Timestamp) {
        self.update(peer, stamp) { $0.connections.closed += 1 }
    }

    mutating func attempted(_ peer: PeerID, succeeded: Bool, after duration: Duration, stamp: Timestamp) {
        self.update(peer, succeeded ? stamp : nil, stamp) { entry in
            if succeeded {
                entry.connections.dialsSucceeded += 1
                entry.lastConnectTime = duration
            } else {
                entry.connections.dialsFailed += 1
            }
        }
    }

    mutating func sessionBegan(with peer: PeerID, isOutbound: Bool, now: NIODeadline, stamp: Timestamp) {
        self.update(peer, stamp) { entry in
            entry.end(now)
            entry.connections.sessions += 1
            entry.lastConnected = stamp
            entry.connectedSince = stamp
            entry.sessionBegan = now
            entry.awaySince = nil
        }
    }

    mutating func handshakeEnded(
        with peer: PeerID, _ result: NodeInstruments.HandshakeResult, after duration: Duration, stamp: Timestamp
    ) {
        self.update(peer, stamp) { entry in
            switch result {
            case .success:
                entry.connections.handshakesSucceeded += 1
                entry.lastHandshakeTime = duration
            case .failure: entry.connections.handshakesFailed += 1
            case .timeout: entry.connections.handshakesTimedOut += 1
            }
        }
    }

    mutating func sessionEnded(with peer: PeerID, now: NIODeadline, stamp: Timestamp) {
        self.update(peer, stamp) { $0.end(now) }
    }

    /// Under which name a stream of a peer is counted: its own, or beyond the limit the one that is shared.
    func countedName(of name: String, with peer: PeerID) -> String {
        guard let streams = self.entries[peer]?.streams, streams[name] == nil else { return name }
        return streams.count < self.limits.streamsPerPeer ? name : NodeMetrics.otherStreams
    }

    /// The instruments of a stream of a peer, made if there are none.
    mutating func stream(
        _ name: String, with peer: PeerID, stamp: Timestamp, make: () -> StreamInstruments
    ) -> StreamInstruments {
        self.update(peer, nil, stamp) { entry in
            if let known = entry.streams[name] { return known }
            let made = make()
            entry.streams[name] = made
            return made
        }
    }

    // MARK: Forgetting

    /// Removes whoever has been away for the whole time of the memory.
    ///
    /// Who was never connected counts as away from the first time that this found it so.
    mutating func removeStale(now: NIODeadline) {
        for (peer, entry) in self.entries where entry.sessionBegan == nil {
            guard let since = entry.awaySince else {
                self.entries[peer]?.awaySince = now
                continue
            }
            if now - since >= self.limits.memory { self.entries[peer] = nil }
        }
    }

    private mutating func update<Result>(
        _ peer: PeerID, _ seen: Timestamp?, _ stamp: Timestamp? = nil, _ body: (inout Entry) -> Result
    ) -> Result {
        if self.entries[peer] == nil, self.entries.count >= self.limits.peers { self.makeRoom() }
        let first = seen ?? stamp ?? Timestamp(nanosecondsSince1970: 0)
        var entry = self.entries[peer] ?? Entry(peer: peer, firstSeen: first, lastSeen: first)
        if let seen { entry.lastSeen = max(entry.lastSeen, seen) }
        let result = body(&entry)
        self.entries[peer] = entry
        return result
    }

    /// Removes a part of those who are away, so that a flood of peers does not pay for it with every single one.
    private mutating func makeRoom() {
        let away = self.entries.values.filter { $0.sessionBegan == nil }
            .sorted { ($0.lastSeen, $0.connections.sessions) < ($1.lastSeen, $1.connections.sessions) }
        for entry in away.prefix(max(1, self.limits.peers / 16)) { self.entries[entry.peer] = nil }
    }
}

extension StatisticsTable.Entry {
    /// Ends the session that runs, if one does.
    fileprivate mutating func end(_ now: NIODeadline) {
        if let began = self.sessionBegan, now > began { self.connectedBefore += Duration(now - began) }
        self.sessionBegan = nil
        self.connectedSince = nil
        self.awaySince = now
    }
}
