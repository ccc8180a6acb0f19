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
import LibP2P
import Logging
import Multiformats
import NIOCore
import PeerIdentity
import Tracing

/// The driver of all peers' lives; confined to the node's control loop.
///
/// Whatever happens to a peer comes here, in order: calls of the application, connections of the host, timers. The
/// ``PeerLifecycle`` of the peer says what is to be done, and this does it. Sending and receiving messages do not pass
/// through here.
final class PeerSupervisor {
    private final class Entry {
        let peer: PeerID
        var lifecycle: PeerLifecycle
        var addresses: [Multiaddr] = []
        var isInBook = false
        var connections: [Connection] = []
        var session: PeerSession?
        var dial: DialHandle?
        var dialed: Connection?
        var timer: Scheduled<Void>?
        var timerDeadline: NIODeadline?
        var key: PairKey?
        var handshake: StandardHandshakeRun?
        var verification: Task<Void, Never>?
        var publishedState = ConnectionState.disconnected
        var connectWaiters: [Settlement<Void, GlueberryError>] = []
        var establishedWaiters: [Settlement<Void, GlueberryError>] = []
        /// What begins the next session: whether this side opens its handshake stream, and on which connections it runs.
        var beginning: (isOutbound: Bool, connections: [Connection]) = (true, [])
        var pendingStream: NIOLoopBound<FrameStream>?
        var history = ConnectionHistory()
        var spans: PeerSpans
        /// When the dial and the handshake that run began.
        var dialBegan: NIODeadline?
        var handshakeBegan: NIODeadline?

        init(peer: PeerID, settings: PeerLifecycle.Settings, floor: UInt64, tracing: NodeTracing?) {
            self.peer = peer
            self.spans = PeerSpans(tracing, peer: peer)
            self.lifecycle = PeerLifecycle(settings: settings, floor: floor)
        }
    }

    private let eventLoop: any EventLoop
    private let host: Host
    private let identity: Identity
    private let configuration: NodeConfiguration
    private let directory: PeerDirectory
    private let messages: MessageHub
    private let events: EventHub
    private let book: PeerBook
    private let tasks: OwnedTasks
    private let counters: RefusalCounters
    private let instruments: NodeInstruments
    private let notices: NoticePublisher
    private let nonces = NonceSource()
    private let logger: Logger
    private let settings: PeerLifecycle.Settings
    private var entries: [PeerID: Entry] = [:]
    private var dials: DialQueue
    /// Peers of the book that nothing has been done about since the start.
    private var prospects: Deque<PeerID> = []
    private var isDialingScheduled = false
    /// The highest number of a session of a peer that is not remembered any more.
    private var forgottenGeneration: UInt64 = 0
    private var isStopping = false
    /// Of connections that others opened: when each is closed if it still carries no session.
    private var trims: [UInt64: Scheduled<Void>] = [:]
    /// A connection that was made so short after a session began was dialled without knowledge of it.
    private static let simultaneity = TimeAmount.seconds(1)
    private static let sweepInterval = TimeAmount.hours(1)
    private var sweep: Scheduled<Void>?

    init(
        eventLoop: any EventLoop, host: Host, identity: Identity, configuration: NodeConfiguration,
        directory: PeerDirectory, messages: MessageHub, events: EventHub, book: PeerBook, tasks: OwnedTasks,
        counters: RefusalCounters, notices: NoticePublisher, instruments: NodeInstruments, logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.host = host
        self.identity = identity
        self.configuration = configuration
        self.directory = directory
        self.messages = messages
        self.events = events
        self.book = book
        self.dials = DialQueue(limit: configuration.maximumDials)
        self.tasks = tasks
        self.counters = counters
        self.instruments = instruments
        self.notices = notices
        self.logger = logger
        self.settings = PeerLifecycle.Settings(
            handshakeTimeout: TimeAmount(configuration.handshakeTimeout),
            cooldown: TimeAmount(configuration.cooldown),
            backoff: Backoff(
                base: TimeAmount(configuration.reconnectBase), maximum: TimeAmount(configuration.reconnectMaximum),
                attempts: configuration.reconnectAttempts))
        self.scheduleSweep()
    }

    // MARK: The application

    func add(_ peer: PeerID, addresses: [Multiaddr], caller: ServiceContext? = nil) {
        let entry = self.entry(peer)
        entry.spans.connecting(for: caller)
        entry.addresses = addresses
        entry.isInBook = true
        guard !addresses.isEmpty, !self.isStopping, self.book.refusal(of: peer) == nil else { return }
        self.perform(entry.lifecycle.connect(), on: entry)
    }

    func remove(_ peer: PeerID) {
        guard let entry = self.entries[peer] else { return }
        entry.isInBook = false
        entry.addresses = []
        self.disconnect(peer)
    }

    func connect(_ peer: PeerID, waiter: Settlement<Void, GlueberryError>, caller: ServiceContext? = nil) {
        guard !self.isStopping else {
            waiter.fail(GlueberryError(.stopped, "the node is stopping", peer: peer))
            return
        }
        if let refusal = self.book.refusal(of: peer) {
            waiter.fail(refusal)
            return
        }
        guard let entry = self.entryInBook(peer) else {
            waiter.fail(
                GlueberryError(
                    .peerUnknown, "nothing is known of the peer", hint: "add it with its addresses", peer: peer))
            return
        }
        switch entry.lifecycle.state {
        case .connected, .established: waiter.succeed()
        default:
            entry.connectWaiters.removeAll { $0.isSettled }
            entry.connectWaiters.append(waiter)
            entry.spans.connecting(for: caller)
            self.dials.promote(peer)
            self.perform(entry.lifecycle.connect(), on: entry)
        }
    }

    func awaitEstablished(_ peer: PeerID, waiter: Settlement<Void, GlueberryError>) {
        guard !self.isStopping else {
            waiter.fail(GlueberryError(.stopped, "the node is stopping", peer: peer))
            return
        }
        if let refusal = self.book.refusal(of: peer) {
            waiter.fail(refusal)
            return
        }
        let entry = self.entry(peer)
        if case .established = entry.lifecycle.state {
            waiter.succeed()
        } else {
            entry.establishedWaiters.removeAll { $0.isSettled }
            entry.establishedWaiters.append(waiter)
        }
    }

    func disconnect(_ peer: PeerID) {
        guard let entry = self.entries[peer] else { return }
        self.perform(entry.lifecycle.disconnect(code: ConnectionErrorCode.none), on: entry)
        self.forgetIfUnused(entry)
    }

    /// Ends the tries that are scheduled; returns whether there were any.
    func cancelReconnection(of peer: PeerID) -> Bool {
        guard let entry = self.entries[peer], entry.lifecycle.isWanted else { return false }
        switch entry.lifecycle.state {
        case .reconnecting, .connecting, .cooldown: break
        case .disconnected, .connected, .established: return false
        }
        self.perform(entry.lifecycle.cancelReconnection(), on: entry)
        return true
    }

    /// What is known of a peer and of the tries to reach it; nil if nothing is.
    func explain(_ peer: PeerID) -> ConnectionExplanation? {
        guard let entry = self.entries[peer] else { return nil }
        let now = self.eventLoop.now
        var explanation = ConnectionExplanation(peer: peer)
        explanation.state = entry.lifecycle.state
        explanation.isKnown = entry.isInBook
        explanation.isWanted = entry.lifecycle.isWanted
        explanation.addresses = entry.addresses
        explanation.connections = entry.connections.count { !$0.isClosed }
        explanation.failures = entry.lifecycle.failures
        explanation.reconnections = entry.lifecycle.reconnections
        explanation.maximumReconnections = self.configuration.reconnectAttempts
        let left = entry.lifecycle.deadline.map { Duration(max($0 - now, .zero)) }
        switch entry.lifecycle.state {
        case .reconnecting: explanation.nextTry = left
        case .cooldown: explanation.cooldown = left
        case .connected: explanation.handshakeTimeLeft = left
        case .disconnected, .connecting, .established: break
        }
        entry.history.explain(into: &explanation, now: now)
        return explanation
    }

    func prepare(
        _ peer: PeerID, publicKey: PublicKey, names: [String], in wanted: UInt64? = nil
    ) -> Result<Void, GlueberryError> {
        let (entry, session): (Entry, PeerSession)
        switch self.session(with: peer, in: wanted) {
        case .success(let found): (entry, session) = found
        case .failure(let error): return .failure(error)
        }
        for name in names where !StreamName.isValid(name) || name == StreamName.handshake {
            return .failure(
                GlueberryError(
                    .invalidStreamName, "a stream name has 1 to 64 letters, digits, - or _, and is not \"handshake\"",
                    peer: peer))
        }
        guard PeerID(publicKey: publicKey) == peer else {
            self.logger.warning(
                "public key refused: it is not the one that the peer ID stands for", metadata: ["peer": "\(peer)"])
            return .failure(
                GlueberryError(
                    .publicKeyMismatch, "the public key is not the one that the peer ID stands for", peer: peer))
        }
        do {
            let key = try self.pairKey(entry, publicKey)
            let setup = entry.spans.step(.streamSetup)
            defer { setup?.end() }
            for name in names where session.channel(name) == nil {
                let inbound = self.inbound(name, of: session, isGated: true)
                session.add(self.channel(name, of: session, key: key, inbound: inbound))
            }
        } catch {
            return .failure(
                GlueberryError(
                    .publicKeyMismatch, "no key can be agreed on with the peer's public key", peer: peer, cause: error))
        }
        self.host.protocolsChanged()
        return .success(())
    }

    private func pairKey(_ entry: Entry, _ publicKey: PublicKey) throws(PairKeyError) -> PairKey {
        let span = entry.spans.step(.keyDerivation)
        do throws(PairKeyError) {
            let cached = entry.key
            let key: PairKey
            if let cached { key = cached } else { key = try PairKey(local: self.identity, remote: publicKey) }
            self.instruments.keyDerived(isCached: cached != nil)
            entry.key = key
            span?.end()
            return key
        } catch {
            span?.fail(error)
            self.logger.warning(
                "public key refused: no key can be agreed on",
                metadata: ["peer": "\(entry.peer)", "reason": "\(error)"])
            throw error
        }
    }

    func finalize(_ peer: PeerID, in wanted: UInt64? = nil) -> Result<Void, GlueberryError> {
        let (entry, session): (Entry, PeerSession)
        switch self.session(with: peer, in: wanted) {
        case .success(let found): (entry, session) = found
        case .failure(let error): return .failure(error)
        }
        guard !session.preparedNames.isEmpty else {
            return .failure(
                GlueberryError(
                    .streamNotPrepared, "no stream is prepared", hint: "call prepareStreams first", peer: peer))
        }
        self.perform(entry.lifecycle.finalized(generation: session.generation, now: self.eventLoop.now), on: entry)
        return .success(())
    }

    /// The session with a peer, which is the wanted one if one is named.
    private func session(
        with peer: PeerID, in wanted: UInt64?
    ) -> Result<(Entry, PeerSession), GlueberryError> {
        guard let entry = self.entries[peer], let session = entry.session else {
            return .failure(
                wanted.map { .staleSession($0, peer: peer) }
                    ?? GlueberryError(.notConnected, "there is no session with the peer", peer: peer))
        }
        guard wanted == nil || wanted == session.generation else {
            return .failure(.staleSession(wanted ?? 0, current: session.generation, peer: peer))
        }
        return .success((entry, session))
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

    /// Ends every session, try and timer.
    ///
    /// The host's connections are closed by the host.
    func stop() {
        self.isStopping = true
        self.sweep?.cancel()
        for entry in self.entries.values {
            self.perform(entry.lifecycle.disconnect(code: ConnectionErrorCode.shutdown), on: entry)
            entry.timer?.cancel()
            let error = GlueberryError(.stopped, "the node is stopping", peer: entry.peer)
            self.failWaiters(&entry.connectWaiters, error)
            self.failWaiters(&entry.establishedWaiters, error)
        }
        self.entries = [:]
        for trim in self.trims.values { trim.cancel() }
        self.trims = [:]
        self.prospects = []
    }

    /// Redials everybody that the node waits to try again, and probes everybody that it is connected to.
    func networkChanged() {
        let timeout = TimeAmount(self.configuration.probeTimeout)
        for entry in self.entries.values {
            for connection in entry.connections { connection.probe(timeout: timeout) }
            self.perform(entry.lifecycle.retryNow(), on: entry)
        }
    }

    // MARK: The host

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
    private func scheduleTrim(_ connection: Connection) {
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
                    generation: session.generation, reason, now: self.eventLoop.now, jitter: Self.jitter()),
                on: entry)
        } else if wasDialed, case .connecting = entry.lifecycle.state, !self.beginOnAnyConnection(entry) {
            // The other side finished the security handshake and then turned us away.
            self.dialEnded(entry, succeeded: false)
            let error = HostError(
                .closed, "the other side closed the connection before it could be used", cause: reason.error)
            entry.history.lastTryFailed(
                GlueberryError(.connectionFailed, error.message, peer: entry.peer, cause: reason.error),
                now: self.eventLoop.now)
            self.perform(
                entry.lifecycle.dialFailed(error, now: self.eventLoop.now, jitter: Self.jitter()), on: entry)
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

    private func supersede(_ entry: Entry, with stream: NIOLoopBound<FrameStream>, on connection: Connection) {
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

    // MARK: Effects

    private func beginSession(_ entry: Entry, isOutbound: Bool, on connection: Connection) {
        // The connection that the session begins on comes first: that is where its streams are opened.
        let others = entry.connections.filter { $0 !== connection && !$0.isClosed }
        entry.beginning = (isOutbound, [connection] + others)
        self.perform(entry.lifecycle.connected(now: self.eventLoop.now), on: entry)
    }

    private func perform(_ effects: [PeerLifecycle.Effect], on entry: Entry) {
        for effect in effects {
            switch effect {
            case .state(let state, let reason): self.changed(entry, to: state, reason)
            case .dial: self.dial(entry)
            case .cancelDial:
                if let dial = entry.dial { entry.history.tryEnded(dial, .abandoned, now: self.eventLoop.now) }
                if entry.beginning.connections.first?.direction != .outbound {
                    // Neither a success nor a failure of the dial: it is not wanted any more.
                    entry.dialBegan = nil
                    entry.spans.dialEnded(GlueberryError(.cancelled, "the dial is not needed any more"))
                }
                entry.dial?.cancel()
                entry.dial = nil
                self.leaveDials(entry.peer)
            case .begin(let generation): self.begin(entry, generation)
            case .establish(let generation):
                entry.history.sessionEstablished(generation, now: self.eventLoop.now)
                let span = entry.spans.step(.established)
                entry.session?.establish()
                span?.end()
                self.handshakeEnded(entry, .success)
            case .end(_, let reason): self.end(entry, reason)
            case .closeConnections(let code):
                for connection in entry.connections { connection.closeNow(code: code) }
                // They are on their way out; the next session must not begin on one of them.
                entry.connections = []
            }
        }
        self.updateTimer(entry)
    }

    /// Of the session that the effects being performed have ended, for the event that says so.
    private var unwritten: [String: Int] = [:]
    private var endedGeneration: UInt64?

    private func changed(_ entry: Entry, to state: ConnectionState, _ reason: PeerLifecycle.Reason?) {
        let error = reason.flatMap { self.error(for: $0, peer: entry.peer) }
        let previous = entry.publishedState
        entry.publishedState = state
        self.directory.set(state, of: entry.peer)
        let isGivingUp = if case .gaveUp = reason { true } else { false }
        if previous != state || isGivingUp {
            self.events.emit(
                ConnectionEvent(
                    peer: entry.peer, state: state, previous: previous, timestamp: self.configuration.now(),
                    session: self.endedGeneration ?? entry.lifecycle.generation,
                    isOutbound: entry.session?.isOutbound, error: error,
                    unwrittenMessages: state == .disconnected || state == .cooldown ? self.unwritten : [:], missed: 0))
            self.unwritten = [:]
            self.endedGeneration = nil
        }
        self.log(state, after: previous, of: entry, error)
        if let error, state == .disconnected || state == .cooldown { entry.spans.connectFailed(error) }
        switch state {
        case .connected: self.succeedWaiters(&entry.connectWaiters)
        case .established:
            self.recordSighting(of: entry)
            self.succeedWaiters(&entry.connectWaiters)
            self.succeedWaiters(&entry.establishedWaiters)
        case .disconnected, .cooldown:
            let failure = error ?? GlueberryError(.notConnected, "the peer is disconnected", peer: entry.peer)
            if error != nil { self.failWaiters(&entry.connectWaiters, failure) }
            // Whom the other side has sent away makes no further try for a long time.
            let isSentAway = if case .connectionLost(let reason) = reason { reason.isSendingAway } else { false }
            if state == .cooldown || isSentAway || !entry.lifecycle.isWanted {
                self.failWaiters(&entry.establishedWaiters, failure)
            }
        case .connecting, .reconnecting: break
        }
    }

    private func dial(_ entry: Entry) {
        entry.spans.connectBegan()
        if self.beginOnAnyConnection(entry) { return }
        let isAwaited = (entry.connectWaiters + entry.establishedWaiters).contains { !$0.isSettled }
        if self.dials.request(entry.peer, isUrgent: isAwaited) { self.startDial(entry) }
    }

    private func startDial(_ entry: Entry) {
        entry.spans.dialBegan()
        entry.dialBegan = self.eventLoop.now
        let handle = DialHandle(eventLoop: self.host.nextEventLoop())
        entry.dial = handle
        entry.dialed = nil
        entry.history.tryBegan(handle, timestamp: self.configuration.now(), now: self.eventLoop.now)
        let peer = entry.peer
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        let loop = self.eventLoop
        self.host.dial(
            peer, addresses: entry.addresses, timeout: self.configuration.host.timeouts.dial, handle: handle
        ) { result in
            loop.execute { bound.value.dialCompleted(peer, handle, result) }
            return true
        }
    }

    /// Begins a session on a connection that there is already and that no session runs on; false if there is none.
    private func beginOnAnyConnection(_ entry: Entry) -> Bool {
        guard let connection = entry.connections.first(where: { !$0.isClosed }) else { return false }
        self.beginSession(entry, isOutbound: true, on: connection)
        return true
    }

    private func dialCompleted(_ peer: PeerID, _ handle: DialHandle, _ result: Result<Connection, HostError>) {
        guard let entry = self.entries[peer], entry.dial === handle else {
            if case .success(let connection) = result, self.entries[peer]?.session?.owns(connection) != true {
                connection.closeNow(code: ConnectionErrorCode.none)
            }
            return
        }
        entry.dial = nil
        self.leaveDials(peer)
        switch result {
        case .success(let connection):
            entry.history.tryEnded(handle, .connected, now: self.eventLoop.now)
            entry.dialed = connection
            // It may have ended before this was known here.
            if let reason = connection.closeReason { self.closed(connection, reason: reason) }
        case .failure(let error):
            if let reason = self.error(for: .dialFailed(error), peer: peer) {
                entry.history.tryEnded(handle, .failed(reason), now: self.eventLoop.now)
            }
            self.dialEnded(entry, succeeded: false, error)
            // A failed dial is silent while the other side's own connection lives.
            if case .connecting = entry.lifecycle.state, self.beginOnAnyConnection(entry) { return }
            self.perform(
                entry.lifecycle.dialFailed(error, now: self.eventLoop.now, jitter: Self.jitter()), on: entry)
        }
    }

    private func begin(_ entry: Entry, _ generation: UInt64) {
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
            inbound = HandshakeInbound(counters: self.counters) { messages in
                loop.execute { for message in messages { bound.value.handshakeMessage(message) } }
            }
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

    private func end(_ entry: Entry, _ reason: PeerLifecycle.Reason) {
        guard let session = entry.session else { return }
        if session.isEstablished { self.book.ended(entry.peer) }
        entry.session = nil
        entry.handshake = nil
        entry.verification?.cancel()
        entry.verification = nil
        self.endedGeneration = session.generation
        self.directory.set(nil, with: entry.peer)
        let error =
            self.error(for: reason, peer: entry.peer) ?? GlueberryError(.closed, "the session ended", peer: entry.peer)
        entry.history.sessionEnded(session.generation, error, now: self.eventLoop.now)
        self.unwritten = session.close(error)
        if case .handshakeTimedOut = reason {
            self.handshakeEnded(entry, .timeout, error)
        } else {
            self.handshakeEnded(entry, .failure, error)
        }
        self.instruments.sessionEnded(with: entry.peer, now: self.eventLoop.now)
        self.unwritten[StreamName.handshake] = nil
        let dropped = self.messages.discard(.init(peer: entry.peer, stream: StreamName.handshake))
        if dropped > 0 { self.instruments.stream(StreamName.handshake, with: entry.peer).dropped(messages: dropped) }
        self.messages.forgetEmpty(of: entry.peer)
    }

    private func inbound(_ name: String, of session: PeerSession, isGated: Bool) -> SessionInbound {
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

    private func channel(
        _ name: String, of session: PeerSession, key: PairKey?, inbound: any InboundSink
    ) -> StreamChannel {
        var limits = StreamChannel.Limits(
            maximumMessage: self.configuration.maximumMessageSize,
            sendBufferBytes: self.configuration.sendBufferBytes,
            sendBufferMessages: self.configuration.sendBufferMessages,
            lowBytes: self.configuration.sendLowWatermarkBytes,
            lowMessages: self.configuration.sendLowWatermarkMessages)
        if name == StreamName.handshake { limits.opensStreams = session.isOutbound }
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

    // MARK: The ready-made handshake

    private func handshakeMessage(_ message: Message) {
        guard let entry = self.entries[message.peer], let session = entry.session,
            session.generation == message.session, var run = entry.handshake
        else { return }
        let outputs = run.receive(message.bytes)
        entry.handshake = run
        self.perform(outputs, of: session, on: entry)
    }

    private func perform(_ outputs: [StandardHandshakeRun.Output], of session: PeerSession, on entry: Entry) {
        for output in outputs {
            switch output {
            case .send(let bytes):
                do {
                    try session.channel(StreamName.handshake)?.trySend(ByteBuffer(bytes: bytes))
                } catch {
                    self.logger.debug(
                        "handshake message not sent", metadata: ["peer": "\(entry.peer)", "reason": "\(error)"])
                }
            case .verify(let key, let hello): self.verify(key, hello, session, entry)
            case .finalize:
                self.perform(
                    entry.lifecycle.finalized(generation: session.generation, now: self.eventLoop.now), on: entry)
            case .fail(let reason):
                let error = GlueberryError(.handshakeFailed, reason, peer: entry.peer)
                self.perform(
                    entry.lifecycle.handshakeFailed(
                        generation: session.generation, error, now: self.eventLoop.now), on: entry)
            }
        }
    }

    private func verify(_ key: PublicKey, _ hello: [UInt8], _ session: PeerSession, _ entry: Entry) {
        guard case .standard(let handshake) = self.configuration.handshake else { return }
        guard let verify = handshake.verify else {
            self.verified(true, key, session)
            return
        }
        let peer = entry.peer
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        let loop = self.eventLoop
        entry.verification = self.tasks.run {
            let isWelcome = await verify(peer, key, hello)
            loop.execute { bound.value.verified(isWelcome, key, session) }
        }
    }

    private func verified(_ isWelcome: Bool, _ key: PublicKey, _ session: PeerSession) {
        guard let entry = self.entries[session.peer], entry.session === session,
            case .standard(let handshake) = self.configuration.handshake, var run = entry.handshake
        else { return }
        let outputs: [StandardHandshakeRun.Output]
        if isWelcome, case .success = self.prepare(session.peer, publicKey: key, names: handshake.streams) {
            outputs = run.verified()
        } else {
            outputs = run.refused()
        }
        entry.handshake = run
        self.perform(outputs, of: session, on: entry)
    }

    // MARK: Observing

    private func dialEnded(_ entry: Entry, succeeded: Bool, _ error: (any Error)? = nil) {
        entry.spans.dialEnded(error)
        guard let began = entry.dialBegan else { return }
        entry.dialBegan = nil
        self.instruments.connectionAttempted(
            to: entry.peer, succeeded: succeeded, after: self.eventLoop.now - began)
    }

    private func handshakeEnded(
        _ entry: Entry, _ result: NodeInstruments.HandshakeResult, _ error: GlueberryError? = nil
    ) {
        guard let began = entry.handshakeBegan else { return }
        entry.handshakeBegan = nil
        entry.spans.handshakeEnded(result, error)
        self.instruments.handshakeEnded(with: entry.peer, result, after: self.eventLoop.now - began)
    }

    private func log(
        _ state: ConnectionState, after previous: ConnectionState, of entry: Entry, _ error: GlueberryError?
    ) {
        var metadata: Logger.Metadata = ["peer": "\(entry.peer)", "state": "\(state)"]
        metadata["session"] = "\(self.endedGeneration ?? entry.lifecycle.generation)"
        if let error { metadata["reason"] = "\(LogText.of(error))" }
        switch (previous, state) {
        case (_, .established): self.logger.info("peer established", metadata: metadata)
        case (.established, .disconnected): self.logger.info("peer lost", metadata: metadata)
        case (_, .cooldown): self.logger.info("peer failed its handshake", metadata: metadata)
        default: self.logger.debug("peer state", metadata: metadata)
        }
    }

    /// Forgets the statistics of peers that have been away for a day, every hour.
    private func scheduleSweep() {
        self.sweep = self.eventLoop.assumeIsolated().scheduleTask(in: Self.sweepInterval) {
            self.instruments.removeStale(now: self.eventLoop.now)
            self.scheduleSweep()
        }
    }

    /// What a snapshot shows, of at most so many peers, those with a session first.
    func overview(of maximum: Int) -> PeerOverview {
        let now = self.eventLoop.now
        let entries = self.entries.values
        let withSession = entries.filter { $0.session != nil }
        let listed = withSession.prefix(maximum)
        let others = entries.lazy.filter { $0.session == nil }.prefix(maximum - listed.count)
        var overview = PeerOverview()
        overview.sessions = withSession.count
        overview.dials = entries.count { $0.dial != nil }
        overview.timers = entries.count { $0.timerDeadline != nil }
        overview.omitted = entries.count - listed.count - others.count
        overview.peers = (Array(listed) + Array(others)).map { entry in
            var peer = NodeSnapshot.Peer(peerID: entry.peer.description, state: entry.publishedState.description)
            peer.isKnown = entry.isInBook
            peer.isWanted = entry.lifecycle.isWanted
            peer.failures = entry.lifecycle.failures
            peer.session = entry.lifecycle.generation
            peer.isOutbound = entry.session?.isOutbound
            peer.isDialling = entry.dial != nil
            peer.secondsToTimer = entry.timerDeadline.map { max(0, ($0 - now).inSeconds) }
            peer.addresses = entry.addresses.prefix(32).map(\.description)
            peer.connections = entry.connections.map { connection in
                let usage = connection.usageOfPeer
                return NodeSnapshot.Connection(
                    direction: connection.direction.rawValue, address: connection.remoteAddress.description,
                    security: connection.security, ageSeconds: max(0, (now - connection.openedAt).inSeconds),
                    isClosed: connection.isClosed, openStreams: usage.streams, bufferedBytes: usage.bufferedBytes)
            }
            return (entry.peer, entry.session?.channels ?? [], peer)
        }
        return overview
    }

    // MARK: The address book

    /// Dials peers of the book, a few at a time.
    func beginDialing(_ peers: [PeerID]) {
        self.prospects.append(contentsOf: peers)
        self.dialNext()
    }

    /// Ends everything with a peer that has been put on the blacklist.
    func blocked(_ peer: PeerID) {
        if let entry = self.entries[peer] {
            self.perform(
                entry.lifecycle.disconnect(code: ConnectionErrorCode.gated, reason: .blacklisted), on: entry)
            self.forgetIfUnused(entry)
        }
        for connection in self.host.connections(to: peer) { connection.closeNow(code: ConnectionErrorCode.gated) }
    }

    /// Closes the connections with addresses that have been put on the blacklist.
    func blockedAddresses() {
        for connection in self.host.connections where self.book.refusal(at: connection.remoteAddress) != nil {
            connection.closeNow(code: ConnectionErrorCode.gated)
        }
    }

    /// Peers have been taken off the blacklist: those of the book are dialled again.
    func unblocked(_ peers: [PeerID]) {
        guard !self.isStopping else { return }
        self.prospects.append(contentsOf: peers)
        self.dialNext()
    }

    private func entryInBook(_ peer: PeerID) -> Entry? {
        if let entry = self.entries[peer], entry.isInBook { return entry }
        guard let addresses = self.book.addresses(of: peer) else { return nil }
        let entry = self.entry(peer)
        entry.addresses = addresses
        entry.isInBook = true
        return entry
    }

    private func leaveDials(_ peer: PeerID) {
        self.dials.leave(peer)
        guard !self.isDialingScheduled, !self.isStopping else { return }
        self.isDialingScheduled = true
        // Not now: the effects of one peer are being performed.
        self.eventLoop.assumeIsolated().execute {
            self.isDialingScheduled = false
            self.dialNext()
        }
    }

    private func dialNext() {
        guard !self.isStopping else { return }
        while let peer = self.dials.next() {
            guard let entry = self.entries[peer], case .connecting = entry.lifecycle.state, entry.dial == nil,
                !self.beginOnAnyConnection(entry)
            else {
                self.dials.leave(peer)
                continue
            }
            self.startDial(entry)
        }
        while self.dials.hasRoom, let peer = self.prospects.popFirst() {
            // It may have been removed meanwhile.
            guard let addresses = self.book.addresses(of: peer) else { continue }
            self.add(peer, addresses: addresses)
        }
    }

    private func recordSighting(of entry: Entry) {
        let connection = entry.session?.connections.first { !$0.isClosed }
        self.book.established(
            entry.peer, at: connection?.remoteAddress, wasDialed: connection?.direction == .outbound,
            publicKey: connection?.remotePublicKey)
        if let info = connection?.identifyInfo { self.book.announced(info.listenAddresses, by: entry.peer) }
    }

    // MARK: Bookkeeping

    private func entry(_ peer: PeerID) -> Entry {
        if let entry = self.entries[peer] { return entry }
        let entry = Entry(
            peer: peer, settings: self.settings, floor: self.forgottenGeneration, tracing: self.instruments.tracing)
        self.entries[peer] = entry
        return entry
    }

    private func forgetIfUnused(_ entry: Entry) {
        guard !entry.isInBook, entry.connections.isEmpty, entry.dial == nil, entry.session == nil,
            entry.establishedWaiters.allSatisfy(\.isSettled), case .disconnected = entry.lifecycle.state
        else { return }
        entry.timer?.cancel()
        self.forgottenGeneration = max(self.forgottenGeneration, entry.lifecycle.generation)
        self.entries[entry.peer] = nil
        self.directory.set(ConnectionState?.none, of: entry.peer)
    }

    private func updateTimer(_ entry: Entry) {
        let deadline = self.isStopping ? nil : entry.lifecycle.deadline
        guard deadline != entry.timerDeadline else { return }
        entry.timer?.cancel()
        entry.timerDeadline = deadline
        entry.timer = deadline.map { deadline in
            self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
                entry.timerDeadline = nil
                self.perform(entry.lifecycle.timeout(now: self.eventLoop.now, jitter: Self.jitter()), on: entry)
                self.forgetIfUnused(entry)
            }
        }
    }

    private func succeedWaiters(_ waiters: inout [Settlement<Void, GlueberryError>]) {
        let woken = waiters
        waiters = []
        for waiter in woken { waiter.succeed() }
    }

    private func failWaiters(_ waiters: inout [Settlement<Void, GlueberryError>], _ error: GlueberryError) {
        let woken = waiters
        waiters = []
        for waiter in woken { waiter.fail(error) }
    }

    private func error(for reason: PeerLifecycle.Reason, peer: PeerID) -> GlueberryError? {
        switch reason {
        case .dialFailed(let error):
            GlueberryError(.connectionFailed, "the peer could not be reached", peer: peer, cause: error)
        case .connectionLost(let reason): GlueberryError(.closed, "the connection ended: \(reason)", peer: peer)
        case .handshakeTimedOut:
            GlueberryError(.handshakeTimedOut, "the handshake was not complete in time", peer: peer)
        case .handshakeFailed(let error), .ended(let error): error
        case .superseded: GlueberryError(.closed, "superseded: the peer began a new session", peer: peer)
        case .disconnected:
            self.isStopping
                ? GlueberryError(.stopped, "the node is stopping", peer: peer)
                : GlueberryError(.closed, "disconnected here", peer: peer)
        case .reconnectionCancelled:
            GlueberryError(.notConnected, "no further tries are wanted", peer: peer)
        case .blacklisted: GlueberryError(.peerBlacklisted, "the peer was blacklisted", peer: peer)
        case .gaveUp(let failures):
            GlueberryError(.connectionFailed, "given up after \(failures) failed tries", peer: peer)
        }
    }

    private static func jitter() -> Double { Double.random(in: 0...1) }
}

/// What the control loop knows for a snapshot.
struct PeerOverview: Sendable {
    var sessions = 0
    var dials = 0
    var timers = 0
    var omitted = 0
    var peers: [(peer: PeerID, channels: [StreamChannel], NodeSnapshot.Peer)] = []
}
