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

import DequeModule
public import Glueberry
import LibP2P
public import Multiformats
public import NIOCore
public import PeerIdentity

extension MockNode {
    // MARK: The node

    /// The peer ID of the identity.
    public var peerID: PeerID { self.identity.peerID }
    /// The public key of the identity.
    public var publicKey: PublicKey { self.identity.publicKey }
    /// The addresses that the mock was given, with `/p2p/ID`; empty unless it runs.
    public var listenAddresses: [Multiaddr] { self.listening }
    /// The addresses that the mock was given, with `/p2p/ID`; empty unless it runs.
    public var advertisedAddresses: [Multiaddr] { self.listening }

    /// Starts the mock: peers that were added with addresses become `Connecting`.
    public func start() async throws(GlueberryError) {
        try self.called(.start)
        guard self.update({ $0.start() }) else { throw GlueberryError(.alreadyStarted, "the node runs") }
    }

    /// Stops the mock: peers are disconnected, waits fail with `stopped`, and sequences end.
    public func stop() async {
        self.update { $0.stop() }
    }

    /// Begins the tries that are scheduled: peers that are `Reconnecting` become `Connecting`.
    public func networkChanged() async {
        self.update { $0.networkChanged() }
    }

    // MARK: The address book

    /// The peers that were added and are not blacklisted, in no particular order.
    public var peers: [AddressBookEntry] {
        get async { self.update { state in state.book.all(now: state.now).filter { !$0.isBlacklisted } } }
    }

    /// All peers that were added, in no particular order.
    public var allPeers: [AddressBookEntry] {
        get async { self.update { state in state.book.all(now: state.now) } }
    }

    /// What is known of a peer; nil if it was not added.
    public func peer(_ peer: PeerID) async -> AddressBookEntry? {
        self.update { state in state.book.entry(of: peer, now: state.now) }
    }

    /// Notes a peer; on a mock that runs, one with addresses becomes `Connecting`.
    public func addPeer(
        _ peer: PeerID, addresses: [Multiaddr], metadata: [String: String]? = nil
    ) async throws(GlueberryError) {
        try self.called(.addPeer, for: peer)
        try self.attempt { state throws(GlueberryError) in
            try state.book.add(
                peer, addresses: addresses, metadata: metadata, limit: state.maximumPeers, at: state.timestamp)
            state.added(peer)
        }
    }

    /// Replaces the metadata of a peer.
    public func updateMetadata(_ metadata: [String: String], of peer: PeerID) async throws(GlueberryError) {
        try self.called(.updateMetadata, for: peer)
        try self.attempt { state throws(GlueberryError) in
            try state.book.setMetadata(metadata, of: peer, at: state.timestamp)
        }
    }

    /// Forgets a peer and disconnects it.
    public func removePeer(_ peer: PeerID) async {
        self.update { state in
            state.book.remove(peer)
            state.end(peer, Self.disconnectedHere(peer))
        }
    }

    /// Does nothing but to be counted, and to fail if that is wanted.
    public func saveAddressBook() async throws(GlueberryError) { try self.called(.saveAddressBook) }

    // MARK: The blacklist

    /// Everybody who is kept out at present, in no particular order.
    public var blacklisted: [BlacklistEntry] {
        get async { self.update { state in state.book.blacklist(now: state.now) } }
    }

    /// Leaves a peer alone: it is disconnected, and neither connects nor can be connected to.
    ///
    /// When a block ends by itself the peer is welcome again, but the mock does not begin to connect to it.
    public func blacklist(_ peer: PeerID, for duration: Duration? = nil) async throws(GlueberryError) {
        try self.called(.blacklist, for: peer)
        self.update { state in
            state.book.block(.peer(peer), for: duration, now: state.now, at: state.timestamp)
            let error = GlueberryError(.peerBlacklisted, "the peer was blacklisted", peer: peer)
            state.end(peer, error)
            state.failWaiters(of: peer, error)
        }
    }

    /// Notes an IP address; a simulated peer has none, so nobody is disconnected.
    public func blacklist(address: String, for duration: Duration? = nil) async throws(GlueberryError) {
        try self.called(.blacklist)
        try self.block(.address(IPAddress(address)), for: duration)
    }

    /// Notes a subnet; a simulated peer has no address, so nobody is disconnected.
    public func blacklist(subnet: String, for duration: Duration? = nil) async throws(GlueberryError) {
        try self.called(.blacklist)
        try self.block(.subnet(IPSubnet(subnet)), for: duration)
    }

    private func block(_ subject: BlacklistEntry.Subject, for duration: Duration?) {
        self.update { state in state.book.block(subject, for: duration, now: state.now, at: state.timestamp) }
    }

    /// Takes back ``blacklist(_:for:)``; a peer that was added with addresses becomes `Connecting`.
    @discardableResult
    public func unblacklist(_ peer: PeerID) async -> Bool {
        self.update { state in
            guard state.book.unblock(.peer(peer), now: state.now) else { return false }
            state.added(peer)
            return true
        }
    }

    /// Takes back ``blacklist(address:for:)``.
    @discardableResult
    public func unblacklist(address: String) async throws(GlueberryError) -> Bool {
        let address = try IPAddress(address)
        return self.update { state in state.book.unblock(.address(address), now: state.now) }
    }

    /// Takes back ``blacklist(subnet:for:)``.
    @discardableResult
    public func unblacklist(subnet: String) async throws(GlueberryError) -> Bool {
        let subnet = try IPSubnet(subnet)
        return self.update { state in state.book.unblock(.subnet(subnet), now: state.now) }
    }

    /// Whether a peer is blacklisted at present.
    public func isBlacklisted(_ peer: PeerID) async -> Bool {
        self.update { state in state.book.isBlocked(.peer(peer), now: state.now) }
    }

    // MARK: Connections

    /// Waits until the test simulates the connection, its failure, or the end of the wait comes as it does for a node.
    public func connect(to peer: PeerID, timeout: Duration? = nil) async throws(GlueberryError) {
        try self.called(.connect, for: peer)
        try self.attempt { state throws(GlueberryError) in try state.requireRunning() }
        try await self.waitUntilConnected(to: peer, timeout: timeout)
    }

    /// Notes a peer and its address, and waits as ``connect(to:timeout:)-(PeerID,_)`` does.
    @discardableResult
    public func connect(to address: Multiaddr, timeout: Duration? = nil) async throws(GlueberryError) -> PeerID {
        guard let peer = address.peerID else {
            try self.called(.connect)
            throw GlueberryError(
                .invalidAddress, "the address \(address) names no peer", hint: "it must end in /p2p/ID")
        }
        try self.called(.connect, for: peer)
        try self.attempt { state throws(GlueberryError) in
            try state.requireRunning()
            try state.book.prefer(address.withoutPeer, of: peer, limit: state.maximumPeers, at: state.timestamp)
            state.added(peer)
        }
        try await self.waitUntilConnected(to: peer, timeout: timeout)
        return peer
    }

    private func waitUntilConnected(to peer: PeerID, timeout: Duration?) async throws(GlueberryError) {
        try await self.wait("connecting", for: peer, timeout: timeout ?? self.configuration.connectTimeout) {
            $0.connect(peer, $1)
        }
    }

    /// Waits until the peer is `Established`, or the end of the wait comes as it does for a node.
    public func waitUntilEstablished(with peer: PeerID, timeout: Duration? = nil) async throws(GlueberryError) {
        try self.called(.waitUntilEstablished, for: peer)
        try self.attempt { state throws(GlueberryError) in try state.requireRunning() }
        let timeout = timeout ?? self.configuration.connectTimeout + self.configuration.handshakeTimeout
        try await self.wait("waiting for the handshake", for: peer, timeout: timeout) {
            $0.awaitEstablished(peer, $1)
        }
    }

    /// Disconnects a peer.
    public func disconnect(from peer: PeerID) async {
        self.update { $0.end(peer, Self.disconnectedHere(peer)) }
    }

    private static func disconnectedHere(_ peer: PeerID) -> GlueberryError {
        GlueberryError(.closed, "disconnected here", peer: peer)
    }

    /// Ends the tries that are scheduled; returns whether there were any.
    @discardableResult
    public func cancelReconnection(of peer: PeerID) async -> Bool {
        self.update { $0.cancelReconnection(of: peer) }
    }

    /// Where a peer stands.
    public func state(of peer: PeerID) -> ConnectionState { self.update { $0.state(of: peer) } }

    /// The number of the session with a peer; nil without one.
    public func session(with peer: PeerID) -> UInt64? { self.update { $0.peers[peer]?.session?.number } }

    /// Whether this side dialled, as the test said; nil without a session.
    public func isOutbound(_ peer: PeerID) -> Bool? { self.update { $0.peers[peer]?.session?.isOutbound } }

    /// The round trip of ``simulateRoundTrip(_:)``, without waiting for it.
    public func ping(_ peer: PeerID, timeout: Duration? = nil) async throws(GlueberryError) -> Duration {
        try self.called(.ping, for: peer)
        let timeout = timeout.map { VirtualClock.amount($0) } ?? self.configuration.host.timeouts.ping
        return try self.attempt { state throws(GlueberryError) in
            try state.requireRunning()
            guard state.peers[peer]?.session != nil else {
                throw GlueberryError(.notConnected, "there is no connection to the peer", peer: peer)
            }
            guard VirtualClock.amount(state.roundTrip) <= timeout else {
                throw GlueberryError(.timedOut, "the ping failed: not answered in time", peer: peer)
            }
            return state.roundTrip
        }
    }

    // MARK: The handshake

    /// Notes streams with a connected peer.
    public func prepareStreams(
        with peer: PeerID, publicKey: PublicKey, named names: [String], in session: UInt64? = nil
    ) async throws(GlueberryError) {
        try self.called(.prepareStreams, for: peer)
        try self.attempt { state throws(GlueberryError) in try state.prepare(peer, publicKey, names, in: session) }
    }

    /// Makes a connected peer `Established`.
    public func finalizeHandshake(with peer: PeerID, in session: UInt64? = nil) async throws(GlueberryError) {
        try self.called(.finalizeHandshake, for: peer)
        try self.attempt { state throws(GlueberryError) in try state.finalize(peer, in: session) }
    }

    /// Notes streams and makes the peer `Established`.
    public func completeHandshake(
        with peer: PeerID, publicKey: PublicKey, streams: [String], in session: UInt64? = nil
    ) async throws(GlueberryError) {
        try self.called(.completeHandshake, for: peer)
        try self.attempt { state throws(GlueberryError) in
            try state.prepare(peer, publicKey, streams, in: session)
            try state.finalize(peer, in: session)
        }
    }

    // MARK: Sending

    /// Records a message, under the conditions under which a node would take it; there is always room.
    public func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64? = nil, timeout: Duration? = nil
    ) async throws(GlueberryError) {
        try self.trySend(payload, to: peer, on: stream, in: session)
    }

    /// Records a message when the limiter lets it pass, under the conditions under which a node would take it.
    public func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64? = nil, timeout: Duration? = nil,
        limitedBy limiter: RateLimiter
    ) async throws(GlueberryError) {
        try self.called(.send, for: peer)
        try self.attempt { state throws(GlueberryError) in
            try state.requireStream(stream, with: peer, in: session)
        }
        do {
            try await limiter.wait(
                for: payload.readableBytes, timeout: timeout ?? self.configuration.sendTimeout)
        } catch {
            throw error.code == .timedOut
                ? GlueberryError(
                    .sendTimedOut, "the rate limit did not let the message pass until the deadline", peer: peer,
                    stream: stream, cause: error)
                : GlueberryError(.cancelled, "the send was cancelled; nothing was sent", peer: peer, stream: stream)
        }
        try self.record(payload, to: peer, on: stream, in: session)
    }

    /// Records a message, under the conditions under which a node would take it; there is always room.
    public func trySend(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64? = nil
    ) throws(GlueberryError) {
        try self.called(.send, for: peer)
        try self.record(payload, to: peer, on: stream, in: session)
    }

    /// Records a message to each established peer that has the stream prepared, and tells what became of each.
    @discardableResult
    public func broadcast(
        _ payload: ByteBuffer, on stream: String, timeout: Duration? = nil
    ) async throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>] {
        try self.tryBroadcast(payload, on: stream)
    }

    /// Records a message to each established peer that has the stream prepared, and tells what became of each.
    @discardableResult
    public func tryBroadcast(
        _ payload: ByteBuffer, on stream: String
    ) throws(GlueberryError) -> [PeerID: Result<Void, GlueberryError>] {
        try self.called(.broadcast)
        var results: [PeerID: Result<Void, GlueberryError>] = [:]
        for peer in try self.attempt({ state throws(GlueberryError) in try state.receivers(on: stream) }) {
            results[peer] = Result { () throws(GlueberryError) in
                if let error = self.failure(of: .send, for: peer) { throw error }
                try self.record(payload, to: peer, on: stream, in: nil)
            }
        }
        return results
    }

    private func record(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64?
    ) throws(GlueberryError) {
        try self.attempt { state throws(GlueberryError) in
            try state.requireStream(stream, with: peer, in: session)
            try state.record(payload, to: peer, on: stream)
        }
    }

    // MARK: Messages and events

    /// Claims the simulated messages that no other sequence takes.
    public func messages() throws(GlueberryError) -> MockSequence<Message> { try self.claim(.all) }

    /// Claims the simulated messages of one stream name.
    public func messages(on stream: String) throws(GlueberryError) -> MockSequence<Message> {
        try self.claim(.stream(stream))
    }

    /// Claims the simulated messages of one peer.
    public func messages(from peer: PeerID) throws(GlueberryError) -> MockSequence<Message> {
        try self.claim(.peer(peer))
    }

    private func claim(_ route: MockState.Route) throws(GlueberryError) -> MockSequence<Message> {
        try self.called(.messages)
        guard let source = self.update({ $0.claim(route) }) else {
            throw GlueberryError(.alreadyClaimed, "another consumer reads these messages")
        }
        return MockSequence(
            source: source,
            claim: MockClaim { [weak self] in
                self?.update { state in state.release(route, source) { [weak self] in self?.requeue($0) } }
            })
    }

    /// Gives what a route left to whoever is next in line.
    private func requeue(_ messages: [Message]) {
        self.update { state in
            // Before what has arrived meanwhile and is not yet told.
            for message in messages.reversed() {
                let source = state.source(for: message)
                state.outbox.prepend { source.append(message) }
            }
        }
    }

    /// Claims the events of all peers.
    public func events() throws(GlueberryError) -> MockSequence<ConnectionEvent> {
        try self.called(.events)
        let source = self.update { state -> MockSource<ConnectionEvent>? in
            guard !state.sources.areEventsClaimed else { return nil }
            state.sources.areEventsClaimed = true
            return state.sources.events
        }
        guard let source else { throw GlueberryError(.alreadyClaimed, "another consumer reads events()") }
        return MockSequence(
            source: source,
            claim: MockClaim { [weak self] in
                self?.update { state in
                    if state.sources.events === source { state.sources.areEventsClaimed = false }
                }
            })
    }

    /// Subscribes to events from now on.
    public func subscribeToEvents(
        of peers: Set<PeerID>? = nil, in states: Set<ConnectionState>? = nil
    ) -> MockSubscription<ConnectionEvent> {
        let source = MockSource<ConnectionEvent>()
        let id = ObjectIdentifier(source)
        let isFinished = self.update { state in
            if !state.sources.isFinished {
                state.sources.subscribers[id] = .init(source: source, peers: peers, states: states)
            }
            return state.sources.isFinished
        }
        if isFinished { source.finish() }
        return MockSubscription(
            source: source,
            claim: MockClaim { [weak self] in self?.update { _ = $0.sources.subscribers.removeValue(forKey: id) } })
    }

    /// Subscribes to simulated notices from now on.
    public func notices() -> MockSubscription<NodeNotice> {
        let source = MockSource<NodeNotice>()
        let id = ObjectIdentifier(source)
        let isFinished = self.update { state in
            if !state.sources.isFinished { state.sources.notices[id] = source }
            return state.sources.isFinished
        }
        if isFinished { source.finish() }
        return MockSubscription(
            source: source,
            claim: MockClaim { [weak self] in self?.update { _ = $0.sources.notices.removeValue(forKey: id) } })
    }
}
