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

import Crypto
public import Logging
public import Multiformats
public import NIOCore
import NIOPosix
import Noise
public import PeerIdentity

/// A libp2p host: listens and dials over TCP, secures connections with Noise, multiplexes them with yamux, answers
/// identify and ping, and hands streams to handlers by protocol ID.
///
/// Safe to use from any number of tasks. A host runs from its creation until ``stop()``.
public final class Host: Sendable {
    private struct State {
        var isStopping = false
        var listeners: [TransportListener] = []
        var connections: [PeerID: [Connection]] = [:]
        var usages: [PeerID: PeerUsage] = [:]
        var channels: [ObjectIdentifier: any Channel] = [:]
        var dialers: [ObjectIdentifier: NIOLoopBound<Dialer>] = [:]
        var handlers: [String: @Sendable (Stream) async -> Void] = [:]
        /// Grows when the list of protocols changes.
        var protocolRevision: UInt64 = 1
        var announcedNames: [String] = []
        var announcedAddresses: [Multiaddr] = []
        /// For each connection the revision that its peer was last told.
        var toldRevision: [UInt64: UInt64] = [:]
        /// The connections that the observer has been told of, and is to be told the end of.
        var observed: Set<UInt64> = []
        /// What was told of this side's addresses, apart from the ones that it listens on.
        var advertisedAddresses: [Multiaddr] = []
    }

    /// The identity that the host proves to others.
    public let identity: Identity
    /// What the host was created with.
    public let configuration: HostConfiguration
    let limits: SharedConnectionLimiter
    private let group: any EventLoopGroup
    private let transports: [any Transport]
    private let logger: Logger
    private let state = Locked(State())
    private let tasks: OwnedTasks
    private let observerBox = Locked(WeakObserver())

    /// What a host dials and listens with unless it is told otherwise.
    package static let standardTransports: [any Transport] = [TCPTransport()]

    private struct WeakObserver {
        weak var observer: (any HostObserver)?
    }

    /// Creates a host; it does nothing until it is told to listen or to connect.
    ///
    /// - Parameters:
    ///   - identity: Whose host it is.
    ///   - configuration: Addresses, limits and times.
    ///   - eventLoopGroup: Where connections run; by default the process's shared group.
    ///   - logger: Where to log; by default a logger labelled `glueberry.host`.
    public convenience init(
        identity: Identity, configuration: HostConfiguration = HostConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil, logger: Logger? = nil
    ) {
        self.init(
            identity: identity, configuration: configuration,
            eventLoopGroup: eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton,
            transports: Self.standardTransports, logger: logger)
    }

    package init(
        identity: Identity, configuration: HostConfiguration, eventLoopGroup: any EventLoopGroup,
        transports: [any Transport], logger: Logger?
    ) {
        self.identity = identity
        self.configuration = configuration
        self.limits = SharedConnectionLimiter(limits: configuration.limits)
        self.group = eventLoopGroup
        self.transports = transports
        // Event loops that can run tasks do, so that a clock of tests knows of them.
        self.tasks = OwnedTasks(executor: eventLoopGroup as? any TaskExecutor)
        self.logger = logger ?? Logger(label: "glueberry.host")
    }

    /// The host's peer ID.
    public var peerID: PeerID { self.identity.peerID }

    // MARK: Addresses

    /// Listens on an address; port 0 takes any free port.
    ///
    /// - Throws: ``HostError`` with code `addressInUse`, `badAddress`, `stopped` or `ioFailed`. Addresses before the one
    ///   that fails stay bound.
    public func listen(on addresses: [Multiaddr]) async throws(HostError) {
        for address in addresses {
            guard let transport = self.transport(for: address) else {
                throw HostError(
                    .badAddress, "no transport here listens on \(address); give /ip4/…/tcp/PORT or /ip6/…/tcp/PORT")
            }
            let listener = try await transport.listen(on: address, group: self.group) { channel in
                self.accept(channel)
            }
            let isStopping = self.state.withLock { state in
                if !state.isStopping { state.listeners.append(listener) }
                return state.isStopping
            }
            if isStopping {
                try? await listener.channel.close().outcome()
                throw HostError(.stopped, "the host is stopping")
            }
            self.protocolsChanged()
        }
    }

    /// The addresses that the host is bound to, with their real ports.
    public var listenAddresses: [Multiaddr] { self.state.withLock { $0.listeners.map(\.address) } }

    /// What the host is bound to.
    package var listeners: [TransportListener] { self.state.withLock { $0.listeners } }

    /// The addresses that others are told: those of the interfaces where the host listens on a wildcard, and what the
    /// configuration announces.
    public var advertisedAddresses: [Multiaddr] {
        let own = self.configuration.announceOnly ? [] : InterfaceAddresses.expand(self.listenAddresses)
        var seen: Set<Multiaddr> = []
        return (self.configuration.announce.map(\.withoutPeer) + own).filter { seen.insert($0).inserted }
    }

    // MARK: Connections

    /// Returns a connection to a peer: one that exists, or the first that a dial of the addresses brings.
    ///
    /// - Parameters:
    ///   - peer: Who must answer; nil takes whoever does.
    ///   - addresses: Where to look; a `/p2p` part is checked against `peer`.
    ///   - timeout: The longest wait over all addresses; by default `HostTimeouts.dial`.
    /// - Returns: A connection that can carry streams.
    /// - Throws: ``HostError`` with code `dialFailed` or `timedOut`, with every attempt in it; `cancelled` when the
    ///   calling task is cancelled, which ends the dial; `stopped`.
    public func connect(
        to peer: PeerID?, addresses: [Multiaddr], timeout: TimeAmount? = nil
    ) async throws(HostError) -> Connection {
        if let peer, let existing = self.connections(to: peer).first { return existing }
        let eventLoop = self.group.next()
        let handle = DialHandle(eventLoop: eventLoop)
        return try await eventLoop.awaitHost(
            "connecting", timeout: nil,
            start: { settlement in
                self.dial(
                    peer, addresses: addresses, timeout: timeout ?? self.configuration.timeouts.dial, handle: handle
                ) { settlement.settle($0) }
            }, abandon: { handle.cancel() })
    }

    /// The live connections to a peer, the oldest first.
    public func connections(to peer: PeerID) -> [Connection] {
        self.state.withLock { $0.connections[peer] ?? [] }
    }

    /// Every live connection.
    public var connections: [Connection] { self.state.withLock { $0.connections.values.flatMap(\.self) } }

    /// Connections that count against the limits: all of them, and those that have not yet shown who they are.
    public var connectionCounts: (all: Int, unauthenticated: Int) {
        (self.limits.connections, self.limits.unauthenticated)
    }

    /// Opens a stream to a peer that the host is connected to.
    ///
    /// - Throws: As ``Connection/openStream(protocols:timeout:)``, and `notConnected`.
    public func openStream(
        to peer: PeerID, protocols: [String], timeout: TimeAmount? = nil
    ) async throws(HostError) -> Stream {
        guard let connection = self.connections(to: peer).first else {
            throw HostError(.notConnected, "there is no connection to \(peer); connect to it first")
        }
        return try await connection.openStream(protocols: protocols, timeout: timeout)
    }

    // MARK: Handlers

    /// Takes incoming streams for a protocol.
    ///
    /// Each runs the handler in a task of its own, which `stop` cancels and waits for; a stream that the handler leaves
    /// unfinished is reset.
    public func handle(_ protocolID: String, with handler: @escaping @Sendable (Stream) async -> Void) {
        self.state.withLock { $0.handlers[protocolID] = handler }
        self.protocolsChanged()
    }

    /// Takes no more streams for a protocol; running handlers go on.
    public func removeHandler(_ protocolID: String) {
        let removed = self.state.withLock { $0.handlers.removeValue(forKey: protocolID) != nil }
        if removed { self.protocolsChanged() }
    }

    // MARK: End

    /// Ends everything the host runs: listeners, dials, connections (with libp2p's shutdown code) and handler tasks,
    /// and returns when all of it has ended.
    ///
    /// Stopping twice is harmless.
    public func stop() async {
        let (listeners, connections, dialers) = self.state.withLock { state in
            state.isStopping = true
            defer { state.listeners = [] }
            return (state.listeners, state.connections.values.flatMap(\.self), Array(state.dialers.values))
        }
        for dialer in dialers { dialer.execute { $0.stop() } }
        for listener in listeners { try? await listener.channel.close().outcome() }
        await withTaskGroup(of: Void.self) { group in
            for connection in connections {
                group.addTask { await connection.close(code: ConnectionErrorCode.shutdown) }
            }
        }
        let channels = self.state.withLock { Array($0.channels.values) }
        for channel in channels {
            channel.eventLoop.execute {
                // A connection on its way out still has its last words to send; the others are cut off.
                let handler = try? channel.pipeline.syncOperations.handler(type: ConnectionHandler.self)
                if !(handler?.isLeaving ?? false) { channel.close(promise: nil) }
            }
        }
        for channel in channels {
            try? await channel.closeFuture.outcome()
            // What the close sets off may have been asked for after this was; a turn of the loop later all of it is done.
            try? await channel.eventLoop.submit {}.outcome()
        }
        await self.tasks.cancelAndWait()
    }

    // MARK: Within the package

    /// An event loop for the next dial.
    package func nextEventLoop() -> any EventLoop { self.group.next() }

    /// Who is told of connections and asked about streams; held weakly.
    package func setObserver(_ observer: any HostObserver) {
        self.observerBox.withLock { $0.observer = observer }
    }

    /// Dials without waiting; `completed` is called once on the dial's event loop, unless the handle is cancelled first,
    /// and answers whether the connection is still wanted.
    package func dial(
        _ peer: PeerID?, addresses: [Multiaddr], timeout: TimeAmount, handle: DialHandle,
        completed: @escaping @Sendable (Result<Connection, HostError>) -> Bool
    ) {
        handle.eventLoop.execute {
            let dialer = Dialer(
                host: self, peer: peer, eventLoop: handle.eventLoop, handle: handle, completed: completed)
            let bound = NIOLoopBound(dialer, eventLoop: handle.eventLoop)
            let isStopping = self.state.withLock { state in
                if !state.isStopping { state.dialers[ObjectIdentifier(dialer)] = bound }
                return state.isStopping
            }
            guard !isStopping else {
                _ = completed(.failure(HostError(.stopped, "the host is stopping")))
                return
            }
            guard handle.begin(bound) else {
                dialer.abandon()
                return
            }
            dialer.start(addresses, timeout: timeout)
        }
    }

    /// What the peers of live connections say that they see of this host, see ``ObservedAddresses``.
    package var observedAddresses: ObservedAddresses {
        var observed = ObservedAddresses()
        for connection in self.connections {
            guard let address = connection.identifyInfo?.observedAddress else { continue }
            observed.add(address, from: connection.remotePeer, direction: connection.direction)
        }
        return observed
    }

    /// Tells the peers the addresses of this host if its interfaces have others than before.
    ///
    /// May be called from any thread.
    package func interfacesChanged() {
        let advertised = self.advertisedAddresses
        let connections = self.state.withLock { state -> [Connection] in
            guard state.advertisedAddresses != advertised else { return [] }
            state.advertisedAddresses = advertised
            state.protocolRevision += 1
            return state.connections.values.flatMap(\.self)
        }
        for connection in connections { self.pushIfDue(connection) }
    }

    /// Tells the peers that the list of protocols or addresses has changed.
    ///
    /// May be called from any thread.
    package func protocolsChanged() {
        let (names, _) = self.protocolNames()
        let addresses = self.listenAddresses
        let connections = self.state.withLock { state -> [Connection] in
            guard state.announcedNames != names || state.announcedAddresses != addresses else { return [] }
            state.announcedNames = names
            state.announcedAddresses = addresses
            state.protocolRevision += 1
            return state.connections.values.flatMap(\.self)
        }
        for connection in connections { self.pushIfDue(connection) }
    }

    /// The transports of all connections.
    package var channels: [any Channel] { self.state.withLock { Array($0.channels.values) } }

    var isStopping: Bool { self.state.withLock { $0.isStopping } }

    func dialEnded(_ dialer: Dialer) {
        self.state.withLock { $0.dialers[ObjectIdentifier(dialer)] = nil }
    }

    func transport(for address: Multiaddr) -> (any Transport)? {
        self.transports.first { $0.handles(address) }
    }

    /// Why there is nothing to do with whoever is at an address that a dial would try.
    func refusal(ofDialing address: Multiaddr) -> HostError? {
        self.observer?.hostAdmits(address, direction: .outbound)
    }

    private var observer: (any HostObserver)? { self.observerBox.withLock { $0.observer } }

    // MARK: Channels

    private func accept(_ channel: any Channel) -> EventLoopFuture<Void> {
        let address =
            channel.remoteAddress.flatMap { address -> Multiaddr? in
                guard let ip = address.ipAddress, let port = address.port else { return nil }
                return try? Multiaddr(ipAddress: ip, tcpPort: UInt16(truncatingIfNeeded: port))
            } ?? Multiaddr(components: [])
        if let refusal = self.observer?.hostAdmits(address, direction: .inbound) {
            self.logger.debug("connection refused", metadata: ["reason": "\(refusal)"])
            return channel.eventLoop.makeFailedFuture(refusal)
        }
        // A stop that begins now waits for its end: it is noted before it is counted, and counted no longer than noted.
        guard self.note(channel) else {
            return channel.eventLoop.makeFailedFuture(HostError(.stopped, "the host is stopping"))
        }
        defer { self.forgetWhenClosed(channel) }
        let ticket: ConnectionTicket
        do {
            ticket = try self.limits.admitInbound(from: channel.remoteAddress)
        } catch {
            self.logger.debug("connection refused", metadata: ["reason": "\(error)"])
            return channel.eventLoop.makeFailedFuture(error)
        }
        channel.closeFuture.whenComplete { _ in ticket.release() }
        let secured = channel.eventLoop.makePromise(of: Connection.self)
        secured.futureResult.whenFailure { error in
            self.logger.debug("incoming connection failed", metadata: ["reason": "\(error)"])
        }
        return self.install(
            on: channel, isDialer: false, peer: nil, address: address, ticket: ticket, secured: secured)
    }

    /// Gives a channel its pipeline: the whole of it, before it connects, so that no early byte finds nobody in.
    func install(
        on channel: any Channel, isDialer: Bool, peer: PeerID?, address: Multiaddr, ticket: ConnectionTicket,
        secured: EventLoopPromise<Connection>, progress: DialProgress? = nil
    ) -> EventLoopFuture<Void> {
        guard self.note(channel) else {
            let error = HostError(.stopped, "the host is stopping")
            secured.fail(UpgradeFailure(stage: .connecting, error: error))
            return channel.eventLoop.makeFailedFuture(error)
        }
        if isDialer { self.forgetWhenClosed(channel) }
        return channel.eventLoop.makeCompletedFuture {
            let handshake = try NoiseHandshake(
                role: isDialer ? .initiator : .responder, identity: self.identity,
                staticKey: Curve25519.KeyAgreement.PrivateKey(),
                ephemeralKey: Curve25519.KeyAgreement.PrivateKey(), expectedPeer: peer,
                muxers: [ConnectionUpgrade.yamuxProtocol])
            let handler = ConnectionHandler(
                isDialer: isDialer, handshake: handshake, remoteAddress: address, configuration: self.configuration,
                ticket: ticket, delegate: self, eventLoop: channel.eventLoop, secured: secured, progress: progress)
            try channel.pipeline.syncOperations.addHandler(handler)
        }
    }

    /// Notes a channel, so that a stop ends it and waits for that; false if the host is stopping.
    private func note(_ channel: any Channel) -> Bool {
        self.state.withLock { state in
            guard !state.isStopping else { return false }
            state.channels[ObjectIdentifier(channel)] = channel
            return true
        }
    }

    /// Lets go of a channel once it is closed, after all that was to be done then and was asked for before.
    private func forgetWhenClosed(_ channel: any Channel) {
        channel.closeFuture.whenComplete { _ in
            self.state.withLock { _ = $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
        }
    }

    // MARK: Identify

    private func protocolNames() -> (names: [String], revision: UInt64) {
        let observed = self.observer?.hostProtocols ?? []
        return self.state.withLock { state in
            let own = [IdentifyProtocol.id, IdentifyProtocol.pushID, PingProtocol.id]
            return (Array(Set(own + observed + state.handlers.keys)).sorted(), state.protocolRevision)
        }
    }

    /// The message that tells a peer about this side, and notes that it was told.
    private func identifyMessage(for connection: Connection) -> ByteBuffer? {
        let (names, revision) = self.protocolNames()
        self.state.withLock { state in
            if state.connections[connection.remotePeer]?.contains(where: { $0 === connection }) ?? false {
                state.toldRevision[connection.id] = revision
            }
        }
        let answer = IdentifyAnswer(
            identity: self.identity, protocolVersion: self.configuration.protocolVersion,
            agentVersion: self.configuration.agentVersion, protocols: names,
            listenAddresses: self.advertisedAddresses, observedAddress: connection.remoteAddress,
            recordSequence: WallClock.nanosecondsSince1970())
        do {
            return try answer.encoded()
        } catch {
            self.logger.error("the identify message cannot be made", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    private func requestIdentify(_ connection: Connection) {
        let receiver = IdentifyReceiver(
            remotePeer: connection.remotePeer, timeout: self.configuration.timeouts.identify
        ) { [weak connection] result in
            guard let connection else { return }
            connection.identified(result.map { $0.applied(to: IdentifyInfo()) })
            if let info = connection.identifyInfo { self.observer?.hostIdentified(connection, info) }
            self.pushIfDue(connection)
        }
        connection.openStream(protocols: [IdentifyProtocol.id], consumer: receiver) { [weak connection] error in
            connection?.identified(.failure(error))
        }
    }

    /// Sends a push to a peer that takes pushes and was told something older than what is true now.
    private func pushIfDue(_ connection: Connection) {
        guard connection.identifyInfo?.protocols.contains(IdentifyProtocol.pushID) ?? false else { return }
        connection.eventLoop.execute {
            let isDue = self.state.withLock { state in
                guard let told = state.toldRevision[connection.id] else { return false }
                return told < state.protocolRevision
            }
            guard isDue, let message = self.identifyMessage(for: connection) else { return }
            connection.openStream(
                protocols: [IdentifyProtocol.pushID],
                consumer: IdentifySender(message, timeout: self.configuration.timeouts.identify), failed: { _ in })
        }
    }
}

extension Host: ConnectionDelegate {
    func admit(_ connection: Connection) throws(HostError) {
        defer { self.forgetUsageIfUnused(of: connection.remotePeer) }
        guard connection.remotePeer != self.peerID else {
            throw HostError(.wrongPeer, "the host connected to itself")
        }
        let count = self.connections(to: connection.remotePeer).count
        guard count < self.configuration.limits.connectionsPerPeer else {
            throw HostError(
                .limitExceeded,
                "limit reached: connections of \(connection.remotePeer): \(count) of \(self.configuration.limits.connectionsPerPeer)"
            )
        }
        if let refusal = self.observer?.hostAdmits(
            connection.remotePeer, at: connection.remoteAddress, direction: connection.direction)
        {
            throw refusal
        }
    }

    func connectionOpened(_ connection: Connection) {
        let isStopping = self.state.withLock { state in
            state.connections[connection.remotePeer, default: []].append(connection)
            if !state.isStopping { state.observed.insert(connection.id) }
            return state.isStopping
        }
        if isStopping {
            connection.closeNow(code: ConnectionErrorCode.shutdown)
            return
        }
        self.logger.debug(
            "connection opened",
            metadata: [
                "peer": "\(connection.remotePeer)", "address": "\(connection.remoteAddress)",
                "direction": "\(connection.direction.rawValue)", "early_muxer": "\(connection.earlyMuxer)",
            ])
        self.observer?.hostOpened(connection)
        self.requestIdentify(connection)
    }

    func connectionConfirmed(_ connection: Connection) {
        self.observer?.hostConfirmed(connection)
    }

    func connectionClosed(_ connection: Connection, reason: ConnectionCloseReason) {
        let isObserved = self.state.withLock { state in
            state.toldRevision[connection.id] = nil
            let isObserved = state.observed.remove(connection.id) != nil
            guard var list = state.connections[connection.remotePeer] else { return isObserved }
            list.removeAll { $0 === connection }
            if list.isEmpty {
                state.connections[connection.remotePeer] = nil
                state.usages[connection.remotePeer] = nil
            } else {
                state.connections[connection.remotePeer] = list
            }
            return isObserved
        }
        self.logger.debug(
            "connection closed", metadata: ["peer": "\(connection.remotePeer)", "reason": "\(reason)"])
        if isObserved { self.observer?.hostClosed(connection, reason: reason) }
    }

    func route(_ protocolID: String, on connection: Connection) -> StreamRoute {
        switch protocolID {
        case IdentifyProtocol.id:
            guard let message = self.identifyMessage(for: connection) else {
                return .reset(code: StreamErrorCode.none)
            }
            return .accept(IdentifySender(message, timeout: self.configuration.timeouts.identify))
        case IdentifyProtocol.pushID:
            return .accept(
                IdentifyReceiver(
                    remotePeer: connection.remotePeer, timeout: self.configuration.timeouts.identify
                ) { [weak connection] result in
                    guard case .success(let update) = result, let connection else { return }
                    connection.updated(update)
                    if let info = connection.identifyInfo { self.observer?.hostIdentified(connection, info) }
                })
        case PingProtocol.id:
            return .accept(PingResponder())
        default:
            if let route = self.observer?.hostRoutes(protocolID, on: connection) { return route }
            guard let handler = self.state.withLock({ $0.handlers[protocolID] }) else { return .refuse }
            return .accept(
                Stream.accept(on: connection, writeBuffer: self.configuration.streamWriteBuffer) { stream in
                    let task = self.tasks.run { await handler(stream) }
                    if task == nil { stream.reset(code: StreamErrorCode.shutdown) }
                })
        }
    }

    private func forgetUsageIfUnused(of peer: PeerID) {
        self.state.withLock { state in
            if state.connections[peer] == nil { state.usages[peer] = nil }
        }
    }

    func usage(of peer: PeerID) -> PeerUsage {
        self.state.withLock { state in
            if let usage = state.usages[peer] { return usage }
            let usage = PeerUsage(limits: self.configuration.limits)
            state.usages[peer] = usage
            return usage
        }
    }
}
