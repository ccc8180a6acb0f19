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
    ///   - timeout: The longest wait for room; by default `sendTimeout`.
    /// - Throws: ``GlueberryError`` with code `notEstablished`, `streamNotPrepared`, `messageTooLarge`, `sendTimedOut`,
    ///   `closed`, or `cancelled`, in which case the message was not sent.
    public func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, timeout: Duration? = nil
    ) async throws(GlueberryError) {
        try await self.tracingSend(payload.readableBytes, to: peer, on: stream) { () async throws(GlueberryError) in
            let channel = try self.channel(stream, with: peer)
            try await channel.send(payload, timeout: TimeAmount(timeout ?? self.configuration.sendTimeout))
        }
    }

    /// Sends a message; returns when the bounded queue of that peer and stream has taken it.
    ///
    /// - Throws: As ``send(_:to:on:timeout:)-(ByteBuffer,_,_,_)``.
    public func send(
        _ payload: some Collection<UInt8>, to peer: PeerID, on stream: String, timeout: Duration? = nil
    ) async throws(GlueberryError) {
        try await self.send(ByteBuffer(bytes: payload), to: peer, on: stream, timeout: timeout)
    }

    /// Sends a message if there is room for it now; never waits.
    ///
    /// - Throws: As ``send(_:to:on:timeout:)-(ByteBuffer,_,_,_)``, with `sendQueueFull` in the place of `sendTimedOut`.
    public func trySend(_ payload: ByteBuffer, to peer: PeerID, on stream: String) throws(GlueberryError) {
        try self.tracingSend(payload.readableBytes, to: peer, on: stream) { () throws(GlueberryError) in
            try self.channel(stream, with: peer).trySend(payload)
        }
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
        guard let counters = self.running?.counters else { return (0, 0) }
        return (counters.malformedFrames, counters.decryptionErrors)
    }

    private func claim(_ route: MessageHub.Route) throws(GlueberryError) -> MessageSequence {
        guard let claim = MessageSequence.Claim(route, of: self.hubs.withLock { $0.messages }) else {
            throw GlueberryError(.alreadyClaimed, "another consumer reads these messages")
        }
        return MessageSequence(claim: claim)
    }

    private func channel(_ stream: String, with peer: PeerID) throws(GlueberryError) -> StreamChannel {
        let run = try self.requireRunning()
        guard let session = run.directory.session(with: peer) else {
            throw GlueberryError(.notConnected, "there is no session with the peer", peer: peer, stream: stream)
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
        guard let channel = session.channel(stream) else {
            throw GlueberryError(
                .streamNotPrepared, "the stream was not prepared for the peer", hint: "name it in the handshake",
                peer: peer, stream: stream)
        }
        return channel
    }
}
