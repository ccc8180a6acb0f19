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
import NIOPosix
public import PeerIdentity

/// A node without a network, for tests of code that is written against `MessagingNode`.
///
/// It does nothing by itself. What a network would bring is simulated by the test: connections, messages, events and
/// errors; what the application does is recorded: messages, prepared streams, peers. What a node decides without a network
/// it decides as a node does: which calls are refused and with which error, where a peer stands, and how waits end.
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
        /// `updateMetadata(_:of:)`.
        case updateMetadata
        /// `saveAddressBook()`.
        case saveAddressBook
        /// `blacklist(_:for:)` and those of addresses and subnets.
        case blacklist
        /// `connect(to:timeout:)`.
        case connect
        /// `waitUntilEstablished(with:timeout:)`.
        case waitUntilEstablished
        /// `ping(_:timeout:)`.
        case ping
        /// `prepareStreams(with:publicKey:named:in:)`.
        case prepareStreams
        /// `finalizeHandshake(with:in:)`.
        case finalizeHandshake
        /// `completeHandshake(with:publicKey:streams:in:)`.
        case completeHandshake
        /// `send(_:to:on:in:timeout:)` and `trySend(_:to:on:in:)`.
        ///
        /// Where it is made to fail, a broadcast has that outcome for the peer.
        case send
        /// `broadcast(_:on:timeout:)` and `tryBroadcast(_:on:)` as a whole.
        case broadcast
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

    private struct Failure {
        let method: Method
        let peer: PeerID?
        let error: GlueberryError
        var remaining: Int?
    }

    private struct Script {
        var failures: [Failure] = []
        var calls: [Method: Int] = [:]
    }

    /// Whose node it pretends to be.
    public let identity: Identity
    /// Whose times and sizes it goes by.
    public let configuration: NodeConfiguration
    private let listen: [Multiaddr]
    let eventLoop: any EventLoop
    private let state: Locked<MockState>
    private let script = Locked(Script())

    /// Creates a mock.
    ///
    /// - Parameters:
    ///   - identity: Whose node it pretends to be.
    ///   - listen: The addresses that it says it listens on; nobody can connect to them.
    ///   - configuration: The longest waits, and what else a node's configuration decides without a network: the largest
    ///     message, the size of the address book, and who does the handshake.
    ///   - eventLoopGroup: By whose clock waits end: a ``VirtualClock``, or by default the process's shared group.
    public init(
        identity: Identity = .generate(), listen: [Multiaddr] = [],
        configuration: NodeConfiguration = NodeConfiguration(), eventLoopGroup: (any EventLoopGroup)? = nil
    ) {
        var configuration = configuration
        if let clock = eventLoopGroup as? VirtualClock { configuration.now = { clock.timestamp } }
        self.identity = identity
        self.listen = listen
        self.configuration = configuration
        self.eventLoop = (eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton).any()
        self.state = Locked(MockState(configuration))
    }

    // MARK: What the test simulates

    /// A peer connects: it becomes `Connected`, and with streams to prepare `Established`.
    ///
    /// A blacklisted peer does not, nor one that is in `Cooldown`.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - streams: Streams that are prepared at once, whereupon the peer is `Established`; nil leaves the handshake to the
    ///     application.
    ///   - isOutbound: Whether this side dialled; by default it did if the peer was `Connecting`.
    public func simulateConnect(_ peer: PeerID, establishing streams: [String]? = nil, isOutbound: Bool? = nil) {
        self.update { state in
            state.begin(peer, isOutbound: isOutbound)
            if let streams { state.establish(peer, streams: Set(streams)) }
        }
    }

    /// A peer is lost, or the try to reach it fails: it becomes `Disconnected`, and its prepared streams are gone.
    ///
    /// Whoever waits for the peer gets the error; with `triesAgain`, `waitUntilEstablished` goes on waiting, as it does while
    /// a node makes further tries. On a peer that is `Disconnected` already, an error ends the waits and nothing else.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - error: Why; by default `closed`. For a dial that fails a node says `connectionFailed`.
    ///   - unwrittenMessages: Per stream, how many of the messages that were sent did not get out.
    ///   - triesAgain: Whether the next try is scheduled: the peer becomes `Reconnecting` after that.
    ///   - isSentAway: Whether it was the peer that sent this node away; that ends all waits, also with tries to follow.
    public func simulateDisconnect(
        _ peer: PeerID, error: GlueberryError? = nil, unwrittenMessages: [String: Int] = [:], triesAgain: Bool = false,
        isSentAway: Bool = false
    ) {
        self.update { state in
            if state.state(of: peer) == .disconnected {
                if let error { state.failWaiters(of: peer, error) }
            } else {
                let error = error ?? GlueberryError(.closed, "the connection ended", peer: peer)
                if isSentAway { state.failWaiters(of: peer, error) }
                state.end(peer, error, unwritten: unwrittenMessages, triesAgain: triesAgain)
            }
        }
    }

    /// The handshake with a peer fails: from `Connected` it goes into `Cooldown`, until ``simulateCooldownEnd(_:)``.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - error: Why; by default `handshakeTimedOut`.
    public func simulateHandshakeFailure(_ peer: PeerID, error: GlueberryError? = nil) {
        self.update {
            $0.coolDown(
                peer,
                error ?? GlueberryError(.handshakeTimedOut, "the handshake was not complete in time", peer: peer))
        }
    }

    /// The peer is no longer left alone: from `Cooldown` it becomes `Disconnected`, then `Reconnecting` if a node would try
    /// again.
    public func simulateCooldownEnd(_ peer: PeerID) {
        self.update { $0.endCooldown(peer) }
    }

    /// A message arrives, whatever the state of its sender.
    public func simulateMessage(_ bytes: some Collection<UInt8>, from peer: PeerID, on stream: String) {
        self.simulateMessage(ByteBuffer(bytes: bytes), from: peer, on: stream)
    }

    /// A message arrives, whatever the state of its sender.
    public func simulateMessage(_ payload: ByteBuffer, from peer: PeerID, on stream: String) {
        self.update { $0.receive(payload, from: peer, on: stream) }
    }

    /// A change of state happens, be it one that a node would make or not.
    public func simulateEvent(_ event: ConnectionEvent) {
        self.update { $0.simulate(event) }
    }

    /// A notice is given to whoever has subscribed to `notices()`.
    public func simulateNotice(_ notice: NodeNotice) {
        self.update { state in
            let sources = Array(state.sources.notices.values)
            state.outbox.append { for source in sources { source.append(notice) } }
        }
    }

    /// Round trips take so long from now on; without it they take no time.
    ///
    /// A `ping` that is given less time fails with `timedOut`; none waits.
    public func simulateRoundTrip(_ duration: Duration) {
        self.update { $0.roundTrip = duration }
    }

    /// Calls of a method throw from now on, so many times or until ``stopFailing(_:for:)``; those that concern a peer only
    /// for one peer, if one is named.
    public func fail(
        _ method: Method, with error: GlueberryError, times: Int? = nil, for peer: PeerID? = nil
    ) {
        self.script.withLock { script in
            script.failures.removeAll { $0.method == method && $0.peer == peer }
            script.failures.append(Failure(method: method, peer: peer, error: error, remaining: times))
        }
    }

    /// Takes back ``fail(_:with:times:for:)``, for one peer or else for all.
    public func stopFailing(_ method: Method, for peer: PeerID? = nil) {
        self.script.withLock { script in
            script.failures.removeAll { $0.method == method && (peer == nil || $0.peer == peer) }
        }
    }

    // MARK: What the application did

    /// Whether the mock has been started and not stopped.
    public var isRunning: Bool { self.update { $0.isRunning } }

    /// Everything that was sent, in order; with a peer or a stream, only what went there.
    ///
    /// Of a broadcast there is one message for each peer that it went to.
    public func sentMessages(to peer: PeerID? = nil, on stream: String? = nil) -> [SentMessage] {
        self.update { $0.sentMessages(to: peer, on: stream) }
    }

    /// Waits until so many messages have been sent, and returns all of them.
    ///
    /// - Throws: `CancellationError` when the calling task is cancelled, for example by the time limit of its test.
    public func waitForMessages(
        _ count: Int, to peer: PeerID? = nil, on stream: String? = nil
    ) async throws -> [SentMessage] {
        let arrived = Settlement<[SentMessage], CancellationError>()
        let there = self.update { state -> [SentMessage]? in
            let sent = state.sentMessages(to: peer, on: stream)
            if sent.count >= count { return sent }
            state.sentWaiters.removeAll { $0.arrived.isSettled }
            state.sentWaiters.append(.init(count: count, peer: peer, stream: stream, arrived: arrived))
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
        self.update { $0.sent = [] }
    }

    /// The streams that are prepared with a peer.
    public func preparedStreams(with peer: PeerID) -> Set<String> {
        self.update { $0.peers[peer]?.session?.streams ?? [] }
    }

    /// What the application said of a peer; nil if it never added it.
    public func knownPeer(_ peer: PeerID) -> KnownPeer? {
        self.update { state in
            state.book.entry(of: peer, now: state.now).map {
                KnownPeer(addresses: $0.addresses, metadata: $0.metadata)
            }
        }
    }

    /// How many subscriptions to events there are, besides `events()`.
    public var subscribers: Int { self.update { $0.sources.subscribers.count } }

    /// How many calls of `connect` and `waitUntilEstablished` wait for a peer.
    public func waiters(for peer: PeerID) -> Int {
        self.update { state in
            guard let entry = state.peers[peer] else { return 0 }
            return (entry.connecting + entry.establishing).count { !$0.isSettled }
        }
    }

    /// How often a method was called, with or without success.
    public func calls(of method: Method) -> Int { self.script.withLock { $0.calls[method] ?? 0 } }

    /// How often the running mock was told that the network has changed.
    public var networkChanges: Int { self.update { $0.networkChanges } }

    // MARK: Within

    var listening: [Multiaddr] { self.isRunning ? self.listen.map { $0.appending(peer: self.peerID) } : [] }

    /// Changes the state, then tells whom it concerns.
    ///
    /// Of several tasks at once, one tells what all have to tell, in the order of the changes.
    @discardableResult
    func update<Value>(_ body: (inout MockState) -> Value) -> Value {
        let (now, timestamp) = (self.eventLoop.now, self.configuration.now())
        let (value, delivers) = self.state.withLock { state in
            state.now = now
            state.timestamp = timestamp
            let value = body(&state)
            let delivers = !state.isDelivering && !state.outbox.isEmpty
            if delivers { state.isDelivering = true }
            return (value, delivers)
        }
        if delivers { while let tell = self.nextToTell() { tell() } }
        return value
    }

    /// The same with a change that can be refused.
    @discardableResult
    func attempt<Value>(
        _ body: (inout MockState) throws(GlueberryError) -> Value
    ) throws(GlueberryError) -> Value {
        try self.update { state in
            Result { () throws(GlueberryError) in try body(&state) }
        }.get()
    }

    private func nextToTell() -> (@Sendable () -> Void)? {
        self.state.withLock { state in
            let next = state.outbox.popFirst()
            if next == nil { state.isDelivering = false }
            return next
        }
    }

    /// Counts a call, and throws what the test wants it to throw.
    func called(_ method: Method, for peer: PeerID? = nil) throws(GlueberryError) {
        self.script.withLock { $0.calls[method, default: 0] += 1 }
        if let error = self.failure(of: method, for: peer) { throw error }
    }

    /// What the test wants a call to throw, which is one time less then.
    func failure(of method: Method, for peer: PeerID? = nil) -> GlueberryError? {
        self.script.withLock { script in
            let index = script.failures.lastIndex { failure in
                failure.method == method && (failure.peer == nil || failure.peer == peer) && failure.remaining ?? 1 > 0
            }
            guard let index else { return nil }
            if let remaining = script.failures[index].remaining {
                script.failures[index].remaining = remaining - 1
            }
            return script.failures[index].error
        }
    }

    func wait(
        _ what: String, for peer: PeerID, timeout: Duration,
        _ start: (inout MockState, MockState.Waiter) -> Void
    ) async throws(GlueberryError) {
        try await self.eventLoop.await(
            timeout: VirtualClock.amount(timeout),
            ended: { code -> GlueberryError in
                code == .timedOut
                    ? GlueberryError(.timedOut, "\(what): not done in time", peer: peer)
                    : GlueberryError(.cancelled, "\(what): the task was cancelled", peer: peer)
            },
            start: { (waiter: MockState.Waiter) in self.update { start(&$0, waiter) } })
    }
}
