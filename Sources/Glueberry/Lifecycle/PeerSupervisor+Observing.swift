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
import Logging
import Multiformats
import NIOCore
import PeerIdentity

/// What is seen of peers from outside.
extension PeerSupervisor {
    /// What is known of a peer and of the tries to reach it; nil if nothing is.
    func explain(_ peer: PeerID) -> ConnectionExplanation? {
        guard let entry = self.entries[peer] else { return nil }
        let now = self.eventLoop.now
        var explanation = ConnectionExplanation(peer: peer)
        explanation.state = entry.lifecycle.state
        explanation.isKnown = entry.isInBook
        explanation.isWanted = entry.lifecycle.isWanted
        explanation.addresses = entry.addresses
        explanation.connections = entry.connections.count { !$0.isClosed }
        explanation.failures = entry.lifecycle.failures
        explanation.reconnections = entry.lifecycle.reconnections
        explanation.maximumReconnections = self.configuration.reconnectAttempts
        let left = entry.lifecycle.deadline.map { Duration(max($0 - now, .zero)) }
        switch entry.lifecycle.state {
        case .reconnecting: explanation.nextTry = left
        case .cooldown: explanation.cooldown = left
        case .connected: explanation.handshakeTimeLeft = left
        case .disconnected, .connecting, .established: break
        }
        entry.history.explain(into: &explanation, now: now)
        return explanation
    }

    /// What a snapshot shows, of at most so many peers, those with a session first.
    func overview(of maximum: Int) -> PeerOverview {
        let now = self.eventLoop.now
        let entries = self.entries.values
        let withSession = entries.filter { $0.session != nil }
        let listed = withSession.prefix(maximum)
        let others = entries.lazy.filter { $0.session == nil }.prefix(maximum - listed.count)
        var overview = PeerOverview()
        overview.sessions = withSession.count
        overview.dials = entries.count { $0.dial != nil }
        overview.timers = entries.count { $0.timerDeadline != nil }
        overview.omitted = entries.count - listed.count - others.count
        overview.peers = (Array(listed) + Array(others)).map { entry in
            var peer = NodeSnapshot.Peer(peerID: entry.peer.description, state: entry.publishedState.description)
            peer.isKnown = entry.isInBook
            peer.isWanted = entry.lifecycle.isWanted
            peer.failures = entry.lifecycle.failures
            peer.session = entry.lifecycle.generation
            peer.isOutbound = entry.session?.isOutbound
            peer.isDialling = entry.dial != nil
            peer.secondsToTimer = entry.timerDeadline.map { max(0, ($0 - now).inSeconds) }
            peer.addresses = entry.addresses.prefix(32).map(\.description)
            peer.connections = entry.connections.map { connection in
                let usage = connection.usageOfPeer
                return NodeSnapshot.Connection(
                    direction: connection.direction.rawValue, address: connection.remoteAddress.description,
                    security: connection.security, ageSeconds: max(0, (now - connection.openedAt).inSeconds),
                    isClosed: connection.isClosed, openStreams: usage.streams, bufferedBytes: usage.bufferedBytes)
            }
            return (entry.peer, entry.session?.channels ?? [], peer)
        }
        return overview
    }

    func dialEnded(_ entry: PeerEntry, succeeded: Bool, _ error: (any Error)? = nil) {
        entry.spans.dialEnded(error)
        guard let began = entry.dialBegan else { return }
        entry.dialBegan = nil
        self.instruments.connectionAttempted(
            to: entry.peer, succeeded: succeeded, after: self.eventLoop.now - began)
    }

    func handshakeEnded(
        _ entry: PeerEntry, _ result: NodeInstruments.HandshakeResult, _ error: GlueberryError? = nil
    ) {
        guard let began = entry.handshakeBegan else { return }
        entry.handshakeBegan = nil
        entry.spans.handshakeEnded(result, error)
        self.instruments.handshakeEnded(with: entry.peer, result, after: self.eventLoop.now - began)
    }

    func log(
        _ state: ConnectionState, after previous: ConnectionState, of entry: PeerEntry, _ error: GlueberryError?
    ) {
        var metadata: Logger.Metadata = ["peer": "\(entry.peer)", "state": "\(state)"]
        metadata["session"] = "\(entry.ended?.generation ?? entry.lifecycle.generation)"
        if let error { metadata["reason"] = "\(LogText.of(error))" }
        switch (previous, state) {
        case (_, .established): self.logger.info("peer established", metadata: metadata)
        case (.established, .disconnected): self.logger.info("peer lost", metadata: metadata)
        case (_, .cooldown): self.logger.info("peer failed its handshake", metadata: metadata)
        default: self.logger.debug("peer state", metadata: metadata)
        }
    }
}
