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
import Glueberry
import LibP2P
import NIOCore
import PeerIdentity

/// What a mock knows, and what becomes of it: the rules are those by which a node's supervisor goes.
///
/// It is changed under a lock. What others are to be told is put into the outbox meanwhile, and told after.
struct MockState {
    typealias Waiter = Settlement<Void, GlueberryError>

    struct Session {
        let number: UInt64
        let isOutbound: Bool
        var streams: Set<String> = []
    }

    struct Peer {
        var state = ConnectionState.disconnected
        /// Whether the node is to be connected to it, and goes on trying.
        var isWanted = false
        var session: Session?
        var lastSession: UInt64 = 0
        var connecting: [Waiter] = []
        var establishing: [Waiter] = []
    }

    enum Route: Hashable {
        case all
        case stream(String)
        case peer(PeerID)
    }

    struct Subscriber {
        let source: MockSource<ConnectionEvent>
        let peers: Set<PeerID>?
        let states: Set<ConnectionState>?

        func wants(_ event: ConnectionEvent) -> Bool {
            self.peers?.contains(event.peer) ?? true && self.states?.contains(event.state) ?? true
        }
    }

    struct SentWaiter {
        let count: Int
        let peer: PeerID?
        let stream: String?
        let arrived: Settlement<[MockNode.SentMessage], CancellationError>
    }

    /// What consumers read in one run of the node.
    struct Sources {
        var routes: [Route: MockSource<Message>] = [.all: MockSource()]
        var claimed: Set<Route> = []
        var events = MockSource<ConnectionEvent>()
        var areEventsClaimed = false
        var subscribers: [ObjectIdentifier: Subscriber] = [:]
        var notices: [ObjectIdentifier: MockSource<NodeNotice>] = [:]
        var isFinished = false
    }

    let maximumMessageSize: Int
    let maximumPeers: Int
    let doesHandshake: Bool
    /// The time of the change that is made.
    var now = NIODeadline.uptimeNanoseconds(0)
    var timestamp = Timestamp.distantPast
    var outbox: Deque<@Sendable () -> Void> = []
    var isDelivering = false

    var isRunning = false
    var wasStarted = false
    var book = MockBook()
    var peers: [PeerID: Peer] = [:]
    /// The highest number of a session before the last stop.
    var lastSession: UInt64 = 0
    var sources = Sources()
    var sent: [MockNode.SentMessage] = []
    var sentWaiters: [SentWaiter] = []
    var roundTrip = Duration.zero
    var networkChanges = 0

    init(_ configuration: NodeConfiguration) {
        self.maximumMessageSize = configuration.maximumMessageSize
        self.maximumPeers = configuration.maximumPeers
        self.doesHandshake = if case .standard = configuration.handshake { true } else { false }
    }

    // MARK: The node

    /// Starts; false if it runs already.
    mutating func start() -> Bool {
        guard !self.isRunning else { return false }
        self.isRunning = true
        if self.wasStarted { self.sources = Sources() }
        self.wasStarted = true
        for peer in self.book.toDial(now: self.now) { self.want(peer) }
        return true
    }

    mutating func stop() {
        guard self.isRunning else { return }
        self.isRunning = false
        for peer in Array(self.peers.keys) {
            let error = GlueberryError(.stopped, "the node is stopping", peer: peer)
            self.end(peer, error)
            self.failWaiters(of: peer, error)
        }
        self.lastSession = self.peers.values.reduce(self.lastSession) { max($0, $1.lastSession) }
        self.peers = [:]
        self.sources.isFinished = true
        let sources = self.sources
        self.sources.subscribers = [:]
        self.sources.notices = [:]
        self.outbox.append {
            for source in sources.routes.values { source.finish() }
            sources.events.finish()
            for subscriber in sources.subscribers.values { subscriber.source.finish() }
            for source in sources.notices.values { source.finish() }
        }
    }

    func requireRunning() throws(GlueberryError) {
        guard self.isRunning else { throw GlueberryError(.notStarted, "the node does not run") }
    }

    // MARK: Connections

    func state(of peer: PeerID) -> ConnectionState { self.peers[peer]?.state ?? .disconnected }

    /// Has the node connect to a peer and stay connected.
    mutating func want(_ peer: PeerID) {
        self.peers[peer, default: Peer()].isWanted = true
        switch self.state(of: peer) {
        case .disconnected, .reconnecting: self.change(peer, to: .connecting)
        case .cooldown, .connecting, .connected, .established: break
        }
    }

    /// A peer was added: a node that runs begins to connect to it.
    mutating func added(_ peer: PeerID) {
        guard self.isRunning, let entry = self.book.entry(of: peer, now: self.now), !entry.isBlacklisted,
            !entry.addresses.isEmpty
        else { return }
        self.want(peer)
    }

    mutating func connect(_ peer: PeerID, _ waiter: Waiter) {
        if let error = self.refusal(of: peer) {
            self.settle(waiter, .failure(error))
        } else if self.book.entry(of: peer, now: self.now) == nil {
            self.settle(waiter, .failure(GlueberryError(.peerUnknown, "nothing is known of the peer", peer: peer)))
        } else if self.state(of: peer) == .cooldown {
            self.settle(
                waiter,
                .failure(GlueberryError(.inCooldown, "the peer is left alone for a while", peer: peer)))
        } else if self.peers[peer]?.session != nil {
            self.settle(waiter, .success(()))
        } else {
            self.peers[peer, default: Peer()].connecting.append(waiter)
            self.want(peer)
        }
    }

    mutating func awaitEstablished(_ peer: PeerID, _ waiter: Waiter) {
        if let error = self.refusal(of: peer) {
            self.settle(waiter, .failure(error))
        } else if self.state(of: peer) == .established {
            self.settle(waiter, .success(()))
        } else {
            self.peers[peer, default: Peer()].establishing.append(waiter)
        }
    }

    private func refusal(of peer: PeerID) -> GlueberryError? {
        // It may have been stopped since the caller looked.
        guard self.isRunning else { return GlueberryError(.stopped, "the node is stopping", peer: peer) }
        return self.book.refusal(of: peer, now: self.now)
    }

    /// A session begins, if there is none and the peer is welcome.
    mutating func begin(_ peer: PeerID, isOutbound: Bool?) {
        guard self.book.refusal(of: peer, now: self.now) == nil, self.peers[peer]?.session == nil,
            self.state(of: peer) != .cooldown
        else { return }
        let dialed = self.state(of: peer) == .connecting
        let number = max(self.peers[peer]?.lastSession ?? 0, self.lastSession) + 1
        self.peers[peer, default: Peer()].lastSession = number
        if self.state(of: peer) != .connecting { self.change(peer, to: .connecting) }
        self.peers[peer]?.session = Session(number: number, isOutbound: isOutbound ?? dialed)
        self.change(peer, to: .connected)
    }

    mutating func establish(_ peer: PeerID, streams: Set<String>) {
        guard self.state(of: peer) == .connected else { return }
        self.peers[peer]?.session?.streams.formUnion(streams)
        self.change(peer, to: .established)
    }

    /// Ends what there is with a peer; with `triesAgain` the next try is scheduled.
    mutating func end(
        _ peer: PeerID, _ error: GlueberryError, unwritten: [String: Int] = [:], triesAgain: Bool = false
    ) {
        guard self.state(of: peer) != .disconnected else {
            self.peers[peer]?.isWanted = false
            return
        }
        self.peers[peer]?.isWanted = triesAgain
        self.peers[peer]?.session = nil
        self.change(peer, to: .disconnected, error: error, unwritten: unwritten)
        if triesAgain { self.change(peer, to: .reconnecting) }
    }

    /// The handshake with a peer has failed.
    mutating func coolDown(_ peer: PeerID, _ error: GlueberryError) {
        guard self.state(of: peer) == .connected else { return }
        self.peers[peer]?.session = nil
        self.change(peer, to: .cooldown, error: error)
    }

    mutating func endCooldown(_ peer: PeerID) {
        guard self.state(of: peer) == .cooldown else { return }
        self.change(peer, to: .disconnected)
        if self.peers[peer]?.isWanted ?? false { self.change(peer, to: .reconnecting) }
    }

    mutating func cancelReconnection(of peer: PeerID) -> Bool {
        guard self.isRunning, self.peers[peer]?.isWanted ?? false else { return false }
        switch self.state(of: peer) {
        case .reconnecting:
            self.end(peer, GlueberryError(.notConnected, "no further tries are wanted", peer: peer))
        case .connecting, .cooldown: self.peers[peer]?.isWanted = false
        case .disconnected, .connected, .established: return false
        }
        return true
    }

    mutating func networkChanged() {
        guard self.isRunning else { return }
        self.networkChanges += 1
        for (peer, entry) in self.peers where entry.state == .reconnecting { self.change(peer, to: .connecting) }
    }

    /// Publishes a change of state that the test makes up, and takes it for true.
    mutating func simulate(_ event: ConnectionEvent) {
        let peer = event.peer
        if event.state == .connected || event.state == .established {
            let current = self.peers[peer]?.session
            self.peers[peer, default: Peer()].lastSession = event.session
            self.peers[peer]?.session = Session(
                number: event.session, isOutbound: event.isOutbound ?? current?.isOutbound ?? false,
                streams: current?.streams ?? [])
        } else {
            self.peers[peer]?.session = nil
        }
        self.publish(event)
    }

    private mutating func change(
        _ peer: PeerID, to state: ConnectionState, error: GlueberryError? = nil, unwritten: [String: Int] = [:]
    ) {
        let entry = self.peers[peer] ?? Peer()
        self.publish(
            ConnectionEvent(
                peer: peer, state: state, previous: entry.state, timestamp: self.timestamp,
                session: entry.lastSession, isOutbound: entry.session?.isOutbound, error: error,
                unwrittenMessages: unwritten))
    }

    private mutating func publish(_ event: ConnectionEvent) {
        let peer = event.peer
        let previous = self.state(of: peer)
        self.peers[peer, default: Peer()].state = event.state
        if previous == .established || event.state == .established { self.book.sighted(peer, at: self.timestamp) }
        let events = self.sources.events
        let subscribers = self.sources.subscribers.values.filter { $0.wants(event) }
        self.outbox.append {
            events.append(event)
            for subscriber in subscribers { subscriber.source.append(event) }
        }
        switch event.state {
        case .connected: self.settleConnecting(peer, .success(()))
        case .established:
            self.settleConnecting(peer, .success(()))
            self.settleEstablishing(peer, .success(()))
        case .disconnected, .cooldown:
            let failure = event.error ?? GlueberryError(.notConnected, "the peer is disconnected", peer: peer)
            if event.error != nil { self.settleConnecting(peer, .failure(failure)) }
            if event.state == .cooldown || !(self.peers[peer]?.isWanted ?? false) {
                self.settleEstablishing(peer, .failure(failure))
            }
        case .connecting, .reconnecting: break
        }
    }

    // MARK: Waiting

    mutating func failWaiters(of peer: PeerID, _ error: GlueberryError) {
        self.settleConnecting(peer, .failure(error))
        self.settleEstablishing(peer, .failure(error))
    }

    private mutating func settleConnecting(_ peer: PeerID, _ result: Result<Void, GlueberryError>) {
        for waiter in self.peers[peer]?.connecting ?? [] { self.settle(waiter, result) }
        self.peers[peer]?.connecting = []
    }

    private mutating func settleEstablishing(_ peer: PeerID, _ result: Result<Void, GlueberryError>) {
        for waiter in self.peers[peer]?.establishing ?? [] { self.settle(waiter, result) }
        self.peers[peer]?.establishing = []
    }

    private mutating func settle(_ waiter: Waiter, _ result: Result<Void, GlueberryError>) {
        self.outbox.append { waiter.settle(result) }
    }

    // MARK: The handshake

    mutating func prepare(
        _ peer: PeerID, _ key: PublicKey, _ names: [String], in wanted: UInt64?
    ) throws(GlueberryError) {
        try self.requireSession(with: peer, in: wanted)
        for name in names where !StreamName.isValid(name) || name == StreamName.handshake {
            throw GlueberryError(
                .invalidStreamName, "a stream name has 1 to 64 letters, digits, - or _, and is not \"handshake\"",
                peer: peer)
        }
        guard PeerID(publicKey: key) == peer else {
            throw GlueberryError(
                .publicKeyMismatch, "the public key is not the one that the peer ID stands for", peer: peer)
        }
        self.peers[peer]?.session?.streams.formUnion(names)
    }

    mutating func finalize(_ peer: PeerID, in wanted: UInt64?) throws(GlueberryError) {
        let session = try self.requireSession(with: peer, in: wanted)
        guard !session.streams.isEmpty else {
            throw GlueberryError(.streamNotPrepared, "no stream is prepared", peer: peer)
        }
        self.establish(peer, streams: [])
    }

    @discardableResult
    private func requireSession(
        with peer: PeerID, in wanted: UInt64?, stream: String? = nil
    ) throws(GlueberryError) -> Session {
        try self.requireRunning()
        let session = self.peers[peer]?.session
        if let wanted, wanted != session?.number {
            throw GlueberryError(
                .staleSession, "session \(wanted) with the peer is over", peer: peer, stream: stream)
        }
        guard let session else {
            throw GlueberryError(.notConnected, "there is no session with the peer", peer: peer, stream: stream)
        }
        return session
    }

    // MARK: Messages

    /// Whether a node would have the stream.
    func requireStream(_ stream: String, with peer: PeerID, in wanted: UInt64?) throws(GlueberryError) {
        let session = try self.requireSession(with: peer, in: wanted, stream: stream)
        if stream == StreamName.handshake {
            guard !self.doesHandshake else {
                throw GlueberryError(
                    .invalidStreamName, "the ready-made handshake has the stream to itself", peer: peer, stream: stream)
            }
            return
        }
        guard self.state(of: peer) == .established else {
            throw GlueberryError(
                .notEstablished, "the handshake with the peer is not complete", peer: peer, stream: stream)
        }
        guard session.streams.contains(stream) else {
            throw GlueberryError(
                .streamNotPrepared, "the stream was not prepared for the peer", peer: peer, stream: stream)
        }
    }

    mutating func record(_ payload: ByteBuffer, to peer: PeerID, on stream: String) throws(GlueberryError) {
        guard payload.readableBytes <= self.maximumMessageSize else {
            throw GlueberryError(
                .messageTooLarge,
                "a message of \(payload.readableBytes) bytes exceeds the maximum of \(self.maximumMessageSize)",
                peer: peer, stream: stream)
        }
        self.sent.append(MockNode.SentMessage(peer: peer, stream: stream, payload: payload))
        var waiting: [SentWaiter] = []
        for waiter in self.sentWaiters where !waiter.arrived.isSettled {
            let messages = self.sentMessages(to: waiter.peer, on: waiter.stream)
            if messages.count < waiter.count {
                waiting.append(waiter)
            } else {
                self.outbox.append { waiter.arrived.succeed(messages) }
            }
        }
        self.sentWaiters = waiting
    }

    func sentMessages(to peer: PeerID?, on stream: String?) -> [MockNode.SentMessage] {
        self.sent.filter { (peer == nil || $0.peer == peer) && (stream == nil || $0.stream == stream) }
    }

    /// The peers that a broadcast on a stream goes to.
    func receivers(on stream: String) throws(GlueberryError) -> [PeerID] {
        guard StreamName.isValid(stream), stream != StreamName.handshake else {
            throw GlueberryError(.invalidStreamName, "there is no broadcast on a stream of this name")
        }
        try self.requireRunning()
        return self.peers.filter { _, entry in
            entry.state == .established && entry.session?.streams.contains(stream) ?? false
        }.map(\.key)
    }

    mutating func receive(_ payload: ByteBuffer, from peer: PeerID, on stream: String) {
        let message = Message(
            peer: peer, stream: stream, payload: payload, session: self.peers[peer]?.lastSession ?? 0)
        let source = self.source(for: message)
        self.outbox.append { source.append(message) }
    }

    func source(for message: Message) -> MockSource<Message> {
        let routes = self.sources.routes
        return routes[.stream(message.stream)] ?? routes[.peer(message.peer)] ?? routes[.all] ?? MockSource()
    }

    /// Makes the caller the one consumer of a route, and moves what belongs to it there; nil if there is one.
    mutating func claim(_ route: Route) -> MockSource<Message>? {
        guard self.sources.claimed.insert(route).inserted else { return nil }
        let source = self.sources.routes[route] ?? MockSource()
        self.sources.routes[route] = source
        let others = self.sources.routes.filter { $0.key != route }.map(\.value)
        let streams = Set(
            self.sources.routes.keys.compactMap { if case .stream(let name) = $0 { name } else { nil } })
        let isFinished = self.sources.isFinished
        self.outbox.append {
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
            if isFinished { source.finish() }
        }
        return source
    }

    /// Ends a consumer of a route; `requeue` gets what it left, unless it waits for the next one there.
    mutating func release(
        _ route: Route, _ source: MockSource<Message>, _ requeue: @escaping @Sendable ([Message]) -> Void
    ) {
        guard self.sources.routes[route] === source else { return }
        self.sources.claimed.remove(route)
        guard route != .all else { return }
        self.sources.routes[route] = nil
        self.outbox.append { requeue(source.remove()) }
    }
}
