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
public import PeerIdentity

/// Who is known, who is wanted, and who is kept out.
///
/// The first of these calls reads the address book, unless `start()` has. Changes take effect at once and are written
/// in the background; see ``NodeConfiguration/addressBookWriteDelay`` and ``saveAddressBook()``.
extension Node {
    // MARK: Changing

    /// Adds a peer, or replaces what was said of it before; when it was added first and last seen is kept.
    ///
    /// A running node dials it and keeps connected to it, unless it is blacklisted.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - addresses: Where to dial it, 64 at most; none waits for the peer to dial.
    ///   - metadata: What to remember of it, at most 4,096 bytes of names and values; nil leaves what there is.
    /// - Throws: ``GlueberryError`` with code `metadataTooLarge`, `invalidAddress`, or `addressBookFull` over
    ///   ``NodeConfiguration/maximumPeers``.
    public func addPeer(
        _ peer: PeerID, addresses: [Multiaddr], metadata: [String: String]? = nil
    ) async throws(GlueberryError) {
        await self.book.ready()
        try self.book.add(peer, addresses: addresses, metadata: metadata)
        let caller = self.tracingContext
        await self.running?.control { supervisor in
            // It may have been removed meanwhile.
            guard let addresses = self.book.addresses(of: peer) else { return }
            supervisor.add(peer, addresses: addresses, caller: caller)
        }
    }

    /// Replaces the metadata of a peer.
    ///
    /// - Parameters:
    ///   - metadata: At most 4,096 bytes of names and values.
    ///   - peer: A peer of the address book.
    /// - Throws: ``GlueberryError`` with code `peerUnknown` or `metadataTooLarge`.
    public func updateMetadata(_ metadata: [String: String], of peer: PeerID) async throws(GlueberryError) {
        await self.book.ready()
        try self.book.setMetadata(metadata, of: peer)
    }

    /// Forgets a peer: disconnects it at once and makes no further tries.
    ///
    /// Messages that were accepted and not yet written are not flushed; the event tells their number. ``disconnect(from:)``
    /// first flushes them.
    ///
    /// A blacklisted peer stays so until it is taken off the blacklist.
    public func removePeer(_ peer: PeerID) async {
        await self.book.ready()
        self.book.remove(peer)
        await self.running?.control { $0.remove(peer) }
    }

    // MARK: Asking

    /// What is known of a peer; nil if it is not in the address book.
    public func peer(_ peer: PeerID) async -> AddressBookEntry? {
        await self.book.ready()
        return self.book.entry(of: peer)
    }

    /// The peers of the address book that are not blacklisted, in no particular order.
    public var peers: [AddressBookEntry] {
        get async {
            await self.book.ready()
            return self.book.entries(includingBlacklisted: false)
        }
    }

    /// All peers of the address book, in no particular order.
    public var allPeers: [AddressBookEntry] {
        get async {
            await self.book.ready()
            return self.book.entries(includingBlacklisted: true)
        }
    }

    // MARK: Blacklist

    /// Has nothing more to do with a peer, whether it is in the address book or not: a session with it ends with the code
    /// 0x1007, its connections are refused, and it is not dialled.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - duration: For how long; nil until it is taken back. The later call counts.
    /// - Throws: ``GlueberryError`` with code `addressBookFull` over 100,000 blocks.
    public func blacklist(_ peer: PeerID, for duration: Duration? = nil) async throws(GlueberryError) {
        await self.book.ready()
        try self.book.block(.peer(peer), for: duration)
        await self.running?.control { $0.blocked(peer) }
    }

    /// Has nothing more to do with whoever is at an IP address: connections from it are refused before a handshake, and
    /// dials leave it out.
    ///
    /// - Parameters:
    ///   - address: An IP address such as `192.0.2.1` or `2001:db8::1`.
    ///   - duration: For how long; nil until it is taken back.
    /// - Throws: ``GlueberryError`` with code `invalidAddress`, or `addressBookFull` over 100,000 blocks.
    public func blacklist(address: String, for duration: Duration? = nil) async throws(GlueberryError) {
        try await self.blacklist(.address(IPAddress(address)), for: duration)
    }

    /// Has nothing more to do with whoever is in a subnet, as ``blacklist(address:for:)``.
    ///
    /// - Parameters:
    ///   - subnet: A subnet such as `192.0.2.0/24` or `2001:db8::/32`.
    ///   - duration: For how long; nil until it is taken back.
    /// - Throws: ``GlueberryError`` with code `invalidAddress`, or `addressBookFull` over 100,000 blocks.
    public func blacklist(subnet: String, for duration: Duration? = nil) async throws(GlueberryError) {
        try await self.blacklist(.subnet(IPSubnet(subnet)), for: duration)
    }

    private func blacklist(
        _ subject: BlacklistEntry.Subject, for duration: Duration?
    ) async throws(GlueberryError) {
        await self.book.ready()
        try self.book.block(subject, for: duration)
        await self.running?.control { $0.blockedAddresses() }
    }

    /// Takes a peer off the blacklist; a running node dials it again if it is in the address book.
    ///
    /// - Returns: Whether it was on it.
    @discardableResult
    public func unblacklist(_ peer: PeerID) async -> Bool {
        await self.book.ready()
        let wasBlocked = self.book.unblock(.peer(peer))
        if wasBlocked { await self.running?.control { $0.beginDialing([peer]) } }
        return wasBlocked
    }

    /// Takes an IP address off the blacklist; a subnet that it is in stays there.
    ///
    /// - Returns: Whether it was on it.
    /// - Throws: ``GlueberryError`` with code `invalidAddress`.
    @discardableResult
    public func unblacklist(address: String) async throws(GlueberryError) -> Bool {
        let address = try IPAddress(address)
        await self.book.ready()
        return self.book.unblock(.address(address))
    }

    /// Takes a subnet off the blacklist, exactly as it was put on it.
    ///
    /// - Returns: Whether it was on it.
    /// - Throws: ``GlueberryError`` with code `invalidAddress`.
    @discardableResult
    public func unblacklist(subnet: String) async throws(GlueberryError) -> Bool {
        let subnet = try IPSubnet(subnet)
        await self.book.ready()
        return self.book.unblock(.subnet(subnet))
    }

    /// Everybody who is kept out at present, and until when, in no particular order.
    public var blacklisted: [BlacklistEntry] {
        get async {
            await self.book.ready()
            return self.book.blacklist
        }
    }

    /// Whether a peer is kept out at present.
    public func isBlacklisted(_ peer: PeerID) async -> Bool {
        await self.book.ready()
        return self.book.refusal(of: peer) != nil
    }

    // MARK: The store

    /// Brings the changes of the address book to its store now, instead of after a short while.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed`, after which the node tries again by itself, or
    ///   `addressBookNewer`.
    public func saveAddressBook() async throws(GlueberryError) {
        if let error = await self.book.flush() { throw error }
    }

    /// What is amiss with the address book: a file that was set aside, entries that are not understood, a disk that
    /// fails at present; the latest 32.
    public var addressBookProblems: [AddressBookProblem] { self.book.problems }
}
