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

public import Glueberry
import GRDB
import Multiformats
public import PeerIdentity

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An address book in an SQLite database, for very many peers: a change of one writes one row, however many there are.
///
/// The database is in WAL mode, so that other processes can read while one writes, and a crash loses nothing that was
/// written. A save merges each row with what is stored by the same rule as ``FileAddressBookStore``; what other processes
/// change besides is seen at the node's next start.
///
/// A database of a newer version is refused with `addressBookNewer`. One that is damaged is moved to `PATH.bak`, or
/// `PATH.bak.1` and so on, with its companions, and a new one is begun.
public actor SQLiteAddressBookStore: AddressBookStore {
    /// The database file.
    nonisolated public let path: String

    private let executor = BlockingExecutor()
    private var pool: DatabasePool?
    private var problems: [AddressBookProblem] = []

    /// Runs the store on threads that may block.
    nonisolated public var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    /// Creates a store; nothing is opened yet.
    ///
    /// - Parameter path: The file; its directory must exist.
    public init(path: String) {
        self.path = path
    }

    /// The entries in the order of their peer IDs, a page at a time.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed` or `addressBookNewer`.
    public func entries(after peer: PeerID?, limit: Int) throws(GlueberryError) -> [AddressBookEntry] {
        try self.access { pool in
            try pool.read { database in
                try PeerRow.fetch(after: peer, limit: max(limit, 0), from: database)
            }
        }
    }

    /// The entry of one peer.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed` or `addressBookNewer`.
    public func entry(of peer: PeerID) throws(GlueberryError) -> AddressBookEntry? {
        try self.access { pool in try pool.read { database in try PeerRow.fetch(peer, from: database) } }
    }

    /// How many peers there are.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed` or `addressBookNewer`.
    public func count() throws(GlueberryError) -> Int {
        try self.access { pool in
            try pool.read { database in try Int.fetchOne(database, sql: "SELECT count(*) FROM peers") ?? 0 }
        }
    }

    /// The blocks that have not ended.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed` or `addressBookNewer`.
    public func blocks() throws(GlueberryError) -> [BlacklistEntry] {
        let now = Timestamp.now
        return try self.access { pool in
            let all = try pool.read { database in try BlockRow.fetchAll(from: database) }
            let ended = all.filter { $0.expires.map { $0 <= now } ?? false }
            if !ended.isEmpty {
                try pool.write { database in
                    for entry in ended { try BlockRow.remove(entry.subject, from: database) }
                }
            }
            return all.filter { !ended.contains($0) }
        }
    }

    /// Brings changes into the database, all of them or none.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed` or `addressBookNewer`.
    public func save(_ changes: [AddressBookChange]) throws(GlueberryError) -> [AddressBookChange] {
        try self.access { pool in
            try pool.write { database in try changes.compactMap { try Self.apply($0, to: database) } }
        }
    }

    /// What was found amiss since the last call.
    public func takeProblems() -> [AddressBookProblem] {
        defer { self.problems = [] }
        return self.problems
    }

    /// Closes the database; a later call opens it again.
    public func close() {
        try? self.pool?.close()
        self.pool = nil
    }

    /// How many rows this store has written since it was opened.
    func writtenRows() throws(GlueberryError) -> Int {
        try self.access { pool in try pool.write { database in database.totalChangesCount } }
    }

    /// Brings the write-ahead log into the database and empties it.
    func checkpoint() throws(GlueberryError) {
        try self.access { pool in _ = try pool.writeWithoutTransaction { try $0.checkpoint(.truncate) } }
    }

    // MARK: Changes

    private static func apply(
        _ change: AddressBookChange, to database: Database
    ) throws -> AddressBookChange? {
        switch change {
        case .put(let entry):
            let stored = try PeerRow.fetch(entry.peer, from: database)
            let merged = entry.merged(onto: stored)
            if merged != stored { try PeerRow.store(merged, in: database) }
            return merged == entry ? nil : .put(merged)
        case .sighting(let entry):
            guard let stored = try PeerRow.fetch(entry.peer, from: database) else {
                // Somebody else has removed it.
                return .remove(entry.peer, at: entry.updatedAt)
            }
            let merged = entry.sightings(onto: stored)
            if merged != stored { try PeerRow.store(merged, in: database) }
            return merged == entry ? nil : .put(merged)
        case .remove(let peer, let time):
            guard let stored = try PeerRow.fetch(peer, from: database) else { return nil }
            guard stored.updatedAt <= time else { return .put(stored) }
            try database.execute(sql: "DELETE FROM peers WHERE id = ?", arguments: [PeerRow.key(peer)])
            return nil
        case .block(let entry):
            try BlockRow.store(entry, in: database)
            return nil
        case .unblock(let subject):
            try BlockRow.remove(subject, from: database)
            return nil
        }
    }

    // MARK: The database

    private func access<Value>(_ body: (DatabasePool) throws -> Value) throws(GlueberryError) -> Value {
        do {
            do {
                return try body(try self.opened())
            } catch let error as DatabaseError where Self.isDamage(error) {
                try self.setAside(because: error)
                return try body(try self.opened())
            }
        } catch let error as GlueberryError {
            throw error
        } catch {
            throw GlueberryError(
                .addressBookFailed, "the database of the address book cannot be read or written",
                hint: "look at the cause", cause: error)
        }
    }

    private static func isDamage(_ error: DatabaseError) -> Bool {
        error.resultCode == .SQLITE_CORRUPT || error.resultCode == .SQLITE_NOTADB
    }

    private func opened() throws -> DatabasePool {
        if let pool = self.pool { return pool }
        var configuration = Configuration()
        configuration.label = "glueberry.addressbook"
        configuration.busyMode = .timeout(2)
        // Created before SQLite does, which asks the process for the mode.
        let descriptor = open(self.path, O_RDWR | O_CREAT | O_CLOEXEC, mode_t(0o600))
        if descriptor >= 0 { _ = Self.closeDescriptor(descriptor) }
        let pool = try DatabasePool(path: self.path, configuration: configuration)
        let migrator = Schema.migrator
        guard try !pool.read(migrator.hasBeenSuperseded) else {
            try? pool.close()
            self.problems.append(
                AddressBookProblem(.newerVersion, "the database of the address book is of a newer version"))
            throw GlueberryError(
                .addressBookNewer, "the database of the address book is of a newer version and is left alone",
                hint: "use the version of this library that wrote it, or another path")
        }
        try migrator.migrate(pool)
        self.pool = pool
        return pool
    }

    /// Moves a damaged database and its companions to names that are free.
    private func setAside(because reason: DatabaseError) throws {
        try? self.pool?.close()
        self.pool = nil
        for number in 0..<1000 {
            let target = self.path + (number == 0 ? ".bak" : ".bak.\(number)")
            if link(self.path, target) != 0 {
                let code = errno
                if code == EEXIST { continue }
                throw reason
            }
            _ = unlink(self.path)
            for companion in ["-wal", "-shm"] { _ = rename(self.path + companion, target + companion) }
            self.problems.append(
                AddressBookProblem(
                    .setAside(path: target),
                    "the database of the address book is damaged and was moved to "
                        + "\"\(PrintableText.escape(target, limit: 256))\"",
                    error: GlueberryError(.addressBookCorrupt, "\(reason)")))
            return
        }
        throw reason
    }

    private static func closeDescriptor(_ descriptor: CInt) -> CInt {
        #if canImport(Glibc)
        Glibc.close(descriptor)
        #elseif canImport(Musl)
        Musl.close(descriptor)
        #elseif canImport(Darwin)
        Darwin.close(descriptor)
        #endif
    }
}

extension AddressBook {
    /// In an SQLite database, for very many peers; see ``SQLiteAddressBookStore``.
    public static func sqlite(_ path: String) -> AddressBook { .store(SQLiteAddressBookStore(path: path)) }
}

#endif
