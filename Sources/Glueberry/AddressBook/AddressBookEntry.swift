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
public import PeerIdentity

/// What an address book holds about one peer.
///
/// It is a copy: changing it changes nothing in a book.
public struct AddressBookEntry: Sendable, Equatable {
    /// The most addresses of each kind that are kept of a peer.
    public static let maximumAddresses = 64
    /// The most addresses that are kept of those that a peer was seen at, and of those that it announced.
    public static let maximumSeenAddresses = 16
    /// The most bytes of metadata, names and values together.
    public static let maximumMetadata = 4096

    /// The peer.
    public let peer: PeerID
    /// Where to dial it, as the application said.
    public var addresses: [Multiaddr]
    /// Its public key, once known.
    public var publicKey: PublicKey?
    /// What the application wants to remember of it.
    public var metadata: [String: String]
    /// When it was last `Established` or stopped being so; nil if never.
    public var lastSeen: Timestamp?
    /// When it was added.
    public var createdAt: Timestamp
    /// When the application last changed something of it.
    public var updatedAt: Timestamp
    /// Whether the node has nothing to do with it.
    public var isBlacklisted: Bool
    /// Where it was really talked to, the latest first: the address that was dialled, or of a peer that dialled itself the
    /// IP address without its passing port.
    public var seenAddresses: [Multiaddr]
    /// The addresses that it said it listens on, in the latest identify message.
    public var announcedAddresses: [Multiaddr]
    /// Fields of the entry that this version does not know: their names, and their values as JSON text.
    public var unknownFields: [String: String]

    /// Creates an entry.
    public init(
        peer: PeerID, addresses: [Multiaddr] = [], publicKey: PublicKey? = nil, metadata: [String: String] = [:],
        lastSeen: Timestamp? = nil, createdAt: Timestamp, updatedAt: Timestamp, isBlacklisted: Bool = false,
        seenAddresses: [Multiaddr] = [], announcedAddresses: [Multiaddr] = [], unknownFields: [String: String] = [:]
    ) {
        self.peer = peer
        self.addresses = addresses
        self.publicKey = publicKey
        self.metadata = metadata
        self.lastSeen = lastSeen
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.isBlacklisted = isBlacklisted
        self.seenAddresses = seenAddresses
        self.announcedAddresses = announcedAddresses
        self.unknownFields = unknownFields
    }

    // MARK: Merging

    /// The entry after a change of the application, where another process may have changed the stored one meanwhile.
    ///
    /// What the application says is taken from the one that was updated later; creation from the earlier, sightings from
    /// both.
    public func merged(onto stored: AddressBookEntry?) -> AddressBookEntry {
        guard let stored else { return self }
        let isNewer = self.updatedAt >= stored.updatedAt
        var merged = isNewer ? self : stored
        merged.createdAt = Self.earlier(self.createdAt, stored.createdAt)
        merged.publicKey = merged.publicKey ?? (isNewer ? stored.publicKey : self.publicKey)
        merged.unknownFields = self.unknownFields.merging(stored.unknownFields) { _, stored in stored }
        merged.takeSightings(of: self, and: stored)
        return merged
    }

    /// The stored entry with the sightings of this one.
    public func sightings(onto stored: AddressBookEntry) -> AddressBookEntry {
        var merged = stored
        merged.publicKey = stored.publicKey ?? self.publicKey
        merged.takeSightings(of: self, and: stored)
        return merged
    }

    private mutating func takeSightings(of one: AddressBookEntry, and other: AddressBookEntry) {
        let (newer, older) =
            (one.lastSeen ?? .distantPast) >= (other.lastSeen ?? .distantPast) ? (one, other) : (other, one)
        self.lastSeen = newer.lastSeen
        self.seenAddresses = []
        for address in newer.seenAddresses + older.seenAddresses
        where !self.seenAddresses.contains(address) && self.seenAddresses.count < Self.maximumSeenAddresses {
            self.seenAddresses.append(address)
        }
        self.announcedAddresses =
            newer.announcedAddresses.isEmpty ? older.announcedAddresses : newer.announcedAddresses
    }

    private static func earlier(_ one: Timestamp, _ other: Timestamp) -> Timestamp {
        // The beginning of time stands for "not known".
        if one == .distantPast { return other }
        return other == .distantPast ? one : min(one, other)
    }
}
