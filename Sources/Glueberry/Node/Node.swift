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

package import LibP2P
public import Logging
public import Multiformats
public import NIOCore
import NIOPosix
public import PeerIdentity

/// A node: it keeps sessions with peers and carries encrypted messages over named streams.
///
/// Every method is safe to call from any number of tasks. A node does nothing until ``start()`` and ends everything it
/// began in ``stop()``; it can be started again.
public final class Node: Sendable {
    private enum Status {
        case idle
        case starting(Settled)
        case running(NodeRun)
        case stopping(Settled)
    }

    /// Many may wait for one end.
    private final class Settled: Sendable {
        private let state = Locked((isDone: false, waiters: [Settlement<Void, Never>]()))

        func wait() async {
            let waiter = Settlement<Void, Never>()
            let isDone = self.state.withLock { state in
                if !state.isDone { state.waiters.append(waiter) }
                return state.isDone
            }
            if !isDone { _ = await waiter.value() }
        }

        func done() {
            let waiters = self.state.withLock { state in
                state.isDone = true
                defer { state.waiters = [] }
                return state.waiters
            }
            for waiter in waiters { waiter.succeed() }
        }
    }

    private struct Hubs {
        var messages: MessageHub
        var events: EventHub
        var isUsed = false
    }

    /// Whose node it is.
    public let identity: Identity
    /// What the node was created with.
    public let configuration: NodeConfiguration
    private let listen: [Multiaddr]
    private let group: any EventLoopGroup
    private let transports: [any Transport]?
    private let logger: Logger
    private let status = Locked(Status.idle)
    private let hubs: Locked<Hubs>
    private let book = Locked<[PeerID: KnownPeer]>([:])

    private struct KnownPeer {
        var addresses: [Multiaddr]
        var metadata: [String: String]
    }

    /// Creates a node.
    ///
    /// - Parameters:
    ///   - identity: Whose node it is.
    ///   - listen: The addresses to listen on, for example `/ip4/0.0.0.0/tcp/9000`; none only dials.
    ///   - configuration: Times, sizes and the handshake.
    ///   - eventLoopGroup: Where connections run; by default the process's shared group.
    ///   - logger: Where to log; by default a logger labelled `glueberry.node`.
    /// - Throws: ``GlueberryError`` with code `configurationInvalid`, which names every bad field.
    public convenience init(
        identity: Identity, listen: [Multiaddr] = [], configuration: NodeConfiguration = NodeConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil, logger: Logger? = nil
    ) throws(GlueberryError) {
        try self.init(
            identity: identity, listen: listen, configuration: configuration,
            eventLoopGroup: eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton, transports: nil, logger: logger)
    }

    /// Creates a node that listens on addresses given as text.
    ///
    /// - Throws: ``GlueberryError`` with code `configurationInvalid`, also for an address that does not parse.
    public convenience init(
        identity: Identity, listen: [String], configuration: NodeConfiguration = NodeConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil, logger: Logger? = nil
    ) throws(GlueberryError) {
        var addresses: [Multiaddr] = []
        for text in listen {
            do {
                addresses.append(try Multiaddr(text))
            } catch {
                throw GlueberryError(.configurationInvalid, "a listen address is malformed", cause: error)
            }
        }
        try self.init(
            identity: identity, listen: addresses, configuration: configuration, eventLoopGroup: eventLoopGroup,
            logger: logger)
    }

    package init(
        identity: Identity, listen: [Multiaddr], configuration: NodeConfiguration,
        eventLoopGroup: any EventLoopGroup, transports: [any Transport]?, logger: Logger?
    ) throws(GlueberryError) {
        let problems = configuration.problems()
        guard problems.isEmpty else {
            throw GlueberryError(.configurationInvalid, problems.joined(separator: "; "))
        }
        self.identity = identity
        self.listen = listen
        self.configuration = configuration
        self.group = eventLoopGroup
        self.transports = transports
        self.logger = logger ?? Logger(label: "glueberry.node")
        self.hubs = Locked(Self.makeHubs(configuration))
    }

    private static func makeHubs(_ configuration: NodeConfiguration) -> Hubs {
        Hubs(
            messages: MessageHub(
                limits: .init(
                    messages: configuration.receiveBufferMessages, bytes: configuration.receiveBufferBytes)),
            events: EventHub(capacity: configuration.eventBuffer))
    }

    // MARK: Identity and addresses

    /// The version of the protocol that the node speaks with its peers.
    public static let protocolVersion = "1.2.9"

    /// The node's peer ID.
    public var peerID: PeerID { self.identity.peerID }

    /// The node's public key.
    public var publicKey: PublicKey { self.identity.publicKey }

    /// The addresses that the node listens on, with real ports and `/p2p/ID`; empty unless it runs.
    public var listenAddresses: [Multiaddr] {
        (self.running?.host.listenAddresses ?? []).map { $0.appending(peer: self.peerID.bytes) }
    }

    /// The addresses that the node tells others: wildcards expanded to interfaces, and the announced ones.
    public var advertisedAddresses: [Multiaddr] {
        (self.running?.host.advertisedAddresses ?? []).map { $0.appending(peer: self.peerID.bytes) }
    }

    // MARK: Life

    /// Starts the node: listens, and dials the peers that were added.
    ///
    /// - Throws: ``GlueberryError`` with code `alreadyStarted`, or `hostFailed` if an address cannot be listened on, in
    ///   which case nothing is left running.
    public func start() async throws(GlueberryError) {
        let settled = Settled()
        defer { settled.done() }
        let isFirst = self.status.withLock { status in
            guard case .idle = status else { return false }
            status = .starting(settled)
            return true
        }
        guard isFirst else { throw GlueberryError(.alreadyStarted, "the node runs, or is about to") }
        let (messages, events) = self.hubs.withLock { hubs in
            // After a stop, consumers of the new run begin anew; those of the old one got their end.
            if hubs.isUsed { hubs = Self.makeHubs(self.configuration) }
            hubs.isUsed = true
            return (hubs.messages, hubs.events)
        }
        let run = NodeRun(
            identity: self.identity, configuration: self.configuration, group: self.group,
            transports: self.transports, messages: messages, events: events, logger: self.logger)
        do {
            try await run.host.listen(on: self.listen)
        } catch {
            await run.stop()
            self.status.withLock { $0 = .idle }
            throw GlueberryError(.hostFailed, "the node cannot listen", cause: error)
        }
        self.status.withLock { $0 = .running(run) }
        for peer in self.peers {
            await run.control { supervisor in
                // It may have been removed meanwhile.
                guard let known = self.book.withLock({ $0[peer] }) else { return }
                supervisor.add(peer, addresses: known.addresses)
            }
        }
        self.logger.info(
            "node started", metadata: ["peer": "\(self.peerID)", "addresses": "\(self.listenAddresses)"])
    }

    /// Stops the node: flushes what was accepted, within `flushTimeout`, closes every connection, ends every task and
    /// timer, and returns when all that is done.
    ///
    /// What was received can still be read from `messages()`; then the sequences end. Stopping twice, or before a
    /// start, is harmless.
    public func stop() async {
        enum Step {
            case none
            case wait(Settled)
            case waitAndTryAgain(Settled)
            case stop(NodeRun)
        }
        let settled = Settled()
        let step = self.status.withLock { status -> Step in
            switch status {
            case .idle: return .none
            case .starting(let started): return .waitAndTryAgain(started)
            case .stopping(let stopped): return .wait(stopped)
            case .running(let run):
                status = .stopping(settled)
                return .stop(run)
            }
        }
        let run: NodeRun
        switch step {
        case .none: return
        case .wait(let stopped):
            await stopped.wait()
            return
        case .waitAndTryAgain(let started):
            await started.wait()
            await self.stop()
            return
        case .stop(let running): run = running
        }
        await run.stop()
        self.status.withLock { $0 = .idle }
        settled.done()
        self.logger.info("node stopped", metadata: ["peer": "\(self.peerID)"])
    }

    /// Tells the node that the network has changed: it probes its connections and redials at once whom it waits for.
    public func networkChanged() async {
        await self.running?.control { $0.networkChanged() }
    }

    // MARK: Peers

    /// Adds a peer, or replaces what is known of it.
    ///
    /// A running node dials it and keeps connected to it.
    ///
    /// - Throws: ``GlueberryError`` with code `metadataTooLarge` over 4,096 bytes of metadata.
    public func addPeer(
        _ peer: PeerID, addresses: [Multiaddr], metadata: [String: String] = [:]
    ) async throws(GlueberryError) {
        let size = metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard size <= 4096 else {
            throw GlueberryError(.metadataTooLarge, "\(size) bytes of metadata exceed 4096", peer: peer)
        }
        let addresses = addresses.map(\.withoutPeer)
        self.book.withLock { $0[peer] = KnownPeer(addresses: addresses, metadata: metadata) }
        await self.running?.control { $0.add(peer, addresses: addresses) }
    }

    /// Forgets a peer: disconnects it and makes no further tries.
    public func removePeer(_ peer: PeerID) async {
        self.book.withLock { _ = $0.removeValue(forKey: peer) }
        await self.running?.control { $0.remove(peer) }
    }

    /// The peers that were added.
    public var peers: [PeerID] { self.book.withLock { Array($0.keys) } }

    // MARK: Connections

    /// Connects to a peer that was added before; returns when it is `Connected`.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - timeout: The longest wait; nil waits until the try that runs has ended. The node goes on trying after it.
    /// - Throws: ``GlueberryError`` with code `peerUnknown`, `connectionFailed` with every address in its cause,
    ///   `timedOut`, `cancelled`, `notStarted`.
    public func connect(to peer: PeerID, timeout: Duration? = nil) async throws(GlueberryError) {
        let run = try self.requireRunning()
        try await self.await(run, "connecting", peer: peer, timeout: timeout) { $0.connect(peer, waiter: $1) }
    }

    /// Connects to an address that ends in `/p2p/ID`: adds the peer, and returns its ID when it is `Connected`.
    ///
    /// - Throws: As ``connect(to:timeout:)-(PeerID,_)``, and `configurationInvalid` if the address names no peer.
    @discardableResult
    public func connect(to address: Multiaddr, timeout: Duration? = nil) async throws(GlueberryError) -> PeerID {
        guard let bytes = address.peer, let peer = try? PeerID(bytes: bytes) else {
            throw GlueberryError(
                .configurationInvalid, "the address \(address) names no peer", hint: "it must end in /p2p/ID")
        }
        let run = try self.requireRunning()
        self.book.withLock { book in
            var known = book[peer] ?? KnownPeer(addresses: [], metadata: [:])
            known.addresses.removeAll { $0 == address.withoutPeer }
            known.addresses.insert(address.withoutPeer, at: 0)
            book[peer] = known
        }
        let addresses = self.book.withLock { $0[peer]?.addresses ?? [] }
        await run.control { $0.add(peer, addresses: addresses) }
        try await self.connect(to: peer, timeout: timeout)
        return peer
    }

    /// Waits until the handshake with a peer is complete.
    ///
    /// - Throws: ``GlueberryError`` with why it will not be, `timedOut`, `cancelled` or `notStarted`.
    public func waitUntilEstablished(with peer: PeerID, timeout: Duration? = nil) async throws(GlueberryError) {
        let run = try self.requireRunning()
        try await self.await(run, "waiting for the handshake", peer: peer, timeout: timeout) {
            $0.awaitEstablished(peer, waiter: $1)
        }
    }

    /// Disconnects a peer after flushing what was accepted, within `flushTimeout`, and makes no further tries by itself.
    public func disconnect(from peer: PeerID) async {
        guard let run = self.running else { return }
        await run.directory.session(with: peer)?.settle(timeout: TimeAmount(self.configuration.flushTimeout))
        await run.control { $0.disconnect(peer) }
    }

    /// Where a peer stands.
    public func state(of peer: PeerID) -> ConnectionState { self.running?.directory.state(of: peer) ?? .disconnected }

    /// Whether this side dialled the session with a peer; nil if there is none.
    public func isOutbound(_ peer: PeerID) -> Bool? { self.running?.directory.session(with: peer)?.isOutbound }

    /// Measures a round trip to a connected peer with libp2p's ping protocol.
    ///
    /// - Throws: ``GlueberryError`` with code `notConnected`, or `hostFailed` with the cause.
    public func ping(_ peer: PeerID, timeout: Duration = .seconds(10)) async throws(GlueberryError) -> Duration {
        let run = try self.requireRunning()
        guard let connection = run.host.connections(to: peer).first else {
            throw GlueberryError(.notConnected, "there is no connection to the peer", peer: peer)
        }
        do {
            return .nanoseconds(try await connection.ping(timeout: TimeAmount(timeout)).nanoseconds)
        } catch {
            throw GlueberryError(.hostFailed, "the ping failed", peer: peer, cause: error)
        }
    }

    // MARK: Handshake

    /// Prepares encrypted streams with a connected peer: derives the key and takes streams of these names.
    ///
    /// - Throws: ``GlueberryError`` with code `publicKeyMismatch` if the key is not the one in the peer ID,
    ///   `invalidStreamName`, `notConnected`.
    public func prepareStreams(
        with peer: PeerID, publicKey: PublicKey, named names: [String]
    ) async throws(GlueberryError) {
        try await self.requireRunning().control { $0.prepare(peer, publicKey: publicKey, names: names) }.get()
    }

    /// Completes the handshake on this side: the peer becomes `Established` and messages flow.
    ///
    /// - Throws: ``GlueberryError`` with code `streamNotPrepared` or `notConnected`.
    public func finalizeHandshake(with peer: PeerID) async throws(GlueberryError) {
        try await self.requireRunning().control { $0.finalize(peer) }.get()
    }

    /// Prepares streams and completes the handshake in one step.
    ///
    /// - Throws: As ``prepareStreams(with:publicKey:named:)`` and ``finalizeHandshake(with:)``.
    public func completeHandshake(
        with peer: PeerID, publicKey: PublicKey, streams: [String]
    ) async throws(GlueberryError) {
        try await self.requireRunning().control { supervisor in
            supervisor.prepare(peer, publicKey: publicKey, names: streams).flatMap { supervisor.finalize(peer) }
        }.get()
    }

    // MARK: Messages

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
        let channel = try self.channel(stream, with: peer)
        try await channel.send(payload, timeout: TimeAmount(timeout ?? self.configuration.sendTimeout))
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
        try self.channel(stream, with: peer).trySend(payload)
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

    // MARK: Events

    /// Claims the events of all peers, from the first on; for one consumer.
    ///
    /// - Throws: ``GlueberryError`` with code `alreadyClaimed` while there is another.
    public func events() throws(GlueberryError) -> EventSequence {
        guard let claim = EventSequence.Claim(self.hubs.withLock { $0.events.primary }) else {
            throw GlueberryError(.alreadyClaimed, "another consumer reads events()", hint: "use events(for:in:)")
        }
        return EventSequence(claim: claim)
    }

    /// Subscribes to events from now on; there can be any number of subscriptions.
    ///
    /// - Parameters:
    ///   - peers: Whose events; nil takes everybody's.
    ///   - states: Which states; nil takes all.
    /// - Returns: The subscription; it ends when it is let go of.
    public func events(
        for peers: Set<PeerID>? = nil, in states: Set<ConnectionState>? = nil
    ) -> EventSubscription {
        EventSubscription(peers: peers, states: states, hub: self.hubs.withLock { $0.events })
    }

    // MARK: Within

    var running: NodeRun? {
        self.status.withLock { if case .running(let run) = $0 { run } else { nil } }
    }

    private func requireRunning() throws(GlueberryError) -> NodeRun {
        guard let run = self.running else {
            throw GlueberryError(.notStarted, "the node does not run", hint: "call start() first")
        }
        return run
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

    private func `await`(
        _ run: NodeRun, _ what: String, peer: PeerID, timeout: Duration?,
        _ start: @escaping @Sendable (PeerSupervisor, Settlement<Void, GlueberryError>) -> Void
    ) async throws(GlueberryError) {
        try await run.eventLoop.await(
            timeout: timeout.map { TimeAmount($0) },
            ended: { code -> GlueberryError in
                code == .timedOut
                    ? GlueberryError(.timedOut, "\(what): not done in time", peer: peer)
                    : GlueberryError(.cancelled, "\(what): the task was cancelled", peer: peer)
            },
            start: { (settlement: Settlement<Void, GlueberryError>) in
                run.execute { start($0, settlement) }
            })
    }
}
