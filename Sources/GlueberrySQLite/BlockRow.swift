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
import PeerIdentity

/// A row of the table of blocks.
enum BlockRow {
    static func fetchAll(from database: Database) throws -> [BlacklistEntry] {
        try Row.fetchAll(database, sql: "SELECT kind, subject, created_at, expires FROM blocks").compactMap(Self.entry)
    }

    static func store(_ entry: BlacklistEntry, in database: Database) throws {
        try database.execute(
            sql: """
                INSERT INTO blocks (subject, kind, created_at, expires) VALUES (?, ?, ?, ?)
                ON CONFLICT (subject) DO UPDATE SET created_at = excluded.created_at, expires = excluded.expires
                """,
            arguments: [
                entry.subject.description, Self.kind(entry.subject), entry.createdAt.description,
                entry.expires?.description,
            ])
    }

    static func remove(_ subject: BlacklistEntry.Subject, from database: Database) throws {
        try database.execute(sql: "DELETE FROM blocks WHERE subject = ?", arguments: [subject.description])
    }

    private static func kind(_ subject: BlacklistEntry.Subject) -> String {
        switch subject {
        case .peer: "peer"
        case .address: "address"
        case .subnet: "subnet"
        }
    }

    private static func entry(_ row: Row) -> BlacklistEntry? {
        guard let kind: String = row["kind"], let text: String = row["subject"],
            let created = (row["created_at"] as String?).flatMap({ Timestamp($0) })
        else { return nil }
        let subject: BlacklistEntry.Subject? =
            switch kind {
            case "peer": (try? PeerID(text)).map { .peer($0) }
            case "address": (try? IPAddress(text)).map { .address($0) }
            case "subnet": (try? IPSubnet(text)).map { .subnet($0) }
            default: nil
            }
        var expires: Timestamp?
        if let end: String = row["expires"] {
            guard let time = Timestamp(end) else { return nil }
            expires = time
        }
        return subject.map { BlacklistEntry(subject: $0, createdAt: created, expires: expires) }
    }
}

#endif
