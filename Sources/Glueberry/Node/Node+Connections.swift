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
import NIOCore
public import PeerIdentity

extension Node {
    /// Connects to a peer that was added before; returns when it is `Connected`.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - timeout: The longest wait; by default `connectTimeout`. The node goes on trying after it.
    /// - Throws: ``GlueberryError`` with code `peerUnknown`, `peerBlacklisted`, `inCooldown` after a handshake that
    ///   failed, `connectionFailed` with every address in its cause, `limitExceeded`, `timedOut`, `cancelled`,
    ///   `notStarted` or `stopped`.
    public func connect(to peer: PeerID, timeout: Duration? = nil) async throws(GlueberryError) {
        let run = try self.requireRunning()
        let timeout = timeout ?? self.configuration.connectTimeout
        let caller = self.tracingContext
        try await self.await(run, "connecting", peer: peer, timeout: timeout) {
            $0.connect(peer, waiter: $1, caller: caller)
        }
    }

    /// Connects to an address that ends in `/p2p/ID`: adds the peer, and returns its ID when it is `Connected`.
    ///
    /// - Throws: As ``connect(to:timeout:)-(PeerID,_)``, and `invalidAddress` if the address names no peer,
    ///   `addressBookFull`.
    @discardableResult
    public func connect(to address: Multiaddr, timeout: Duration? = nil) async throws(GlueberryError) -> PeerID {
        guard let bytes = address.peer, let peer = try? PeerID(bytes: bytes) else {
            throw GlueberryError(
                .invalidAddress, "the address \(address) names no peer", hint: "it must end in /p2p/ID")
        }
        let run = try self.requireRunning()
        await self.book.ready()
        try self.book.prefer(address.withoutPeer, of: peer)
        let caller = self.tracingContext
        // In one step: what comes of adding it must not look like something that was so before.
        try await self.await(
            run, "connecting", peer: peer, timeout: timeout ?? self.configuration.connectTimeout
        ) { supervisor, waiter in
            // It may have been removed meanwhile.
            if let addresses = self.book.addresses(of: peer) {
                supervisor.add(peer, addresses: addresses, caller: caller)
            }
            supervisor.connect(peer, waiter: waiter, caller: caller)
        }
        return peer
    }

    /// Waits until the handshake with a peer is complete.
    ///
    /// - Parameters:
    ///   - peer: The peer; it need not be known yet.
    ///   - timeout: The longest wait; by default `connectTimeout` and `handshakeTimeout` together.
    /// - Throws: ``GlueberryError`` with why it will not be for now: the handshake failed, the peer sent this node away, no
    ///   further tries are made; or `timedOut`, `cancelled` or `notStarted`.
    public func waitUntilEstablished(with peer: PeerID, timeout: Duration? = nil) async throws(GlueberryError) {
        let run = try self.requireRunning()
        let timeout = timeout ?? self.configuration.connectTimeout + self.configuration.handshakeTimeout
        try await self.await(run, "waiting for the handshake", peer: peer, timeout: timeout) {
            $0.awaitEstablished(peer, waiter: $1)
        }
    }

    /// Disconnects a peer after flushing what was accepted, within `flushTimeout`, and makes no further tries by itself.
    public func disconnect(from peer: PeerID) async {
        guard let run = self.running else { return }
        let span = self.instruments.tracing?.start(.disconnect, under: self.tracingContext, peer: peer)
        defer { span?.end() }
        let timeout = TimeAmount(self.configuration.flushTimeout)
        await run.directory.session(with: peer)?.settle(timeout: timeout, on: run.eventLoop)
        await run.control { $0.disconnect(peer) }
    }

    /// Where a peer stands.
    public func state(of peer: PeerID) -> ConnectionState { self.running?.directory.state(of: peer) ?? .disconnected }

    /// The number of the session with a peer; nil without one.
    ///
    /// Numbers only grow, over a loss and over a stop and start of the node. Calls that are told a number act on that
    /// session or fail with `staleSession`.
    public func session(with peer: PeerID) -> UInt64? { self.running?.directory.session(with: peer)?.generation }

    /// Whether this side dialled the session with a peer; nil if there is none.
    public func isOutbound(_ peer: PeerID) -> Bool? { self.running?.directory.session(with: peer)?.isOutbound }

    /// Who dialled the session with a peer; nil if there is none.
    public func direction(of peer: PeerID) -> Connection.Direction? {
        self.isOutbound(peer).map { $0 ? .outbound : .inbound }
    }

    /// Ends the tries to reach a peer that are scheduled; the peer stays in the book, and a session with it goes on.
    ///
    /// A try that is under way is the last; ``connect(to:timeout:)-(PeerID,_)`` begins anew.
    ///
    /// - Returns: Whether there was anything to cancel.
    @discardableResult
    public func cancelReconnection(of peer: PeerID) async -> Bool {
        await self.running?.control { $0.cancelReconnection(of: peer) } ?? false
    }

    /// Tells the node that the network has changed, for example from one wireless network to another.
    ///
    /// It probes every connection and gives up the ones that do not answer within `probeTimeout`, tries at once to reach
    /// every peer whose next try it was waiting for, and tells its peers the addresses that it has now.
    public func networkChanged() async {
        guard let run = self.running else { return }
        run.host.interfacesChanged()
        await run.control { $0.networkChanged() }
    }

    /// Explains why a peer is connected or not: the last tries with every address, how far each got and why it ended, the
    /// last session, and when the next try is.
    ///
    /// For a peer of which nothing is known, and on a node that does not run, it says just that.
    public func explain(_ peer: PeerID) async -> ConnectionExplanation {
        if let explanation = await self.running?.control({ $0.explain(peer) }) ?? nil { return explanation }
        var explanation = ConnectionExplanation(peer: peer)
        explanation.isKnown = self.book.addresses(of: peer) != nil
        return explanation
    }

    /// Measures a round trip to a connected peer with libp2p's ping protocol.
    ///
    /// - Parameters:
    ///   - peer: A peer that there is a connection to, established or not.
    ///   - timeout: The longest wait, opening the stream included; by default `host.timeouts.ping`.
    /// - Returns: The time from the ping to its answer.
    /// - Throws: ``GlueberryError`` with code `notStarted`, `notConnected`, `timedOut`, `cancelled`, `closed` if the
    ///   connection ends first, or `streamFailed` if the peer does not answer pings.
    public func ping(_ peer: PeerID, timeout: Duration? = nil) async throws(GlueberryError) -> Duration {
        let run = try self.requireRunning()
        guard let connection = run.host.connections(to: peer).first else {
            throw GlueberryError(.notConnected, "there is no connection to the peer", peer: peer)
        }
        do {
            return .nanoseconds(try await connection.ping(timeout: timeout.map { TimeAmount($0) }).nanoseconds)
        } catch {
            throw GlueberryError(hostError: error, "the ping failed: \(error.message)", peer: peer)
        }
    }
}
