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

public import LibP2P
public import Multiformats
public import NIOCore
public import PeerIdentity

/// What an application that talks to peers needs of a node.
///
/// ``Node`` is one; so is the mock of GlueberryTesting. Code that is written against this protocol, as
/// `func run(on node: some MessagingNode)`, can be tested without a network.
///
/// It has everything that is done with a node that exists. What a node is created with is not part of it, nor is what is
/// only looked at: statistics, snapshots, health, explanations, how full queues are.
///
/// Every call of this protocol throws what the method of the same name of ``Node`` says. Where a `timeout` is nil, the
/// node's configuration has the longest wait.
public protocol MessagingNode: Sendable {
    /// The messages that arrive, for one consumer.
    associatedtype Messages: AsyncSequence<Message, Never>, Sendable
    /// The events of all peers, for one consumer.
    associatedtype Events: AsyncSequence<ConnectionEvent, Never>, Sendable
    /// A subscription to events, of which there can be any number.
    associatedtype Subscription: NodeSubscription<ConnectionEvent, Never>
    /// A subscription to notices, of which there can be any number.
    associatedtype Notices: NodeSubscription<NodeNotice, Never>

    // MARK: The node

    /// The node's peer ID.
    var peerID: PeerID { get }
    /// The node's public key.
    var publicKey: PublicKey { get }
    /// The addresses that the node listens on, with `/p2p/ID`; empty unless it runs.
    var listenAddresses: [Multiaddr] { get }
    /// The addresses that the node tells others; empty unless it runs.
    var advertisedAddresses: [Multiaddr] { get }

    /// Starts the node.
    func start() async throws(GlueberryError)
    /// Stops the node and ends its sequences; whoever waits gets the error `stopped`.
    func stop() async
    /// Tells the node that the network has changed.
    func networkChanged() async

    // MARK: The address book

    /// The peers that were added and are not blacklisted.
    var peers: [AddressBookEntry] { get async }
    /// All peers that were added.
    var allPeers: [AddressBookEntry] { get async }

    /// What is known of a peer; nil if it was not added.
    func peer(_ peer: PeerID) async -> AddressBookEntry?
    /// Adds a peer, or replaces what is known of it; nil leaves the metadata that there are.
    ///
    /// A running node begins to connect to it if there are addresses.
    func addPeer(
        _ peer: PeerID, addresses: [Multiaddr], metadata: [String: String]?
    ) async throws(GlueberryError)
    /// Replaces the metadata of a peer.
    func updateMetadata(_ metadata: [String: String], of peer: PeerID) async throws(GlueberryError)
    /// Forgets a peer and disconnects it.
    func removePeer(_ peer: PeerID) async
    /// Brings the changes of the address book to its store now.
    func saveAddressBook() async throws(GlueberryError)

    // MARK: The blacklist

    /// Everybody who is kept out at present.
    var blacklisted: [BlacklistEntry] { get async }

    /// Has nothing more to do with a peer; a session and waits for it end with `peerBlacklisted`.
    ///
    /// It lasts for the duration, or where that is nil until it is taken back.
    func blacklist(_ peer: PeerID, for duration: Duration?) async throws(GlueberryError)
    /// Has nothing more to do with whoever is at an IP address, for a time or until it is taken back.
    func blacklist(address: String, for duration: Duration?) async throws(GlueberryError)
    /// Has nothing more to do with whoever is in a subnet, for a time or until it is taken back.
    func blacklist(subnet: String, for duration: Duration?) async throws(GlueberryError)
    /// Takes a peer off the blacklist; returns whether it was on it.
    @discardableResult
    func unblacklist(_ peer: PeerID) async -> Bool
    /// Takes an IP address off the blacklist; returns whether it was on it.
    @discardableResult
    func unblacklist(address: String) async throws(GlueberryError) -> Bool
    /// Takes a subnet off the blacklist; returns whether it was on it.
    @discardableResult
    func unblacklist(subnet: String) async throws(GlueberryError) -> Bool
    /// Whether a peer is kept out at present.
    func isBlacklisted(_ peer: PeerID) async -> Bool

    // MARK: Connections

    /// Connects to a peer that was added before; returns when it is `Connected`.
    ///
    /// The wait ends when the try that runs fails, and after `timeout`, by default the configuration's `connectTimeout`. In
    /// either case the node goes on trying.
    func connect(to peer: PeerID, timeout: Duration?) async throws(GlueberryError)
    /// Connects to an address that ends in `/p2p/ID`: adds the peer, and returns its ID when it is `Connected`.
    ///
    /// The wait ends as that for a peer that was added before.
    @discardableResult
    func connect(to address: Multiaddr, timeout: Duration?) async throws(GlueberryError) -> PeerID
    /// Waits until the handshake with a peer is complete; the peer need not be known.
    ///
    /// A try that fails does not end the wait while the node makes further ones. What ends it is a handshake that fails, a
    /// peer that sends this node away, a disconnection with no try to follow, and `timeout`, by default the configuration's
    /// `connectTimeout` and `handshakeTimeout` together.
    func waitUntilEstablished(with peer: PeerID, timeout: Duration?) async throws(GlueberryError)
    /// Disconnects a peer, and makes no further tries.
    func disconnect(from peer: PeerID) async
    /// Ends the tries to reach a peer that are scheduled; returns whether there was anything to cancel.
    @discardableResult
    func cancelReconnection(of peer: PeerID) async -> Bool
    /// Where a peer stands.
    func state(of peer: PeerID) -> ConnectionState
    /// The number of the session with a peer; nil without one.
    func session(with peer: PeerID) -> UInt64?
    /// Whether this side dialled the session with a peer; nil if there is none.
    func isOutbound(_ peer: PeerID) -> Bool?
    /// Measures a round trip to a connected peer, until `timeout`, by default `host.timeouts.ping`.
    func ping(_ peer: PeerID, timeout: Duration?) async throws(GlueberryError) -> Duration

    // MARK: The handshake

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

    // MARK: Sending

    /// Sends a message; returns when the bounded queue of that peer and stream has taken it.
    ///
    /// It waits for room until `timeout`, by default the configuration's `sendTimeout`.
    func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64?, timeout: Duration?
    ) async throws(GlueberryError)
    /// Sends a message no faster than a limiter allows.
    ///
    /// It waits for the limiter and for room together until `timeout`, by default the configuration's `sendTimeout`.
    func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64?, timeout: Duration?,
        limitedBy limiter: RateLimiter
    ) async throws(GlueberryError)
    /// Sends a message if there is room for it now; never waits.
    func trySend(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64?
    ) throws(GlueberryError)
    /// Sends a message to every established peer that has the stream prepared, and tells what became of each.
    ///
    /// It waits for room until `timeout`, by default the configuration's `sendTimeout`.
    @discardableResult
    func broadcast(
        _ payload: ByteBuffer, on stream: String, timeout: Duration?
    ) async throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>]
    /// Sends a message to every established peer that has the stream prepared and room for it now; never waits.
    @discardableResult
    func tryBroadcast(
        _ payload: ByteBuffer, on stream: String
    ) throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>]

    // MARK: Messages and events

    /// Claims the messages of all peers and streams that no other sequence takes.
    func messages() throws(GlueberryError) -> Messages
    /// Claims the messages of one stream name.
    func messages(on stream: String) throws(GlueberryError) -> Messages
    /// Claims the messages of one peer.
    func messages(from peer: PeerID) throws(GlueberryError) -> Messages
    /// Claims the events of all peers.
    func events() throws(GlueberryError) -> Events
    /// Subscribes to events from now on; nil takes those of all peers, and all states.
    func subscribeToEvents(of peers: Set<PeerID>?, in states: Set<ConnectionState>?) -> Subscription
    /// Subscribes to notices from now on.
    func notices() -> Notices
}

/// A subscription to something that a node tells; it ends when it is let go of, and when the node stops.
public protocol NodeSubscription<Element, Failure>: AsyncSequence, Sendable {
    /// Ends the subscription: whoever iterates gets what is there, then the end.
    ///
    /// Doing it twice is harmless.
    func cancel()
}

extension Node: MessagingNode {}
extension EventSubscription: NodeSubscription {}
extension NoticeSubscription: NodeSubscription {}

// What a protocol cannot give its requirements: default arguments.
extension MessagingNode {
    // MARK: Peers

    /// Adds a peer, or replaces its addresses and leaves the metadata that there are.
    public func addPeer(_ peer: PeerID, addresses: [Multiaddr]) async throws(GlueberryError) {
        try await self.addPeer(peer, addresses: addresses, metadata: nil)
    }

    /// Has nothing more to do with a peer until that is taken back.
    public func blacklist(_ peer: PeerID) async throws(GlueberryError) {
        try await self.blacklist(peer, for: nil)
    }

    /// Has nothing more to do with whoever is at an IP address until that is taken back.
    public func blacklist(address: String) async throws(GlueberryError) {
        try await self.blacklist(address: address, for: nil)
    }

    /// Has nothing more to do with whoever is in a subnet until that is taken back.
    public func blacklist(subnet: String) async throws(GlueberryError) {
        try await self.blacklist(subnet: subnet, for: nil)
    }

    // MARK: Connections

    /// Connects to a peer; the wait ends when the try that runs fails, and after the configuration's `connectTimeout`.
    public func connect(to peer: PeerID) async throws(GlueberryError) { try await self.connect(to: peer, timeout: nil) }

    /// Connects to an address that ends in `/p2p/ID`, and waits as ``connect(to:)-(PeerID)`` does.
    @discardableResult
    public func connect(to address: Multiaddr) async throws(GlueberryError) -> PeerID {
        try await self.connect(to: address, timeout: nil)
    }

    /// Waits until the handshake with a peer is complete, for the configuration's `connectTimeout` and `handshakeTimeout`
    /// together at most.
    public func waitUntilEstablished(with peer: PeerID) async throws(GlueberryError) {
        try await self.waitUntilEstablished(with: peer, timeout: nil)
    }

    /// Who dialled the session with a peer; nil if there is none.
    public func direction(of peer: PeerID) -> Connection.Direction? {
        self.isOutbound(peer).map { $0 ? .outbound : .inbound }
    }

    /// Measures a round trip to a connected peer, until the configuration's `host.timeouts.ping`.
    public func ping(_ peer: PeerID) async throws(GlueberryError) -> Duration {
        try await self.ping(peer, timeout: nil)
    }

    // MARK: The handshake

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

    // MARK: Sending

    /// Sends a message in whatever session there is, and waits for room until the configuration's `sendTimeout`.
    public func send(_ payload: ByteBuffer, to peer: PeerID, on stream: String) async throws(GlueberryError) {
        try await self.send(payload, to: peer, on: stream, in: nil, timeout: nil)
    }

    /// Sends a message in whatever session there is.
    public func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, timeout: Duration?
    ) async throws(GlueberryError) {
        try await self.send(payload, to: peer, on: stream, in: nil, timeout: timeout)
    }

    /// Sends a message, and waits for room until the configuration's `sendTimeout`.
    public func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64?
    ) async throws(GlueberryError) {
        try await self.send(payload, to: peer, on: stream, in: session, timeout: nil)
    }

    /// Sends bytes; returns when the bounded queue of that peer and stream has taken them.
    public func send(
        _ payload: some Collection<UInt8>, to peer: PeerID, on stream: String, in session: UInt64? = nil,
        timeout: Duration? = nil
    ) async throws(GlueberryError) {
        try await self.send(ByteBuffer(bytes: payload), to: peer, on: stream, in: session, timeout: timeout)
    }

    /// Sends a message no faster than a limiter allows, in whatever session there is then.
    public func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, limitedBy limiter: RateLimiter
    ) async throws(GlueberryError) {
        try await self.send(payload, to: peer, on: stream, in: nil, timeout: nil, limitedBy: limiter)
    }

    /// Sends bytes no faster than a limiter allows.
    public func send(
        _ payload: some Collection<UInt8>, to peer: PeerID, on stream: String, in session: UInt64? = nil,
        timeout: Duration? = nil, limitedBy limiter: RateLimiter
    ) async throws(GlueberryError) {
        try await self.send(
            ByteBuffer(bytes: payload), to: peer, on: stream, in: session, timeout: timeout, limitedBy: limiter)
    }

    /// Sends a message if there is room for it now, in whatever session there is; never waits.
    public func trySend(_ payload: ByteBuffer, to peer: PeerID, on stream: String) throws(GlueberryError) {
        try self.trySend(payload, to: peer, on: stream, in: nil)
    }

    /// Sends bytes if there is room for them now; never waits.
    public func trySend(
        _ payload: some Collection<UInt8>, to peer: PeerID, on stream: String, in session: UInt64? = nil
    ) throws(GlueberryError) {
        try self.trySend(ByteBuffer(bytes: payload), to: peer, on: stream, in: session)
    }

    /// Sends a message to every established peer, and waits for room until the configuration's `sendTimeout`.
    @discardableResult
    public func broadcast(
        _ payload: ByteBuffer, on stream: String
    ) async throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>] {
        try await self.broadcast(payload, on: stream, timeout: nil)
    }

    /// Sends bytes to every established peer that has the stream prepared, and tells what became of each.
    @discardableResult
    public func broadcast(
        _ payload: some Collection<UInt8>, on stream: String, timeout: Duration? = nil
    ) async throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>] {
        try await self.broadcast(ByteBuffer(bytes: payload), on: stream, timeout: timeout)
    }

    /// Sends bytes to every established peer that has the stream prepared and room for them now; never waits.
    @discardableResult
    public func tryBroadcast(
        _ payload: some Collection<UInt8>, on stream: String
    ) throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>] {
        try self.tryBroadcast(ByteBuffer(bytes: payload), on: stream)
    }

    // MARK: Events

    /// Subscribes to all events from now on.
    public func subscribeToEvents() -> Subscription { self.subscribeToEvents(of: nil, in: nil) }

    /// Subscribes to the events of some peers from now on.
    public func subscribeToEvents(of peers: Set<PeerID>?) -> Subscription {
        self.subscribeToEvents(of: peers, in: nil)
    }

    /// Subscribes to the events that enter some states from now on.
    public func subscribeToEvents(in states: Set<ConnectionState>?) -> Subscription {
        self.subscribeToEvents(of: nil, in: states)
    }
}
