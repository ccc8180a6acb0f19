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
/// began in ``stop()``; it can be started again. It is a `Service` of swift-service-lifecycle, see ``run()``.
public final class Node: Sendable {
    private enum Status {
        /// The highest number of a session until now: the numbers go on over a stop.
        case idle(lastSession: UInt64)
        case starting(Occasion)
        case running(NodeRun)
        case stopping(Occasion)
    }

    struct Hubs {
        var messages: MessageHub
        var events: EventHub
        var notices: NoticeHub
        let counters = RefusalCounters()
        var isUsed = false
    }

    /// Whose node it is.
    public let identity: Identity
    /// What the node was created with.
    public let configuration: NodeConfiguration
    private let listen: [Multiaddr]
    private let group: any EventLoopGroup
    /// Where the node's own tasks run: with the event loops if those can run tasks, as under a virtual clock, where time must
    /// not pass while a task is elsewhere.
    private var taskExecutor: (any TaskExecutor)? { self.group as? any TaskExecutor }
    private let transports: [any Transport]?
    let logger: Logger
    let instruments: NodeInstruments
    private let status = Locked(Status.idle(lastSession: 0))
    /// What the tasks of the node belong to; whatever runs code of the application for the node enters it.
    let scope = TaskScope()
    let hubs: Locked<Hubs>
    let book: PeerBook

    /// Creates a node.
    ///
    /// - Parameters:
    ///   - identity: Whose node it is.
    ///   - listen: The addresses to listen on, for example `/ip4/0.0.0.0/tcp/9000`; none only dials.
    ///   - addressBook: Where to keep what is known of peers; by default in memory only.
    ///   - configuration: Times, sizes and the handshake.
    ///   - eventLoopGroup: Where connections run; by default the process's shared group.
    ///   - logger: Where to log; by default a logger labelled `glueberry.node`.
    /// - Throws: ``GlueberryError`` with code `configurationInvalid`, which names every bad field.
    public convenience init(
        identity: Identity, listen: [Multiaddr] = [], addressBook: AddressBook = .memory,
        configuration: NodeConfiguration = NodeConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil, logger: Logger? = nil
    ) throws(GlueberryError) {
        try self.init(
            identity: identity, listen: listen, addressBook: addressBook, configuration: configuration,
            eventLoopGroup: eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton, transports: nil, logger: logger)
    }

    /// Creates a node that listens on addresses given as text.
    ///
    /// - Throws: ``GlueberryError`` with code `configurationInvalid`, which names every bad field and every address that
    ///   does not parse or that nothing here can listen on.
    public convenience init(
        identity: Identity, listen: [String], addressBook: AddressBook = .memory,
        configuration: NodeConfiguration = NodeConfiguration(),
        eventLoopGroup: (any EventLoopGroup)? = nil, logger: Logger? = nil
    ) throws(GlueberryError) {
        var addresses: [Multiaddr] = []
        var malformed: [String] = []
        for text in listen {
            do {
                addresses.append(try Multiaddr(text))
            } catch {
                malformed.append("listen holds \(String(reflecting: text)), which is no address: \(error.message)")
            }
        }
        try self.init(
            identity: identity, listen: addresses, malformed: malformed, addressBook: addressBook,
            configuration: configuration, eventLoopGroup: eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton,
            transports: nil, logger: logger)
    }

    package init(
        identity: Identity, listen: [Multiaddr], malformed: [String] = [], addressBook: AddressBook = .memory,
        configuration: NodeConfiguration, eventLoopGroup: any EventLoopGroup, transports: [any Transport]?,
        logger: Logger?
    ) throws(GlueberryError) {
        let usable: [any Transport] = transports ?? Host.standardTransports
        let unusable = listen.filter { address in !usable.contains { $0.handles(address) } }
        let problems =
            malformed
            + unusable.map {
                "listen holds \($0), which nothing here can listen on; give /ip4/…/tcp/PORT or /ip6/…/tcp/PORT"
            }
            + configuration.problems()
        guard problems.isEmpty else {
            throw GlueberryError(.configurationInvalid, problems.joined(separator: "; "))
        }
        self.identity = identity
        self.listen = listen
        self.configuration = configuration
        self.group = eventLoopGroup
        self.transports = transports
        let logger = logger ?? Logger(label: "glueberry.node")
        self.logger = logger
        self.instruments = NodeInstruments(configuration, logger: logger)
        self.hubs = Locked(Self.makeHubs(configuration, self.instruments))
        self.book = PeerBook(
            store: addressBook.store, limits: .init(peers: configuration.maximumPeers),
            writeDelay: TimeAmount(configuration.addressBookWriteDelay), eventLoop: eventLoopGroup.next(),
            wallClock: configuration.now, logger: logger)
    }

    private static func makeHubs(_ configuration: NodeConfiguration, _ instruments: NodeInstruments) -> Hubs {
        Hubs(
            messages: MessageHub(
                limits: .init(
                    messages: configuration.receiveBufferMessages, bytes: configuration.receiveBufferBytes,
                    lowMessages: configuration.receiveLowWatermarkMessages,
                    lowBytes: configuration.receiveLowWatermarkBytes, policy: configuration.receivePolicy),
                policies: configuration.receivePolicies),
            events: EventHub(
                capacity: configuration.eventBuffer, peers: configuration.maximumPeers, instruments: instruments),
            notices: NoticeHub(capacity: configuration.eventBuffer))
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

    /// At which addresses others see this node, as they say themselves, the one that most agree on first.
    ///
    /// Of a peer that this node dialled only the IP address counts, since the port is that of one connection. Only peers
    /// that are connected count, each once. Nothing of it is proven: it is the word of others.
    public var observedAddresses: [ObservedAddress] {
        (self.running?.host.observedAddresses.ranked ?? []).map {
            ObservedAddress(address: $0.address, peers: $0.peers)
        }
    }

    // MARK: Life

    /// Starts the node: listens, and dials the peers that were added.
    ///
    /// - Throws: ``GlueberryError`` with code `alreadyStarted`, or `hostFailed` if an address cannot be listened on, in
    ///   which case nothing is left running.
    public func start() async throws(GlueberryError) {
        let started = Occasion()
        defer { started.happen() }
        let idle: UInt64? = self.status.withLock { status in
            guard case .idle(let lastSession) = status else { return nil }
            status = .starting(started)
            return lastSession
        }
        guard let lastSession = idle else { throw GlueberryError(.alreadyStarted, "the node runs, or is about to") }
        // After a stop, consumers of the new run begin anew; those of the old one got their end.
        var fresh = Self.makeHubs(self.configuration, self.instruments)
        let hubs = self.hubs.withLock { hubs in
            // The old ones are let go of with `fresh`, outside the lock: there may be much in them.
            if hubs.isUsed { swap(&hubs, &fresh) }
            hubs.isUsed = true
            return hubs
        }
        let run = NodeRun(
            identity: self.identity, configuration: self.configuration, group: self.group,
            transports: self.transports, hubs: hubs, book: self.book,
            instruments: self.instruments, lastSession: lastSession, scope: self.scope, logger: self.logger)
        await self.book.open()
        do {
            try await run.host.listen(on: self.listen)
        } catch {
            let lastSession = await run.stop()
            await self.book.close()
            self.status.withLock { $0 = .idle(lastSession: lastSession) }
            // Whoever called is told; it is theirs to say so.
            self.logger.debug(
                "node not started", metadata: ["peer": "\(self.peerID)", "reason": "\(LogText.of(error))"])
            throw GlueberryError(.hostFailed, "the node cannot listen", cause: error)
        }
        self.status.withLock { $0 = .running(run) }
        let peers = self.book.peersToDial
        await run.control { $0.beginDialing(peers) }
        self.logger.info(
            "node started",
            metadata: ["peer": "\(self.peerID)", "addresses": .array(self.listenAddresses.map { "\($0)" })])
    }

    /// Stops the node: flushes what was accepted, within `flushTimeout`, closes every connection, ends every task and
    /// timer, and returns when all that is done.
    ///
    /// What was received can still be read from `messages()`; then the sequences end, and those of the next start are
    /// claimed anew. Stopping twice, from many tasks at once, or before a start is harmless; a cancelled task stops the node
    /// like any other. Called from a task that the node owns, for example in the verification of a handshake, or from one
    /// that such a task has started, it begins the shutdown and returns without waiting, because the shutdown waits for
    /// that task.
    public func stop() async {
        enum Step {
            case none
            case wait(Occasion)
            case waitAndTryAgain(Occasion)
            case stop(NodeRun, Occasion)
        }
        let stopped = Occasion()
        let step = self.status.withLock { status -> Step in
            switch status {
            case .idle: return .none
            case .starting(let started): return .waitAndTryAgain(started)
            case .stopping(let stopped): return .wait(stopped)
            case .running(let run):
                status = .stopping(stopped)
                return .stop(run, stopped)
            }
        }
        let isOwned = self.scope.isCurrent
        switch step {
        case .none: break
        case .wait(let stopped):
            if !isOwned { await stopped.wait() }
        case .waitAndTryAgain(let started):
            let again = Task.detached(executorPreference: self.taskExecutor) {
                await started.wait()
                await self.stop()
            }
            if !isOwned { await again.value }
        case .stop(let run, let stopped):
            // Neither the cancellation of the caller nor what it runs in has a part in the shutdown.
            Task.detached(executorPreference: self.taskExecutor, priority: Task.currentPriority) {
                await self.finish(run, stopped)
            }
            if !isOwned { await stopped.wait() }
        }
    }

    private func finish(_ run: NodeRun, _ stopped: Occasion) async {
        let lastSession = await run.stop()
        await self.book.close()
        self.status.withLock { $0 = .idle(lastSession: lastSession) }
        self.logger.info("node stopped", metadata: ["peer": "\(self.peerID)"])
        stopped.happen()
    }

    // MARK: Within the package

    var eventLoops: [any EventLoop] { Array(self.group.makeIterator()) }

    var running: NodeRun? {
        self.status.withLock { if case .running(let run) = $0 { run } else { nil } }
    }

    func requireRunning() throws(GlueberryError) -> NodeRun {
        guard let run = self.running else {
            throw GlueberryError(.notStarted, "the node does not run", hint: "call start() first")
        }
        return run
    }

    func `await`(
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
