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
import NIOCore
import PeerIdentity

/// What the host reports.
extension PeerSupervisor {
    func opened(_ connection: Connection) {
        guard !self.isStopping else { return }
        // It may have been blocked since it was admitted.
        guard self.book.refusal(of: connection.remotePeer) == nil,
            self.book.refusal(at: connection.remoteAddress) == nil
        else {
            connection.closeNow(code: ConnectionErrorCode.gated)
            return
        }
        let entry = self.entry(connection.remotePeer)
        entry.connections.append(connection)
        switch entry.lifecycle.state {
        case .connected: entry.session?.attach(connection)
        case .established where connection.direction == .outbound: entry.session?.attach(connection)
        default: break
        }
        self.scheduleTrim(connection)
    }

    /// Closes a connection that another peer opened if no session is on it by then.
    func scheduleTrim(_ connection: Connection) {
        guard connection.direction == .inbound, let timeout = self.configuration.idleConnectionTimeout else { return }
        self.trims[connection.id] = self.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(timeout)) {
            self.trims[connection.id] = nil
            guard let entry = self.entries[connection.remotePeer],
                self.book.addresses(of: connection.remotePeer) == nil, !entry.lifecycle.isWanted,
                !(entry.session?.owns(connection) ?? false)
            else { return }
            self.logger.debug("connection without a session trimmed", metadata: ["peer": "\(connection.remotePeer)"])
            connection.closeNow(code: ConnectionErrorCode.garbageCollected)
        }
    }

    func confirmed(_ connection: Connection) {
        guard !self.isStopping, connection.direction == .outbound, let entry = self.entries[connection.remotePeer],
            entry.connections.contains(where: { $0 === connection })
        else { return }
        switch entry.lifecycle.state {
        case .connecting, .reconnecting: self.beginSession(entry, isOutbound: true, on: connection)
        case .disconnected, .cooldown: connection.closeNow(code: ConnectionErrorCode.none)
        case .connected, .established: break
        }
    }

    func closed(_ connection: Connection, reason: ConnectionCloseReason) {
        self.trims.removeValue(forKey: connection.id)?.cancel()
        guard let entry = self.entries[connection.remotePeer] else { return }
        entry.connections.removeAll { $0 === connection }
        let wasDialed = entry.dialed === connection
        if wasDialed { entry.dialed = nil }
        if let session = entry.session, session.detach(connection) {
            self.perform(
                entry.lifecycle.lost(
                    generation: session.generation, reason, now: self.eventLoop.now, jitter: self.configuration.jitter()
                ),
                on: entry)
        } else if wasDialed, case .connecting = entry.lifecycle.state, !self.beginOnAnyConnection(entry) {
            // The other side finished the security handshake and then turned us away.
            self.dialEnded(entry, succeeded: false)
            let error = HostError(
                .closed, "the connection ended before it could be used: \(reason)", cause: reason.error)
            entry.history.lastTryFailed(
                GlueberryError(.connectionFailed, error.message, peer: entry.peer, cause: reason.error),
                now: self.eventLoop.now)
            self.perform(
                entry.lifecycle.dialFailed(
                    error, isSentAway: reason.isSendingAway, now: self.eventLoop.now,
                    jitter: self.configuration.jitter()),
                on: entry)
        }
        self.forgetIfUnused(entry)
    }

    /// The other side opened a handshake stream.
    func handshakeStream(_ stream: NIOLoopBound<FrameStream>, on connection: Connection) {
        guard !self.isStopping else {
            stream.eventLoop.execute { stream.value.refuse(code: StreamErrorCode.shutdown) }
            return
        }
        let entry = self.entry(connection.remotePeer)
        guard entry.connections.contains(where: { $0 === connection }) else {
            stream.eventLoop.execute { stream.value.refuse(code: StreamErrorCode.none) }
            self.forgetIfUnused(entry)
            return
        }
        let session = entry.session
        let channel = session?.channel(StreamName.handshake)
        let rule = HandshakeStreamRule(
            state: entry.lifecycle.state, isOwned: session?.owns(connection) ?? false,
            hasOther: channel?.hasIncoming(besides: connection) ?? false,
            isSimultaneous: session.map { $0.isOutbound && connection.began < $0.began + Self.simultaneity } ?? false)
        switch rule {
        case .begin:
            entry.pendingStream = stream
            self.beginSession(entry, isOutbound: false, on: connection)
        case .join:
            guard let session, let channel else { return }
            session.attach(connection)
            session.carries(connection)
            stream.eventLoop.execute { stream.value.attach(to: channel) }
        case .refuse:
            if let session, !session.owns(connection) {
                session.attach(connection)
                // Were the session's own connection dead, the other side would wait for nothing until that is noticed.
                let timeout = TimeAmount(self.configuration.probeTimeout)
                for other in session.connections where other !== connection { other.probe(timeout: timeout) }
            }
            stream.eventLoop.execute { stream.value.refuse(code: StreamErrorCode.none) }
        case .supersede:
            // The other side has begun anew on another connection: the first one is dead, and nobody knows yet.
            self.supersede(entry, with: stream, on: connection)
        case .close:
            connection.closeNow(code: ConnectionErrorCode.gated)
        }
    }

    func supersede(_ entry: PeerEntry, with stream: NIOLoopBound<FrameStream>, on connection: Connection) {
        let old = entry.connections.filter { $0 !== connection }
        entry.pendingStream = stream
        entry.beginning = (false, [connection])
        self.perform(entry.lifecycle.superseded(now: self.eventLoop.now), on: entry)
        for connection in old { connection.closeNow(code: ConnectionErrorCode.supplanted) }
        entry.connections.removeAll { $0 !== connection }
    }

    /// The other side opened an encrypted stream: it believes in the session, and regards the handshake as complete.
    func encryptedStream(of session: PeerSession, on connection: Connection) {
        guard let entry = self.entries[connection.remotePeer], entry.session === session else { return }
        if entry.connections.contains(where: { $0 === connection }) {
            session.attach(connection)
            session.carries(connection)
        }
        if !session.isEstablished, var run = entry.handshake {
            let outputs = run.remoteCompleted()
            entry.handshake = run
            self.perform(outputs, of: session, on: entry)
        }
    }
}
