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
import Multiformats
import PeerIdentity

/// What the address book and its blacklist have to say, and what is kept in it.
extension PeerSupervisor {
    func entryInBook(_ peer: PeerID) -> PeerEntry? {
        if let entry = self.entries[peer], entry.isInBook { return entry }
        guard let addresses = self.book.addresses(of: peer) else { return nil }
        let entry = self.entry(peer)
        entry.addresses = addresses
        entry.isInBook = true
        return entry
    }

    func recordSighting(of entry: PeerEntry) {
        let connection = entry.session?.connections.first { !$0.isClosed }
        self.book.established(
            entry.peer, at: connection?.remoteAddress, wasDialed: connection?.direction == .outbound,
            publicKey: connection?.remotePublicKey)
        if let info = connection?.identifyInfo { self.book.announced(info.listenAddresses, by: entry.peer) }
    }

    /// Ends everything with a peer that has been put on the blacklist.
    func blocked(_ peer: PeerID) {
        if let entry = self.entries[peer] {
            self.perform(
                entry.lifecycle.disconnect(code: ConnectionErrorCode.gated, reason: .blacklisted), on: entry)
            // Of a peer that was not connected there is no change of state that would tell them.
            if let error = self.error(for: .blacklisted, peer: peer) { entry.establishedWaiters.fail(error) }
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

    /// Ends everything with whoever is on the blacklist.
    func enforceBlacklist() {
        let peers = Set(self.entries.keys).union(self.host.connections.map(\.remotePeer))
        for peer in peers where self.book.refusal(of: peer) != nil { self.blocked(peer) }
        self.blockedAddresses()
    }
}
