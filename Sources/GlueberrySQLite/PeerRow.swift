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

#if SQLite

import Glueberry
import GRDB
import Multiformats
import PeerIdentity

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A row of the table of peers.
enum PeerRow {
    private static let columns = """
        id, addresses, public_key, metadata, last_seen, created_at, updated_at, blacklisted, seen_addresses,
        announced_addresses, unknown_fields
        """

    static func key(_ peer: PeerID) -> Data { Data(peer.bytes) }

    static func fetch(_ peer: PeerID, from database: Database) throws -> AddressBookEntry? {
        try Row.fetchOne(
            database, sql: "SELECT \(Self.columns) FROM peers WHERE id = ?", arguments: [Self.key(peer)]
        ).flatMap(Self.entry)
    }

    /// The rows that follow a peer; those that are no entries are left out and do not end the page.
    static func fetch(after peer: PeerID?, limit: Int, from database: Database) throws -> [AddressBookEntry] {
        var entries: [AddressBookEntry] = []
        var last = peer.map(Self.key) ?? Data()
        while entries.count < limit {
            let rows = try Row.fetchAll(
                database, sql: "SELECT \(Self.columns) FROM peers WHERE id > ? ORDER BY id LIMIT ?",
                arguments: [last, limit - entries.count])
            entries += rows.compactMap(Self.entry)
            guard let end = rows.last?["id"] as Data? else { break }
            last = end
        }
        return entries
    }

    static func store(_ entry: AddressBookEntry, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO peers (\(Self.columns)) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET
                    addresses = excluded.addresses, public_key = excluded.public_key, metadata = excluded.metadata,
                    last_seen = excluded.last_seen, created_at = excluded.created_at,
                    updated_at = excluded.updated_at, blacklisted = excluded.blacklisted,
                    seen_addresses = excluded.seen_addresses, announced_addresses = excluded.announced_addresses,
                    unknown_fields = excluded.unknown_fields
                """,
            arguments: [
                Self.key(entry.peer), Self.text(entry.addresses), entry.publicKey.map { Data($0.protobuf) },
                Self.text(entry.metadata.mapValues { JSONValue.string($0) }), entry.lastSeen?.description,
                entry.createdAt.description, entry.updatedAt.description, entry.isBlacklisted,
                Self.text(entry.seenAddresses), Self.text(entry.announcedAddresses),
                Self.text(entry.unknownFields.compactMapValues { try? JSONValue(parsing: Array($0.utf8)) }),
            ])
    }

    private static func entry(_ row: Row) -> AddressBookEntry? {
        guard let id: Data = row["id"], let peer = try? PeerID(bytes: id) else { return nil }
        func time(_ column: String) -> Timestamp? { (row[column] as String?).flatMap { Timestamp($0) } }
        return AddressBookEntry(
            peer: peer, addresses: Self.addresses(row["addresses"]),
            publicKey: (row["public_key"] as Data?).flatMap { data in
                let key = try? PublicKey(protobuf: data)
                return key.flatMap { PeerID(publicKey: $0) == peer ? $0 : nil }
            },
            metadata: Self.members(row["metadata"]).compactMapValues(\.text), lastSeen: time("last_seen"),
            createdAt: time("created_at") ?? .distantPast, updatedAt: time("updated_at") ?? .distantPast,
            isBlacklisted: row["blacklisted"] ?? false, seenAddresses: Self.addresses(row["seen_addresses"]),
            announcedAddresses: Self.addresses(row["announced_addresses"]),
            unknownFields: Self.members(row["unknown_fields"]).mapValues { value in
                String(decoding: value.encoded(isIndented: false), as: UTF8.self)
            })
    }

    private static func text(_ addresses: [Multiaddr]) -> String {
        Self.text(JSONValue.array(addresses.map { .string($0.description) }))
    }

    private static func text(_ members: [String: JSONValue]) -> String {
        var object = JSONObject()
        for (name, value) in members.sorted(by: { $0.key < $1.key }) { object[name] = value }
        return Self.text(JSONValue.object(object))
    }

    private static func text(_ value: JSONValue) -> String {
        String(decoding: value.encoded(isIndented: false), as: UTF8.self)
    }

    private static func value(_ text: String?) -> JSONValue? {
        text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
    }

    private static func addresses(_ text: String?) -> [Multiaddr] {
        (Self.value(text)?.elements ?? []).compactMap { $0.text.flatMap { try? Multiaddr($0) } }
    }

    private static func members(_ text: String?) -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        for member in Self.value(text)?.object?.members ?? [] { members[member.name] = member.value }
        return members
    }
}

#endif
