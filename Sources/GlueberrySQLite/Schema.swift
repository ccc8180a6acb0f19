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

import GRDB

/// The tables of the address book and how older databases become of this version.
enum Schema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { database in
            // No index besides the key: a change of a row touches that row alone.
            try database.execute(
                sql: """
                    CREATE TABLE peers (
                        id BLOB NOT NULL PRIMARY KEY,
                        addresses TEXT NOT NULL,
                        public_key BLOB,
                        metadata TEXT NOT NULL,
                        last_seen TEXT,
                        created_at TEXT NOT NULL,
                        updated_at TEXT NOT NULL,
                        blacklisted INTEGER NOT NULL,
                        seen_addresses TEXT NOT NULL,
                        announced_addresses TEXT NOT NULL,
                        unknown_fields TEXT NOT NULL
                    ) WITHOUT ROWID;
                    CREATE TABLE blocks (
                        subject TEXT NOT NULL PRIMARY KEY,
                        kind TEXT NOT NULL,
                        created_at TEXT NOT NULL,
                        expires TEXT
                    ) WITHOUT ROWID;
                    """)
        }
        return migrator
    }
}

#endif
