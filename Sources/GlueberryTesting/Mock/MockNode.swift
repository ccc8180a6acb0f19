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

public import Glueberry
import LibP2P
public import Multiformats
public import NIOCore
public import PeerIdentity

/// A node without a network, for tests of code that is written against `MessagingNode`.
///
/// It does nothing by itself. What a network would bring is simulated by the test: connections, messages, events and
/// errors; what the application does is recorded: messages, prepared streams, peers.
///
/// ```swift
/// let node = MockNode()
/// try await node.start()
/// let application = Task { try await greet(on: node) }     // the code under test
/// let peer = MockNode().peerID
/// node.simulateConnect(peer, establishing: ["chat"])
/// let sent = try await node.waitForMessages(1, to: peer, on: "chat")
/// #expect(sent[0].bytes == Array("hello".utf8))
/// ```
public final class MockNode: MessagingNode {
    /// A method whose calls can be made to fail.
    public enum Method: String, Sendable, CaseIterable {
        /// `start()`.
        case start
        /// `addPeer(_:addresses:metadata:)`.
        case addPeer
        /// `connect(to:timeout:)`.
        case connect
        /// `waitUntilEstablished(with:timeout:)`.
        case waitUntilEstablished
        /// `prepareStreams(with:publicKey:named:)`.
        case prepareStreams
        /// `finalizeHandshake(with:)`.
        case finalizeHandshake
        /// `completeHandshake(with:publicKey:streams:)`.
        case completeHandshake
        /// `send(_:to:on:timeout:)` and `trySend(_:to:on:)`.
        case send
        /// `messages()` and its routes.
        case messages
        /// `events()`.
        case events
    }

    /// A message that the application sent.
    public struct SentMessage: Sendable {
        /// To whom.
        public let peer: PeerID
        /// On which stream.
        public let stream: String
        /// What.
        public let payload: ByteBuffer
        /// The payload as an array.
        public var bytes: [UInt8] { Array(self.payload.readableBytesView) }
    }

    /// A peer that the application added.
    public struct KnownPeer: Sendable {
        /// Where it was said to be.
        public let addresses: [Multiaddr]
        /// What was said of it.
        public let metadata: [String: String]
    }

    private enum Route: Hashable {
        case all
        case stream(String)
        case peer(PeerID)
    }

    private struct Failure {
        let error: GlueberryError
        var remaining: Int?
    }

    private struct Subscriber {
        let source: MockSource<ConnectionEvent>
        let peers: Set<PeerID>?
        let states: Set<ConnectionState>?
    }

    private struct SentWaiter {
        let count: Int
        let peer: PeerID?
        let stream: String?
        let arrived: Settlement<[SentMessage], CancellationError>
    }

    private struct StateWaiter {
        let peer: PeerID
        let states: Set<ConnectionState>
        let reached: Settlement<Void, GlueberryError>
    }

    private struct State {
        var isRunning = false
        var known: [PeerID: KnownPeer] = [:]
        var blacklist: Set<PeerID> = []
        var states: [PeerID: ConnectionState] = [:]
        var sessions: [PeerID: UInt64] = [:]
        var prepared: [PeerID: Set<String>] = [:]
        var failures: [Method: Failure] = [:]
        var calls: [Method: Int] = [:]
        var sent: [SentMessage] = []
        var sentWaiters: [SentWaiter] = []
        var stateWaiters: [StateWaiter] = []
        var routes: [Route: MockSource<Message>] = [.all: MockSource()]
        var events = MockSource<ConnectionEvent>()
        var subscribers: [ObjectIdentifier: Subscriber] = [:]
    }

    /// Whose node it pretends to be.
    public let identity: Identity
    private let state = Locked(State())

    /// Creates a mock.
    public init(identity: Identity = .generate()) {
        self.identity = identity
    }

    // MARK: What the test simulates

    /// A peer connects: it becomes `Connected`, and with streams to prepare `Established`.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - streams: Streams that are prepared at once, whereupon the peer is `Established`; nil leaves the handshake to the
    ///     application.
    ///   - isOutbound: Whether this side dialled.
    public func simulateConnect(_ peer: PeerID, establishing streams: [String]? = nil, isOutbound: Bool = false) {
        guard !self.isBlacklisted(peer), self.state(of: peer) != .established else { return }
        if self.state(of: peer) == .connected, streams == nil { return }
        if self.state(of: peer) != .connected {
            self.state.withLock { $0.sessions[peer, default: 0] += 1 }
            if self.state(of: peer) == .cooldown { self.change(peer, to: .disconnected) }
            if self.state(of: peer) != .connecting { self.change(peer, to: .connecting) }
            self.change(peer, to: .connected, isOutbound: isOutbound)
        }
        guard let streams else { return }
        self.state.withLock { $0.prepared[peer] = Set(streams) }
        self.change(peer, to: .established, isOutbound: isOutbound)
    }

    /// A peer is lost: it becomes `Disconnected`, and its prepared streams are gone.
    public func simulateDisconnect(
        _ peer: PeerID, error: GlueberryError? = nil, unwrittenMessages: [String: Int] = [:]
    ) {
        guard self.state(of: peer) != .disconnected else { return }
        self.state.withLock { $0.prepared[peer] = nil }
        self.change(peer, to: .disconnected, error: error, unwritten: unwrittenMessages)
    }

    /// A message arrives, whatever the state of its sender.
    public func simulateMessage(_ bytes: some Collection<UInt8>, from peer: PeerID, on stream: String) {
        self.simulateMessage(ByteBuffer(bytes: bytes), from: peer, on: stream)
    }

    /// A message arrives, whatever the state of its sender.
    public func simulateMessage(_ payload: ByteBuffer, from peer: PeerID, on stream: String) {
        let (message, source) = self.state.withLock { state in
            let message = Message(peer: peer, stream: stream, payload: payload, session: state.sessions[peer] ?? 0)
            return (message, Self.source(for: message, &state))
        }
        source.append(message)
    }

    /// A change of state happens, be it one that a node would make or not.
    public func simulateEvent(_ event: ConnectionEvent) {
        let (primary, subscribers, waiters) = self.state.withLock { state in
            state.states[event.peer] = event.state
            let reached = state.stateWaiters.filter { $0.peer == event.peer && $0.states.contains(event.state) }
            state.stateWaiters.removeAll { $0.peer == event.peer && $0.states.contains(event.state) }
            return (state.events, Array(state.subscribers.values), reached)
        }
        primary.append(event)
        for subscriber in subscribers
        where subscriber.peers?.contains(event.peer) ?? true && subscriber.states?.contains(event.state) ?? true {
            subscriber.source.append(event)
        }
        for waiter in waiters { waiter.reached.succeed() }
    }

    /// Calls of a method throw from now on, so many times or until ``stopFailing(_:)``.
    public func fail(_ method: Method, with error: GlueberryError, times: Int? = nil) {
        self.state.withLock { $0.failures[method] = Failure(error: error, remaining: times) }
    }

    /// Takes back ``fail(_:with:times:)``.
    public func stopFailing(_ method: Method) {
        self.state.withLock { $0.failures[method] = nil }
    }

    /// Leaves a peer alone: it is disconnected, and neither connects nor can be connected to.
    public func blacklist(_ peer: PeerID) {
        self.state.withLock { _ = $0.blacklist.insert(peer) }
        self.simulateDisconnect(peer)
    }

    /// Takes back ``blacklist(_:)``.
    public func unblacklist(_ peer: PeerID) {
        self.state.withLock { _ = $0.blacklist.remove(peer) }
    }

    // MARK: What the application did

    /// Whether the mock has been started and not stopped.
    public var isRunning: Bool { self.state.withLock { $0.isRunning } }

    /// Everything that was sent, in order; with a peer or a stream, only what went there.
    public func sentMessages(to peer: PeerID? = nil, on stream: String? = nil) -> [SentMessage] {
        self.state.withLock { Self.select($0.sent, peer, stream) }
    }

    /// Waits until so many messages have been sent, and returns all of them.
    ///
    /// - Throws: `CancellationError` when the calling task is cancelled, for example by the time limit of its test.
    public func waitForMessages(
        _ count: Int, to peer: PeerID? = nil, on stream: String? = nil
    ) async throws -> [SentMessage] {
        let arrived = Settlement<[SentMessage], CancellationError>()
        let there = self.state.withLock { state -> [SentMessage]? in
            let sent = Self.select(state.sent, peer, stream)
            if sent.count >= count { return sent }
            state.sentWaiters.removeAll { $0.arrived.isSettled }
            state.sentWaiters.append(SentWaiter(count: count, peer: peer, stream: stream, arrived: arrived))
            return nil
        }
        if let there { return there }
        let result = await withTaskCancellationHandler {
            await arrived.value()
        } onCancel: {
            arrived.fail(CancellationError())
        }
        return try result.get()
    }

    /// Forgets what was sent.
    public func forgetSentMessages() {
        self.state.withLock { $0.sent = [] }
    }

    /// The streams that are prepared with a peer.
    public func preparedStreams(with peer: PeerID) -> Set<String> { self.state.withLock { $0.prepared[peer] ?? [] } }

    /// What the application said of a peer; nil if it never added it.
    public func knownPeer(_ peer: PeerID) -> KnownPeer? { self.state.withLock { $0.known[peer] } }

    /// Whether a peer is blacklisted.
    public func isBlacklisted(_ peer: PeerID) -> Bool { self.state.withLock { $0.blacklist.contains(peer) } }

    /// How many subscriptions to events there are, besides `events()`.
    public var subscribers: Int { self.state.withLock { $0.subscribers.count } }

    /// How often a method was called, with or without success.
    public func calls(of method: Method) -> Int { self.state.withLock { $0.calls[method] ?? 0 } }

    // MARK: MessagingNode

    /// The peer ID of the identity.
    public var peerID: PeerID { self.identity.peerID }
    /// The public key of the identity.
    public var publicKey: PublicKey { self.identity.publicKey }
    /// The peers that were added.
    public var peers: [AddressBookEntry] {
        get async {
            self.state.withLock { state in
                state.known.filter { !state.blacklist.contains($0.key) }.map { peer, known in
                    AddressBookEntry(
                        peer: peer, addresses: known.addresses, metadata: known.metadata, createdAt: .distantPast,
                        updatedAt: .distantPast)
                }
            }
        }
    }

    /// Starts the mock.
    public func start() async throws(GlueberryError) {
        try self.called(.start)
        let isFirst = self.state.withLock { state in
            guard !state.isRunning else { return false }
            state.isRunning = true
            return true
        }
        guard isFirst else { throw GlueberryError(.alreadyStarted, "the node runs") }
    }

    /// Stops the mock: peers are disconnected and sequences end.
    public func stop() async {
        guard self.isRunning else { return }
        let error = GlueberryError(.stopped, "the node is stopping")
        for (peer, state) in self.state.withLock({ $0.states }) where state != .disconnected {
            self.simulateDisconnect(peer, error: error)
        }
        let (messages, events, subscribers, waiters) = self.state.withLock { state in
            state.isRunning = false
            let messages = Array(state.routes.values)
            let events = state.events
            let subscribers = Array(state.subscribers.values)
            let waiters = state.stateWaiters
            state.routes = [.all: MockSource()]
            state.events = MockSource()
            state.subscribers = [:]
            state.stateWaiters = []
            return (messages, events, subscribers, waiters)
        }
        for source in messages { source.finish() }
        events.finish()
        for subscriber in subscribers { subscriber.source.finish() }
        for waiter in waiters { waiter.reached.fail(error) }
    }

    /// Notes a peer.
    public func addPeer(
        _ peer: PeerID, addresses: [Multiaddr], metadata: [String: String]? = nil
    ) async throws(GlueberryError) {
        try self.called(.addPeer)
        self.state.withLock { state in
            let metadata = metadata ?? state.known[peer]?.metadata ?? [:]
            state.known[peer] = KnownPeer(addresses: addresses, metadata: metadata)
        }
    }

    /// Forgets a peer and disconnects it.
    public func removePeer(_ peer: PeerID) async {
        self.state.withLock { _ = $0.known.removeValue(forKey: peer) }
        self.simulateDisconnect(peer)
    }

    /// Waits until the test simulates the connection.
    public func connect(to peer: PeerID, timeout: Duration?) async throws(GlueberryError) {
        try self.called(.connect)
        try self.requireRunning()
        guard !self.isBlacklisted(peer) else {
            throw GlueberryError(.connectionFailed, "the peer is blacklisted", peer: peer)
        }
        guard self.knownPeer(peer) != nil else {
            throw GlueberryError(.peerUnknown, "nothing is known of the peer", peer: peer)
        }
        if self.state(of: peer) == .disconnected { self.change(peer, to: .connecting) }
        try await self.wait(for: peer, in: [.connected, .established])
    }

    /// Waits until the peer is `Established`.
    public func waitUntilEstablished(with peer: PeerID, timeout: Duration?) async throws(GlueberryError) {
        try self.called(.waitUntilEstablished)
        try self.requireRunning()
        try await self.wait(for: peer, in: [.established])
    }

    /// Disconnects a peer.
    public func disconnect(from peer: PeerID) async { self.simulateDisconnect(peer) }

    /// Where a peer stands.
    public func state(of peer: PeerID) -> ConnectionState { self.state.withLock { $0.states[peer] ?? .disconnected } }

    /// Notes streams with a connected peer.
    public func prepareStreams(
        with peer: PeerID, publicKey: PublicKey, named names: [String], in session: UInt64? = nil
    ) async throws(GlueberryError) {
        try self.called(.prepareStreams)
        try self.requireCurrent(session, with: peer)
        try self.prepare(peer, publicKey, names)
    }

    /// Makes a connected peer `Established`.
    public func finalizeHandshake(with peer: PeerID, in session: UInt64? = nil) async throws(GlueberryError) {
        try self.called(.finalizeHandshake)
        try self.requireCurrent(session, with: peer)
        try self.finalize(peer)
    }

    /// Notes streams and makes the peer `Established`.
    public func completeHandshake(
        with peer: PeerID, publicKey: PublicKey, streams: [String], in session: UInt64? = nil
    ) async throws(GlueberryError) {
        try self.called(.completeHandshake)
        try self.requireCurrent(session, with: peer)
        try self.prepare(peer, publicKey, streams)
        try self.finalize(peer)
    }

    /// Records a message, under the conditions under which a node would take it.
    public func send(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64? = nil, timeout: Duration?
    ) async throws(GlueberryError) {
        try self.requireCurrent(session, with: peer)
        try self.record(payload, to: peer, on: stream)
    }

    /// Records a message, under the conditions under which a node would take it.
    public func trySend(
        _ payload: ByteBuffer, to peer: PeerID, on stream: String, in session: UInt64? = nil
    ) throws(GlueberryError) {
        try self.requireCurrent(session, with: peer)
        try self.record(payload, to: peer, on: stream)
    }

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

    /// Claims the events of all peers.
    public func events() throws(GlueberryError) -> MockSequence<ConnectionEvent> {
        try self.called(.events)
        let source = self.state.withLock { $0.events }
        guard source.claim() else {
            throw GlueberryError(.alreadyClaimed, "another consumer reads events()")
        }
        return MockSequence(source: source, claim: MockClaim(source))
    }

    /// Subscribes to events from now on.
    public func subscribeToEvents(
        of peers: Set<PeerID>? = nil, in states: Set<ConnectionState>? = nil
    ) -> MockSequence<ConnectionEvent> {
        let source = MockSource<ConnectionEvent>()
        let id = ObjectIdentifier(source)
        self.state.withLock { $0.subscribers[id] = Subscriber(source: source, peers: peers, states: states) }
        let claim = MockClaim(source) { [weak self] in
            self?.state.withLock { _ = $0.subscribers.removeValue(forKey: id) }
        }
        return MockSequence(source: source, claim: claim)
    }

    // MARK: Within

    private func called(_ method: Method) throws(GlueberryError) {
        let error = self.state.withLock { state -> GlueberryError? in
            state.calls[method, default: 0] += 1
            guard var failure = state.failures[method] else { return nil }
            if let remaining = failure.remaining {
                guard remaining > 0 else { return nil }
                failure.remaining = remaining - 1
                state.failures[method] = failure
            }
            return failure.error
        }
        if let error { throw error }
    }

    private func requireRunning() throws(GlueberryError) {
        guard self.isRunning else { throw GlueberryError(.notStarted, "the node does not run") }
    }

    private func requireCurrent(_ session: UInt64?, with peer: PeerID) throws(GlueberryError) {
        guard let session, session != self.state.withLock({ $0.sessions[peer] ?? 0 }) else { return }
        throw GlueberryError(.staleSession, "the session \(session) is over", peer: peer)
    }

    private func change(
        _ peer: PeerID, to state: ConnectionState, isOutbound: Bool? = nil, error: GlueberryError? = nil,
        unwritten: [String: Int] = [:]
    ) {
        let (previous, session) = self.state.withLock { ($0.states[peer] ?? .disconnected, $0.sessions[peer] ?? 0) }
        self.simulateEvent(
            ConnectionEvent(
                peer: peer, state: state, previous: previous, session: session, isOutbound: isOutbound, error: error,
                unwrittenMessages: unwritten))
    }

    private func wait(for peer: PeerID, in states: Set<ConnectionState>) async throws(GlueberryError) {
        let reached = Settlement<Void, GlueberryError>()
        let isThere = self.state.withLock { state in
            if states.contains(state.states[peer] ?? .disconnected) { return true }
            state.stateWaiters.removeAll { $0.reached.isSettled }
            state.stateWaiters.append(StateWaiter(peer: peer, states: states, reached: reached))
            return false
        }
        guard !isThere else { return }
        let result = await withTaskCancellationHandler {
            await reached.value()
        } onCancel: {
            reached.fail(GlueberryError(.cancelled, "the task was cancelled", peer: peer))
        }
        try result.get()
    }

    private func prepare(_ peer: PeerID, _ key: PublicKey, _ names: [String]) throws(GlueberryError) {
        guard [.connected, .established].contains(self.state(of: peer)) else {
            throw GlueberryError(.notConnected, "there is no session with the peer", peer: peer)
        }
        guard PeerID(publicKey: key) == peer else {
            throw GlueberryError(
                .publicKeyMismatch, "the public key is not the one that the peer ID stands for", peer: peer)
        }
        self.state.withLock { $0.prepared[peer, default: []].formUnion(names) }
    }

    private func finalize(_ peer: PeerID) throws(GlueberryError) {
        switch self.state(of: peer) {
        case .established: return
        case .connected: break
        default: throw GlueberryError(.notConnected, "there is no session with the peer", peer: peer)
        }
        guard !self.preparedStreams(with: peer).isEmpty else {
            throw GlueberryError(.streamNotPrepared, "no stream is prepared", peer: peer)
        }
        self.change(peer, to: .established)
    }

    private func record(_ payload: ByteBuffer, to peer: PeerID, on stream: String) throws(GlueberryError) {
        try self.called(.send)
        try self.requireRunning()
        let state = self.state(of: peer)
        if stream == "handshake" {
            guard state == .connected || state == .established else {
                throw GlueberryError(.notConnected, "there is no session with the peer", peer: peer, stream: stream)
            }
        } else {
            guard state == .established else {
                throw GlueberryError(
                    state == .connected ? .notEstablished : .notConnected,
                    "the handshake with the peer is not complete",
                    peer: peer, stream: stream)
            }
            guard self.preparedStreams(with: peer).contains(stream) else {
                throw GlueberryError(
                    .streamNotPrepared, "the stream was not prepared for the peer", peer: peer, stream: stream)
            }
        }
        let ready = self.state.withLock { state -> [(SentWaiter, [SentMessage])] in
            state.sent.append(SentMessage(peer: peer, stream: stream, payload: payload))
            let sent = state.sent
            let ready = state.sentWaiters.map { ($0, Self.select(sent, $0.peer, $0.stream)) }
                .filter { $0.0.count <= $0.1.count }
            state.sentWaiters.removeAll { waiter in ready.contains { $0.0.arrived === waiter.arrived } }
            return ready
        }
        for (waiter, messages) in ready { waiter.arrived.succeed(messages) }
    }

    private static func select(_ sent: [SentMessage], _ peer: PeerID?, _ stream: String?) -> [SentMessage] {
        sent.filter { (peer == nil || $0.peer == peer) && (stream == nil || $0.stream == stream) }
    }

    private static func source(for message: Message, _ state: inout State) -> MockSource<Message> {
        if let source = state.routes[.stream(message.stream)] ?? state.routes[.peer(message.peer)]
            ?? state.routes[.all]
        {
            return source
        }
        let source = MockSource<Message>()
        state.routes[.all] = source
        return source
    }

    private func claim(_ route: Route) throws(GlueberryError) -> MockSequence<Message> {
        try self.called(.messages)
        let (source, others, streams) = self.state.withLock { state in
            let source = state.routes[route] ?? MockSource()
            state.routes[route] = source
            let streams = Set(state.routes.keys.compactMap { if case .stream(let name) = $0 { name } else { nil } })
            return (source, state.routes.filter { $0.key != route }.map(\.value), streams)
        }
        guard source.claim() else {
            throw GlueberryError(.alreadyClaimed, "another consumer reads these messages")
        }
        // What waited elsewhere and belongs to the new route moves into it.
        for other in others {
            let moved = other.remove { message in
                switch route {
                case .all: false
                case .stream(let name): message.stream == name
                case .peer(let peer): message.peer == peer && !streams.contains(message.stream)
                }
            }
            for message in moved { source.append(message) }
        }
        return MockSequence(source: source, claim: MockClaim(source))
    }
}
