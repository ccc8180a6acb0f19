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

import LibP2P
public import Multiformats
import NIOCore
public import PeerIdentity

extension Node {
    /// Connects to a peer that was added before; returns when it is `Connected`.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - timeout: The longest wait; nil waits until the try that runs has ended. The node goes on trying after it.
    /// - Throws: ``GlueberryError`` with code `peerUnknown`, `peerBlacklisted`, `connectionFailed` with every
    ///   address in its cause, `timedOut`, `cancelled`, `notStarted`.
    public func connect(to peer: PeerID, timeout: Duration? = nil) async throws(GlueberryError) {
        let run = try self.requireRunning()
        try await self.await(run, "connecting", peer: peer, timeout: timeout) { $0.connect(peer, waiter: $1) }
    }

    /// Connects to an address that ends in `/p2p/ID`: adds the peer, and returns its ID when it is `Connected`.
    ///
    /// - Throws: As ``connect(to:timeout:)-(PeerID,_)``, and `configurationInvalid` if the address names no peer,
    ///   `addressBookFull`.
    @discardableResult
    public func connect(to address: Multiaddr, timeout: Duration? = nil) async throws(GlueberryError) -> PeerID {
        guard let bytes = address.peer, let peer = try? PeerID(bytes: bytes) else {
            throw GlueberryError(
                .configurationInvalid, "the address \(address) names no peer", hint: "it must end in /p2p/ID")
        }
        let run = try self.requireRunning()
        await self.book.ready()
        try self.book.prefer(address.withoutPeer, of: peer)
        let addresses = self.book.addresses(of: peer) ?? []
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
}
