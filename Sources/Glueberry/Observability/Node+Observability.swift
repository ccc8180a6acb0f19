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
import Multiformats
import NIOCore
public import PeerIdentity

extension Node {
    /// What has passed between the node and one peer; nil if nothing is known of it.
    ///
    /// It is a copy that does not change. It goes on over sessions and stops of the node, until the peer has not been connected
    /// for a day.
    public func statistics(of peer: PeerID) -> PeerStatistics? {
        self.instruments.statistics(of: peer, now: self.running?.eventLoop.now)
    }

    /// What has passed between the node and all its peers; a copy that does not change.
    public var statistics: NodeStatistics {
        let peers = self.instruments.statistics(now: self.running?.eventLoop.now)
        return NodeStatistics(peers: Dictionary(peers.map { ($0.peer, $0) }, uniquingKeysWith: { first, _ in first }))
    }

    /// Takes a snapshot of the whole node: peers, sessions, connections, streams, queues, timers.
    ///
    /// Nothing waits for it but the control loop, for as long as it takes to copy what it knows.
    public func snapshot() async -> NodeSnapshot {
        var snapshot = NodeSnapshot(
            takenAt: self.instruments.stamp.description,
            peerID: self.peerID.description, protocolVersion: Self.protocolVersion, isRunning: false)
        let hubs = self.hubs.withLock { $0 }
        snapshot.counts.eventSubscriptions = hubs.events.subscriptionCount
        snapshot.counts.queuedEvents = hubs.events.primary.count
        let queues = hubs.messages.queuedMessages
        snapshot.counts.queuedMessages = queues.values.reduce(0) { $0 + $1.values.reduce(0, +) }
        guard let run = self.running else { return snapshot }
        snapshot.isRunning = true
        snapshot.listenAddresses = self.listenAddresses.map(\.description)
        snapshot.advertisedAddresses = self.advertisedAddresses.map(\.description)
        let connections = run.host.connectionCounts
        snapshot.counts.connections = connections.all
        snapshot.counts.unauthenticatedConnections = connections.unauthenticated
        snapshot.counts.connectionLimit = run.host.configuration.limits.connections
        snapshot.counts.tasks = run.tasks.count
        let overview = await run.control { $0.overview(of: NodeSnapshot.maximumPeers) }
        snapshot.counts.dials = overview.dials
        snapshot.counts.timers = overview.timers
        snapshot.counts.sessions = overview.sessions
        snapshot.omittedPeers = overview.omitted
        let now = run.eventLoop.now
        let heldUp = self.instruments.heldUp()
        snapshot.peers = overview.peers.map { peer, channels, entry in
            var entry = entry
            entry.pairMessages = self.instruments.pairs.count(of: peer)
            let queued = queues[peer] ?? [:]
            let names = Set(channels.map(\.name)).union(queued.filter { $0.value > 0 }.keys).sorted()
            entry.omittedStreams = max(0, names.count - NodeSnapshot.maximumStreams)
            entry.streams = names.prefix(NodeSnapshot.maximumStreams).map { name in
                var stream = NodeSnapshot.Stream(name: name)
                if let channel = channels.first(where: { $0.name == name }) {
                    stream.pendingMessages = channel.unwrittenMessages
                    stream.waitingSends = channel.waitingSends
                }
                stream.queuedMessages = queued[name] ?? 0
                stream.heldUpSeconds = heldUp.first { $0.peer == peer && $0.stream == name }
                    .map { max(0, (now - $0.since).inSeconds) }
                if let counted = self.instruments.known(name, with: peer) {
                    stream.messagesSent = counted.messagesSent
                    stream.messagesReceived = counted.messagesReceived
                    stream.messagesDropped = counted.messagesDropped
                    stream.messagesRefused = counted.messagesRefused
                }
                return stream
            }
            return entry
        }
        return snapshot
    }
}
