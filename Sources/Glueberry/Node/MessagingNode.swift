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

public import Multiformats
public import NIOCore
public import PeerIdentity

/// What an application that talks to peers needs of a node.
///
/// ``Node`` is one; so is the mock of GlueberryTesting. Code that is written against this protocol, as
/// `func run(on node: some MessagingNode)`, can be tested without a network.
public protocol MessagingNode: Sendable {
    /// The messages that arrive, for one consumer.
    associatedtype Messages: AsyncSequence<Message, Never>, Sendable
    /// The events of all peers, for one consumer.
    associatedtype Events: AsyncSequence<ConnectionEvent, Never>, Sendable
    /// A subscription to events, of which there can be any number.
    associatedtype Subscription: AsyncSequence<ConnectionEvent, Never>, Sendable

    /// The node's peer ID.
    var peerID: PeerID { get }
    /// The node's public key.
    var publicKey: PublicKey { get }
    /// The peers that were added and are not blacklisted.
    var peers: [AddressBookEntry] { get async }

    /// Starts the node.
    func start() async throws(GlueberryError)
    /// Stops the node and ends its sequences.
    func stop() async

    /// Adds a peer, or replaces what is known of it.
    func addPeer(
        _ peer: PeerID, addresses: [Multiaddr], metadata: [String: String]?
    ) async throws(GlueberryError)
    /// Forgets a peer.
    func removePeer(_ peer: PeerID) async

    /// Connects to a peer that was added before.
    func connect(to peer: PeerID, timeout: Duration?) async throws(GlueberryError)
    /// Waits until the handshake with a peer is complete.
    func waitUntilEstablished(with peer: PeerID, timeout: Duration?) async throws(GlueberryError)
    /// Disconnects a peer.
    func disconnect(from peer: PeerID) async
    /// Where a peer stands.
    func state(of peer: PeerID) -> ConnectionState

    /// Prepares encrypted streams with a connected peer.
    func prepareStreams(
        with peer: PeerID, publicKey: PublicKey, named names: [String], in session: UInt64?
    ) async throws(GlueberryError)
    /// Completes the handshake on this side.
    func finalizeHandshake(with peer: PeerID, in session: UInt64?) async throws(GlueberryError)
    /// Prepares streams and completes the handshake in one step.
    func completeHandshake(
        with peer: PeerID, publicKey: PublicKey, streams: [String], in session: UInt64?
    ) async throws(GlueberryError)

    /// Sends a message; returns when the bounded queue of that peer and stream has taken it.
    func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64?, timeout: Duration?
    ) async throws(GlueberryError)
    /// Sends a message if there is room for it now; never waits.
    func trySend(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64?
    ) throws(GlueberryError)

    /// Claims the messages of all peers and streams that no other sequence takes.
    func messages() throws(GlueberryError) -> Messages
    /// Claims the messages of one stream name.
    func messages(on stream: String) throws(GlueberryError) -> Messages
    /// Claims the messages of one peer.
    func messages(from peer: PeerID) throws(GlueberryError) -> Messages
    /// Claims the events of all peers.
    func events() throws(GlueberryError) -> Events
    /// Subscribes to events from now on.
    func subscribeToEvents(of peers: Set<PeerID>?, in states: Set<ConnectionState>?) -> Subscription
}

extension Node: MessagingNode {}

extension MessagingNode {
    /// Connects to a peer; the wait ends with the try that runs.
    public func connect(to peer: PeerID) async throws(GlueberryError) { try await self.connect(to: peer, timeout: nil) }

    /// Waits until the handshake with a peer is complete, however long that takes.
    public func waitUntilEstablished(with peer: PeerID) async throws(GlueberryError) {
        try await self.waitUntilEstablished(with: peer, timeout: nil)
    }

    /// Prepares encrypted streams with a connected peer, whatever session it is in.
    public func prepareStreams(
        with peer: PeerID, publicKey: PublicKey, named names: [String]
    ) async throws(GlueberryError) {
        try await self.prepareStreams(with: peer, publicKey: publicKey, named: names, in: nil)
    }

    /// Completes the handshake on this side, whatever session the peer is in.
    public func finalizeHandshake(with peer: PeerID) async throws(GlueberryError) {
        try await self.finalizeHandshake(with: peer, in: nil)
    }

    /// Prepares streams and completes the handshake in one step, whatever session the peer is in.
    public func completeHandshake(
        with peer: PeerID, publicKey: PublicKey, streams: [String]
    ) async throws(GlueberryError) {
        try await self.completeHandshake(with: peer, publicKey: publicKey, streams: streams, in: nil)
    }

    /// Sends a message with the default deadline.
    public func send(_ payload: ByteBuffer, to peer: PeerID, on stream: String) async throws(GlueberryError) {
        try await self.send(payload, to: peer, on: stream, in: nil, timeout: nil)
    }

    /// Sends bytes with the default deadline.
    public func send(
        _ payload: some Collection<UInt8>, to peer: PeerID, on stream: String
    ) async throws(GlueberryError) {
        try await self.send(ByteBuffer(bytes: payload), to: peer, on: stream, in: nil, timeout: nil)
    }

    /// Sends a message if there is room for it now; never waits.
    public func trySend(_ payload: ByteBuffer, to peer: PeerID, on stream: String) throws(GlueberryError) {
        try self.trySend(payload, to: peer, on: stream, in: nil)
    }
}
