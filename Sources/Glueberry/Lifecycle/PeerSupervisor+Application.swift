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
import Logging
import Multiformats
import NIOCore
import PeerIdentity
import Tracing

/// What the application asks for.
extension PeerSupervisor {
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
        if let refusal = self.refusal(of: peer) {
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
        case .cooldown:
            let left = entry.lifecycle.deadline.map { Duration(max($0 - self.eventLoop.now, .zero)) } ?? .zero
            waiter.fail(
                GlueberryError(
                    .inCooldown, "the handshake with the peer failed, and it is left alone for a while",
                    hint: "try again in \(left), or disconnect it first, which ends that time", peer: peer))
        case .disconnected, .connecting, .reconnecting:
            entry.connectWaiters.add(waiter)
            entry.spans.connecting(for: caller)
            self.dials.promote(peer)
            self.perform(entry.lifecycle.connect(), on: entry)
        }
    }

    func awaitEstablished(_ peer: PeerID, waiter: Settlement<Void, GlueberryError>) {
        if let refusal = self.refusal(of: peer) {
            waiter.fail(refusal)
            return
        }
        let entry = self.entry(peer)
        if case .established = entry.lifecycle.state {
            waiter.succeed()
        } else {
            entry.establishedWaiters.add(waiter)
        }
    }

    /// Why nobody can wait for a session with a peer; nil if there is no reason.
    private func refusal(of peer: PeerID) -> GlueberryError? {
        self.isStopping
            ? GlueberryError(.stopped, "the node is stopping", peer: peer) : self.book.refusal(of: peer)
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

    func prepare(
        _ peer: PeerID, publicKey: PublicKey, names: [String], in wanted: UInt64? = nil
    ) -> Result<Void, GlueberryError> {
        let (entry, session): (PeerEntry, PeerSession)
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
                    .publicKeyInvalid, "no key can be agreed on with the peer's public key", peer: peer, cause: error))
        }
        self.host.protocolsChanged()
        return .success(())
    }

    func finalize(_ peer: PeerID, in wanted: UInt64? = nil) -> Result<Void, GlueberryError> {
        let (entry, session): (PeerEntry, PeerSession)
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
    func session(
        with peer: PeerID, in wanted: UInt64?
    ) -> Result<(PeerEntry, PeerSession), GlueberryError> {
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

    func pairKey(_ entry: PeerEntry, _ publicKey: PublicKey) throws(PairKeyError) -> PairKey {
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

    /// Redials everybody that the node waits to try again, and probes everybody that it is connected to.
    func networkChanged() {
        let timeout = TimeAmount(self.configuration.probeTimeout)
        for entry in self.entries.values {
            for connection in entry.connections { connection.probe(timeout: timeout) }
            self.perform(entry.lifecycle.retryNow(), on: entry)
        }
    }
}
