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
public import NIOCore
public import PeerIdentity

extension Node {
    /// Sends a message; returns when the bounded queue of that peer and stream has taken it.
    ///
    /// - Parameters:
    ///   - payload: At most `maximumMessageSize` bytes.
    ///   - peer: An established peer.
    ///   - stream: A prepared stream, or `handshake` while the application does the handshake.
    ///   - session: The session that the message belongs to, if it must not go to a later one; by default the current.
    ///   - timeout: The longest wait for room; by default `sendTimeout`.
    /// - Throws: ``GlueberryError`` with code `notStarted`, `notConnected`, `notEstablished`, `invalidStreamName`,
    ///   `streamNotPrepared`, `messageTooLarge`, `staleSession`, `encryptionFailed`, `sendTimedOut`, `closed`, or
    ///   `cancelled`; in each case the message was not sent.
    public func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64? = nil, timeout: Duration? = nil
    ) async throws(GlueberryError) {
        try await self.tracingSend(payload.readableBytes, to: peer, on: stream) { () async throws(GlueberryError) in
            let channel = try self.channel(stream, with: peer, in: session)
            try await channel.send(payload, timeout: TimeAmount(timeout ?? self.configuration.sendTimeout))
        }
    }

    /// Sends a message; returns when the bounded queue of that peer and stream has taken it.
    ///
    /// - Throws: As ``send(_:to:on:in:timeout:)-(ByteBuffer,_,_,_,_)``.
    public func send(
        _ payload: some Collection<UInt8>, to peer: PeerID, on stream: String, in session: UInt64? = nil,
        timeout: Duration? = nil
    ) async throws(GlueberryError) {
        try await self.send(ByteBuffer(bytes: payload), to: peer, on: stream, in: session, timeout: timeout)
    }

    /// Sends a message no faster than a limiter allows; returns when the bounded queue has taken it.
    ///
    /// What the limiter has let pass counts, also when the send then fails.
    ///
    /// - Parameters:
    ///   - payload: At most `maximumMessageSize` bytes.
    ///   - peer: An established peer.
    ///   - stream: A prepared stream.
    ///   - session: The session that the message belongs to; by default the one that is current when its turn comes.
    ///   - timeout: The longest wait for the limiter and for room together; by default `sendTimeout`.
    ///   - limiter: What several senders may share.
    /// - Throws: As ``send(_:to:on:in:timeout:)-(ByteBuffer,_,_,_,_)``.
    public func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64? = nil, timeout: Duration? = nil,
        limitedBy limiter: RateLimiter
    ) async throws(GlueberryError) {
        try await self.tracingSend(payload.readableBytes, to: peer, on: stream) { () async throws(GlueberryError) in
            // What cannot be sent anyway uses nothing up.
            let eventLoop = try self.requireRunning().eventLoop
            _ = try self.channel(stream, with: peer, in: session)
            let deadline = eventLoop.now + TimeAmount(timeout ?? self.configuration.sendTimeout)
            do throws(GlueberryError) {
                try await limiter.wait(for: payload.readableBytes, within: deadline - eventLoop.now)
            } catch {
                throw error.code == .timedOut
                    ? GlueberryError(
                        .sendTimedOut, "the rate limit did not let the message pass until the deadline", peer: peer,
                        stream: stream, cause: error)
                    : GlueberryError(
                        .cancelled, "the send was cancelled; nothing was sent", peer: peer, stream: stream)
            }
            try await self.channel(stream, with: peer, in: session).send(payload, timeout: deadline - eventLoop.now)
        }
    }

    /// Sends a message no faster than a limiter allows; returns when the bounded queue has taken it.
    ///
    /// - Throws: As ``send(_:to:on:in:timeout:)-(ByteBuffer,_,_,_,_)``.
    public func send(
        _ payload: some Collection<UInt8>, to peer: PeerID, on stream: String, in session: UInt64? = nil,
        timeout: Duration? = nil, limitedBy limiter: RateLimiter
    ) async throws(GlueberryError) {
        try await self.send(
            ByteBuffer(bytes: payload), to: peer, on: stream, in: session, timeout: timeout, limitedBy: limiter)
    }

    /// Sends a message if there is room for it now; never waits.
    ///
    /// - Throws: As ``send(_:to:on:in:timeout:)-(ByteBuffer,_,_,_,_)``, with `sendQueueFull` in the place of
    ///   `sendTimedOut`.
    public func trySend(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64? = nil
    ) throws(GlueberryError) {
        try self.tracingSend(payload.readableBytes, to: peer, on: stream) { () throws(GlueberryError) in
            try self.channel(stream, with: peer, in: session).trySend(payload)
        }
    }

    /// Sends a message if there is room for it now; never waits.
    ///
    /// - Throws: As ``trySend(_:to:on:in:)-(ByteBuffer,_,_,_)``.
    public func trySend(
        _ payload: some Collection<UInt8>, to peer: PeerID, on stream: String, in session: UInt64? = nil
    ) throws(GlueberryError) {
        try self.trySend(ByteBuffer(bytes: payload), to: peer, on: stream, in: session)
    }

    /// Claims the messages of all peers and streams that no other sequence takes; for one consumer.
    ///
    /// - Throws: ``GlueberryError`` with code `alreadyClaimed` while there is another.
    public func messages() throws(GlueberryError) -> MessageSequence { try self.claim(.all) }

    /// Claims the messages of one stream name, of all peers, which leave `messages()` for this sequence.
    ///
    /// - Throws: ``GlueberryError`` with code `alreadyClaimed` while there is another.
    public func messages(on stream: String) throws(GlueberryError) -> MessageSequence {
        try self.claim(.stream(stream))
    }

    /// Claims the messages of one peer, except those of streams with a sequence of their own.
    ///
    /// - Throws: ``GlueberryError`` with code `alreadyClaimed` while there is another.
    public func messages(from peer: PeerID) throws(GlueberryError) -> MessageSequence { try self.claim(.peer(peer)) }

    /// Received frames that were refused since the start: malformed or too large, and not authentic.
    public var refusedMessages: (malformed: Int, notAuthentic: Int) {
        let counters = self.hubs.withLock { $0.counters }
        return (counters.malformedFrames, counters.decryptionErrors)
    }

    /// Received messages that were dropped since the start because their queue was full; see ``ReceivePolicy``.
    public var droppedMessages: Int { self.hubs.withLock { $0.counters }.droppedMessages }

    /// How full the queues of one stream of one peer are.
    ///
    /// - Returns: Both directions at one moment; nil if the peer has no such stream now and nothing of it waits.
    public func flowControl(of peer: PeerID, on stream: String) -> FlowControl? {
        let channel = self.running?.directory.session(with: peer)?.channel(stream)
        let queue = self.hubs.withLock { $0.messages }.existingQueue(for: .init(peer: peer, stream: stream))
        guard channel != nil || queue != nil else { return nil }
        let sending = channel?.sending
        let received = queue?.pending ?? InboundQueue.Pending()
        return FlowControl(
            session: channel?.session,
            sending: sending?.direction
                ?? FlowControl.Direction(pendingMessages: 0, pendingBytes: 0, isBlocked: false),
            waitingSends: sending?.waitingSends ?? 0,
            receiving: FlowControl.Direction(
                pendingMessages: received.messages, pendingBytes: received.bytes, isBlocked: received.isBlocked),
            policy: queue?.limits.policy ?? self.configuration.receivePolicy)
    }

    private func claim(_ route: MessageHub.Route) throws(GlueberryError) -> MessageSequence {
        guard let claim = MessageSequence.Claim(route, of: self.hubs.withLock { $0.messages }) else {
            throw GlueberryError(.alreadyClaimed, "another consumer reads these messages")
        }
        return MessageSequence(claim: claim)
    }

    private func channel(
        _ stream: String, with peer: PeerID, in wanted: UInt64?
    ) throws(GlueberryError) -> StreamChannel {
        let run = try self.requireRunning()
        guard let session = run.directory.session(with: peer) else {
            if let wanted { throw .staleSession(wanted, peer: peer, stream: stream) }
            throw GlueberryError(.notConnected, "there is no session with the peer", peer: peer, stream: stream)
        }
        if let wanted, wanted != session.generation {
            throw .staleSession(wanted, current: session.generation, peer: peer, stream: stream)
        }
        if stream == StreamName.handshake {
            guard case .application = self.configuration.handshake else {
                throw GlueberryError(
                    .invalidStreamName, "the ready-made handshake has the stream to itself", peer: peer, stream: stream)
            }
        } else if !session.isEstablished {
            throw GlueberryError(
                .notEstablished, "the handshake with the peer is not complete", hint: "wait for Established",
                peer: peer,
                stream: stream)
        }
        return try session.preparedChannel(stream)
    }
}
