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
import Synchronization

/// An authenticated, encrypted and multiplexed connection to one peer.
///
/// Safe to use from any number of tasks. It lives until either side closes it, the transport breaks, or the other side
/// is silent for longer than the keep-alive time (`YamuxConfiguration`).
public final class Connection: Sendable {
    /// Who opened the connection.
    public enum Direction: String, Sendable {
        /// The other side dialled.
        case inbound
        /// This side dialled.
        case outbound
    }

    private struct State {
        var closeReason: ConnectionCloseReason?
        var identify: Result<IdentifyInfo, HostError>?
        /// What was pushed before the answer came.
        var earlyUpdate: IdentifyUpdate?
        var identifyWaiters: [Settlement<IdentifyInfo, HostError>] = []
        var closeWaiters: [Settlement<Void, Never>] = []
    }

    /// The peer at the other end, as the security handshake proved it.
    public let remotePeer: PeerID
    /// Its public key.
    public let remotePublicKey: PublicKey
    /// Who opened the connection.
    public let direction: Direction
    /// The address at the other end.
    public let remoteAddress: Multiaddr
    /// The protocol that secures it, for example `/noise`.
    public let security: String
    /// Whether the security handshake settled the multiplexer, which saves a round trip.
    public let earlyMuxer: Bool
    /// Whether the security handshake was with the peer at the other end itself and has proved that it holds the key of
    /// ``remotePeer``: whatever carries the connection can neither read nor change what is on it.
    ///
    /// It is so with Noise, over whatever transport and relay.
    package var provesPeer: Bool { self.security == ConnectionUpgrade.noiseProtocol }
    /// The event loop that drives the connection.
    public let eventLoop: any EventLoop
    /// Unique within the process.
    package let id: UInt64
    /// When the transport was connected, or taken.
    package let began: NIODeadline
    /// When it could first carry streams, on the clock of its event loop.
    package let openedAt: NIODeadline

    let usage: PeerUsage
    private let streamWriteBuffer: Int
    private let pingTimeout: TimeAmount
    private let handler: NIOLoopBound<ConnectionHandler>
    private let delegate: any ConnectionDelegate
    private let state = Locked(State())

    private static let nextID = Atomic<UInt64>(1)

    init(
        _ secured: SecuredConnection, direction: Direction, address: Multiaddr, handler: ConnectionHandler,
        eventLoop: any EventLoop, delegate: any ConnectionDelegate, streamWriteBuffer: Int = 256 * 1024
    ) {
        self.remotePeer = secured.remotePeer
        self.remotePublicKey = secured.remotePublicKey
        self.direction = direction
        self.remoteAddress = address
        self.security = secured.security
        self.earlyMuxer = secured.earlyMuxer
        self.eventLoop = eventLoop
        self.began = handler.began
        self.openedAt = eventLoop.now
        self.handler = NIOLoopBound(handler, eventLoop: eventLoop)
        self.delegate = delegate
        self.streamWriteBuffer = streamWriteBuffer
        self.pingTimeout = handler.timeouts.ping
        self.usage = delegate.usage(of: secured.remotePeer)
        self.id = Self.nextID.wrappingAdd(1, ordering: .relaxed).oldValue
    }

    /// Why the connection ended; nil while it lives.
    public var closeReason: ConnectionCloseReason? { self.state.withLock { $0.closeReason } }

    /// Whether the connection has ended.
    public var isClosed: Bool { self.closeReason != nil }

    /// Opens a stream that speaks the first of `protocols` that the other side takes.
    ///
    /// - Parameters:
    ///   - protocols: Protocol IDs in the order of preference.
    ///   - timeout: The longest wait for the agreement; by default `HostTimeouts.streamNegotiation`.
    /// - Returns: The stream, whose `protocolID` is the one agreed on.
    /// - Throws: ``HostError`` with code `noCommonProtocol`, `timedOut`, `limitExceeded`, `closed`, `reset` or, when the
    ///   calling task is cancelled, `cancelled`. The stream is reset in every such case.
    public func openStream(protocols: [String], timeout: TimeAmount? = nil) async throws(HostError) -> Stream {
        let stream = Stream(connection: self, writeBuffer: self.streamWriteBuffer)
        return try await self.eventLoop.awaitHost(
            "opening a stream", timeout: timeout, start: { stream.open(protocols: protocols, opened: $0) },
            abandon: { stream.reset() })
    }

    /// Closes the connection with a libp2p error code, after sending what is queued, and returns when it is closed.
    ///
    /// Closing twice is harmless.
    public func close(code: UInt32 = ConnectionErrorCode.none) async {
        let closed = Settlement<Void, Never>()
        let isClosed = self.state.withLock { state in
            if state.closeReason == nil { state.closeWaiters.append(closed) }
            return state.closeReason != nil
        }
        guard !isClosed else { return }
        self.closeNow(code: code)
        _ = await closed.value()
    }

    /// What the other side says of itself (identify); waits for the exchange that runs after the connection opens.
    ///
    /// - Throws: ``HostError`` if the exchange failed, or when the calling task is cancelled.
    public func identify() async throws(HostError) -> IdentifyInfo {
        try await self.eventLoop.awaitHost(
            "identify", timeout: nil,
            start: { waiter in
                let settled = self.state.withLock { state -> Result<IdentifyInfo, HostError>? in
                    if let result = state.identify { return result }
                    if let reason = state.closeReason { return .failure(reason.error) }
                    state.identifyWaiters.append(waiter)
                    return nil
                }
                if let settled { waiter.settle(settled) }
            })
    }

    /// What identify has brought so far; nil before that.
    public var identifyInfo: IdentifyInfo? { try? self.state.withLock { $0.identify }?.get() }

    /// Measures a round trip with the ping protocol.
    ///
    /// - Parameter timeout: The longest wait; by default ``HostTimeouts/ping``.
    /// - Returns: The time from the ping to its answer.
    /// - Throws: ``HostError`` with code `timedOut`, or why the stream failed.
    public func ping(timeout: TimeAmount? = nil) async throws(HostError) -> TimeAmount {
        let timeout = timeout ?? self.pingTimeout
        let payload = PingRequester.randomPayload()
        return try await self.eventLoop.awaitHost(
            "ping", timeout: timeout,
            start: { result in
                self.openStream(
                    protocols: [PingProtocol.id],
                    consumer: PingRequester(payload: payload, timeout: timeout, result: result),
                    failed: { result.fail($0) })
            })
    }

    // MARK: Within the package

    /// Streams that the peer has open to us, and received bytes that nobody has taken, over all its connections.
    package var usageOfPeer: (streams: Int, bufferedBytes: Int) { (self.usage.streamCount, self.usage.bufferedBytes) }

    /// Opens a stream for a consumer that lives on the event loop.
    ///
    /// May be called from any thread.
    package func openStream(
        protocols: [String], consumer: sending any StreamConsumer,
        failed: @escaping @Sendable (HostError) -> Void
    ) {
        if self.eventLoop.inEventLoop {
            self.openOnLoop(protocols, consumer, failed)
        } else {
            // The consumer is handed over whole: nobody else has it, which `sending` demands of the caller.
            let box = UnsafeTransfer(consumer)
            self.eventLoop.execute { self.openOnLoop(protocols, box.value, failed) }
        }
    }

    private func openOnLoop(
        _ protocols: [String], _ consumer: any StreamConsumer, _ failed: (HostError) -> Void
    ) {
        self.handler.value.work {
            do throws(HostError) {
                try self.handler.value.openStream(protocols: protocols, consumer: consumer, connection: self)
            } catch {
                failed(error)
            }
        }
    }

    /// Runs `body` on the event loop as one piece of work, after which everything that it queued is written at once.
    package func work(_ body: @escaping @Sendable () -> Void) {
        if self.eventLoop.inEventLoop {
            self.handler.value.work(body)
        } else {
            self.eventLoop.execute { self.handler.value.work(body) }
        }
    }

    /// Runs `body` on the event loop after everything that was given to it before, also when called on the loop.
    func enqueue(_ body: @escaping @Sendable () -> Void) {
        self.eventLoop.execute { self.handler.value.work(body) }
    }

    /// Runs `body` as one piece of work for a caller that is on the event loop already.
    package func workHere(_ body: () -> Void) { self.handler.value.work(body) }

    /// Closes without waiting.
    ///
    /// May be called from any thread.
    package func closeNow(code: UInt32) {
        self.eventLoop.execute { self.handler.value.work { self.handler.value.close(code: code) } }
    }

    /// Sends a probe whose missing answer ends the connection after `timeout`.
    package func probe(timeout: TimeAmount) {
        self.eventLoop.execute { self.handler.value.probe(timeout: timeout) }
    }

    /// Returns when what was written before has arrived at the other side, as far as a round trip tells, or the connection
    /// has ended, or the time is over.
    package func settle(timeout: TimeAmount) async {
        _ = try? await self.eventLoop.awaitHost(
            "a round trip", timeout: timeout,
            start: { (settlement: Settlement<Void, HostError>) in
                self.enqueue { self.handler.value.afterRoundTrip { settlement.succeed() } }
            })
    }

    func route(_ protocolID: String) -> StreamRoute { self.delegate.route(protocolID, on: self) }

    func closed(_ reason: ConnectionCloseReason) {
        let (identifyWaiters, closeWaiters) = self.state.withLock { state in
            state.closeReason = reason
            defer {
                state.identifyWaiters = []
                state.closeWaiters = []
            }
            return (state.identifyWaiters, state.closeWaiters)
        }
        for waiter in identifyWaiters { waiter.fail(reason.error) }
        for waiter in closeWaiters { waiter.succeed() }
    }

    func identified(_ result: Result<IdentifyInfo, HostError>) {
        let waiters = self.state.withLock { state -> [Settlement<IdentifyInfo, HostError>] in
            // A failed exchange takes nothing away that an earlier one or a push has brought.
            if case .failure = result, case .success = state.identify { return [] }
            if let update = state.earlyUpdate {
                state.earlyUpdate = nil
                state.identify = .success(update.applied(to: (try? result.get()) ?? IdentifyInfo()))
            } else {
                state.identify = result
            }
            defer { state.identifyWaiters = [] }
            return state.identifyWaiters
        }
        guard !waiters.isEmpty, let settled = self.state.withLock({ $0.identify }) else { return }
        for waiter in waiters { waiter.settle(settled) }
    }

    /// The other side pushed what has changed: what it does not mention stays as it was.
    func updated(_ update: IdentifyUpdate) {
        self.state.withLock { state in
            switch state.identify {
            case .success(let info): state.identify = .success(update.applied(to: info))
            case .failure: state.identify = .success(update.applied(to: IdentifyInfo()))
            case nil: state.earlyUpdate = state.earlyUpdate?.merged(with: update) ?? update
            }
        }
    }
}

/// Carries a value that only one party has to an event loop.
struct UnsafeTransfer<Value>: @unchecked Sendable {
    // Guarded by its use: made from a `sending` value, read once, on the receiving event loop.
    let value: Value

    init(_ value: sending Value) {
        self.value = value
    }
}
