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

/// Beginning and ending sessions.
extension PeerSupervisor {
    func beginSession(_ entry: PeerEntry, isOutbound: Bool, on connection: Connection) {
        // The connection that the session begins on comes first: that is where its streams are opened.
        let others = entry.connections.filter { $0 !== connection && !$0.isClosed }
        entry.beginning = (isOutbound, [connection] + others)
        self.perform(entry.lifecycle.connected(now: self.eventLoop.now), on: entry)
    }

    func begin(_ entry: PeerEntry, _ generation: UInt64) {
        let session = PeerSession(
            peer: entry.peer, generation: generation, isOutbound: entry.beginning.isOutbound, began: self.eventLoop.now,
            connections: entry.beginning.connections)
        entry.history.sessionBegan(
            generation, isOutbound: session.isOutbound, address: session.connections.first?.remoteAddress,
            now: session.began)
        entry.session = session
        if entry.beginning.connections.first?.direction == .outbound { self.dialEnded(entry, succeeded: true) }
        entry.beginning = (true, [])
        entry.handshakeBegan = self.eventLoop.now
        entry.spans.connected(isOutbound: session.isOutbound)
        self.instruments.sessionBegan(with: entry.peer, isOutbound: session.isOutbound, now: self.eventLoop.now)
        let inbound: any InboundSink
        switch self.configuration.handshake {
        case .application:
            inbound = self.inbound(StreamName.handshake, of: session, isGated: false)
        case .standard(let handshake):
            entry.handshake = StandardHandshakeRun(
                localKey: self.identity.publicKey, remotePeer: entry.peer, hello: handshake.hello)
            let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
            let loop = self.eventLoop
            inbound = HandshakeInbound(
                counters: self.counters,
                receive: { messages in
                    loop.execute { for message in messages { bound.value.handshakeMessage(message) } }
                },
                fail: { [peer = entry.peer] error in
                    loop.execute { bound.value.handshakeRefused(with: peer, in: generation, error) }
                })
        }
        let channel = self.channel(StreamName.handshake, of: session, key: nil, inbound: inbound)
        session.add(channel)
        self.directory.set(session, with: entry.peer)
        if let stream = entry.pendingStream {
            entry.pendingStream = nil
            stream.eventLoop.execute { stream.value.attach(to: channel) }
        } else if session.isOutbound {
            // The other side may only learn of the connection when this stream arrives, and speak first.
            channel.openEagerly()
        }
        if var run = entry.handshake {
            let outputs = run.start()
            entry.handshake = run
            self.perform(outputs, of: session, on: entry)
        }
    }

    func end(_ entry: PeerEntry, _ reason: PeerLifecycle.Reason) {
        guard let session = entry.session else { return }
        if session.isEstablished { self.book.ended(entry.peer) }
        entry.session = nil
        entry.handshake = nil
        entry.verification?.cancel()
        entry.verification = nil
        self.directory.set(nil, with: entry.peer)
        let error =
            self.error(for: reason, peer: entry.peer) ?? GlueberryError(.closed, "the session ended", peer: entry.peer)
        entry.history.sessionEnded(session.generation, error, now: self.eventLoop.now)
        entry.ended = (session.generation, session.close(error).filter { $0.key != StreamName.handshake })
        if case .handshakeTimedOut = reason {
            self.handshakeEnded(entry, .timeout, error)
        } else {
            self.handshakeEnded(entry, .failure, error)
        }
        self.instruments.sessionEnded(with: entry.peer, now: self.eventLoop.now)
        let dropped = self.messages.discard(.init(peer: entry.peer, stream: StreamName.handshake))
        if dropped > 0 { self.instruments.stream(StreamName.handshake, with: entry.peer).dropped(messages: dropped) }
        self.messages.forgetEmpty(of: entry.peer)
    }

    /// More came on a stream than its queue takes, and its policy is to end the session.
    func overflowed(_ session: PeerSession, _ stream: String) {
        guard let entry = self.entries[session.peer], entry.session === session else { return }
        let error = GlueberryError(
            .receiveQueueFull, "more came than the consumer took, and the stream's policy is to disconnect",
            hint: "read faster, raise receiveBufferMessages, or choose another policy", peer: session.peer,
            stream: stream)
        self.perform(
            entry.lifecycle.disconnect(code: ConnectionErrorCode.resourceLimitExceeded, reason: .ended(error)),
            on: entry)
        self.forgetIfUnused(entry)
    }

    func inbound(_ name: String, of session: PeerSession, isGated: Bool) -> SessionInbound {
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        let loop = self.eventLoop
        return SessionInbound(
            session: session, queue: self.messages.use(.init(peer: session.peer, stream: name)), isGated: isGated,
            counters: self.counters, instruments: self.instruments.stream(name, with: session.peer),
            notices: self.notices,
            overflow: { [weak session] in
                guard let session else { return }
                loop.execute { bound.value.overflowed(session, name) }
            })
    }

    func channel(
        _ name: String, of session: PeerSession, key: PairKey?, inbound: any InboundSink
    ) -> StreamChannel {
        var limits = StreamChannel.Limits(
            maximumMessage: self.configuration.maximumMessageSize,
            sendBufferBytes: self.configuration.sendBufferBytes,
            sendBufferMessages: self.configuration.sendBufferMessages,
            lowBytes: self.configuration.sendLowWatermarkBytes,
            lowMessages: self.configuration.sendLowWatermarkMessages)
        if name == StreamName.handshake {
            limits.opensStreams = session.isOutbound
        } else if self.configuration.streamEncryption == .transport {
            limits.versions = [.two, .one]
        }
        limits.priority = self.configuration.streamPriorities[name] ?? .normal
        if name == StreamName.handshake, case .standard = self.configuration.handshake {
            // Its few messages never wait, and are never large.
            limits.maximumMessage = StandardHandshakeRun.maximumMessageLength
            limits.sendBufferMessages = .max
            limits.sendBufferBytes = .max
            limits.lowMessages = nil
            limits.lowBytes = nil
        }
        return StreamChannel(
            peer: session.peer, name: name, session: session.generation, key: key, limits: limits,
            inbound: inbound, unfinished: session.unfinished, nonces: self.nonces, eventLoop: self.eventLoop,
            instruments: self.instruments.stream(name, with: session.peer),
            open: { [weak session] in session?.openStream(for: $0) ?? false })
    }
}
