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

import Glueberry
import Multiformats
import NIOCore
import PeerIdentity

/// The peers that a mock knows and those that it has nothing to do with, under the rules of a node's address book.
struct MockBook {
    private struct Block {
        let entry: BlacklistEntry
        let deadline: NIODeadline?
    }

    private var entries: [PeerID: AddressBookEntry] = [:]
    private var blocks: [BlacklistEntry.Subject: Block] = [:]

    // MARK: Peers

    func entry(of peer: PeerID, now: NIODeadline) -> AddressBookEntry? {
        guard var entry = self.entries[peer] else { return nil }
        entry.isBlacklisted = self.isBlocked(.peer(peer), now: now)
        return entry
    }

    func all(now: NIODeadline) -> [AddressBookEntry] {
        self.entries.keys.compactMap { self.entry(of: $0, now: now) }
    }

    /// The peers that a node connects to by itself.
    func toDial(now: NIODeadline) -> [PeerID] {
        self.all(now: now).filter { !$0.isBlacklisted && !$0.addresses.isEmpty }.map(\.peer)
    }

    mutating func add(
        _ peer: PeerID, addresses: [Multiaddr], metadata: [String: String]?, limit: Int, at timestamp: Timestamp
    ) throws(GlueberryError) {
        let addresses = try AddressBookEntry.checked(addresses, of: peer)
        if let metadata { try AddressBookEntry.check(metadata, of: peer) }
        try self.put(peer, limit: limit, at: timestamp) { entry in
            entry.addresses = addresses
            if let metadata { entry.metadata = metadata }
        }
    }

    /// Puts an address before the others of a peer, which is added if need be.
    mutating func prefer(
        _ address: Multiaddr, of peer: PeerID, limit: Int, at timestamp: Timestamp
    ) throws(GlueberryError) {
        try self.put(peer, limit: limit, at: timestamp) { entry in
            entry.addresses.removeAll { $0 == address }
            entry.addresses.insert(address, at: 0)
            entry.addresses.removeLast(max(0, entry.addresses.count - AddressBookEntry.maximumAddresses))
        }
    }

    mutating func setMetadata(
        _ metadata: [String: String], of peer: PeerID, at timestamp: Timestamp
    ) throws(GlueberryError) {
        try AddressBookEntry.check(metadata, of: peer)
        guard var entry = self.entries[peer] else {
            throw GlueberryError(.peerUnknown, "the peer is not in the address book", hint: "add it", peer: peer)
        }
        entry.metadata = metadata
        entry.updatedAt = timestamp
        self.entries[peer] = entry
    }

    mutating func remove(_ peer: PeerID) { self.entries[peer] = nil }

    mutating func sighted(_ peer: PeerID, at timestamp: Timestamp) {
        self.entries[peer]?.lastSeen = timestamp
        if let key = peer.publicKey { self.entries[peer]?.publicKey = key }
    }

    private mutating func put(
        _ peer: PeerID, limit: Int, at timestamp: Timestamp, _ change: (inout AddressBookEntry) -> Void
    ) throws(GlueberryError) {
        guard self.entries[peer] != nil || self.entries.count < limit else {
            throw GlueberryError(
                .addressBookFull, "the address book has \(limit) peers, as many as it may", peer: peer)
        }
        var entry = self.entries[peer] ?? AddressBookEntry(peer: peer, createdAt: timestamp, updatedAt: timestamp)
        change(&entry)
        entry.updatedAt = timestamp
        self.entries[peer] = entry
    }

    // MARK: The blacklist

    func isBlocked(_ subject: BlacklistEntry.Subject, now: NIODeadline) -> Bool {
        guard let block = self.blocks[subject] else { return false }
        return block.deadline.map { now < $0 } ?? true
    }

    /// Why there is nothing to do with a peer; nil if it is welcome.
    func refusal(of peer: PeerID, now: NIODeadline) -> GlueberryError? {
        guard self.isBlocked(.peer(peer), now: now) else { return nil }
        return GlueberryError(.peerBlacklisted, "the peer is blacklisted", peer: peer)
    }

    func blacklist(now: NIODeadline) -> [BlacklistEntry] {
        self.blocks.values.map(\.entry).filter { self.isBlocked($0.subject, now: now) }
    }

    mutating func block(
        _ subject: BlacklistEntry.Subject, for duration: Duration?, now: NIODeadline, at timestamp: Timestamp
    ) {
        self.blocks[subject] = Block(
            entry: BlacklistEntry(
                subject: subject, createdAt: timestamp, expires: duration.map { timestamp.advanced(by: $0) }),
            deadline: duration.map { now + VirtualClock.amount($0) })
    }

    /// Takes a block back; returns whether there was one.
    mutating func unblock(_ subject: BlacklistEntry.Subject, now: NIODeadline) -> Bool {
        let wasBlocked = self.isBlocked(subject, now: now)
        self.blocks[subject] = nil
        return wasBlocked
    }
}
