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

import Foundation
import Glueberry
import GRDB
import Multiformats
import PeerIdentity
import Testing

@testable import GlueberrySQLite

@Suite(.timeLimit(.minutes(5))) struct SQLiteAddressBookStoreTests {
    private let folder: Folder
    private let path: String

    init() throws {
        self.folder = try Folder()
        self.path = self.folder.path + "/book.sqlite"
    }

    private func entry(_ seconds: Int64 = 1_700_000_000) throws -> AddressBookEntry {
        let identity = Identity.generate()
        return AddressBookEntry(
            peer: identity.peerID, addresses: [try Multiaddr("/ip4/192.0.2.1/tcp/9000")], publicKey: identity.publicKey,
            metadata: ["name": "ä \"x\""], lastSeen: Timestamp(seconds: seconds, nanoseconds: 7),
            createdAt: Timestamp(seconds: seconds), updatedAt: Timestamp(seconds: seconds), isBlacklisted: true,
            seenAddresses: [try Multiaddr("/ip6/2001:db8::1/tcp/1")],
            announcedAddresses: [try Multiaddr("/dns4/example.org/tcp/1")],
            unknownFields: ["n": "0.10", "o": "{\"a\":[]}"])
    }

    private func code(_ body: () async throws -> Void) async -> GlueberryError.Code? {
        do {
            try await body()
            return nil
        } catch { return (error as? GlueberryError)?.code }
    }

    @Test func everyFieldComesBack() async throws {
        let entry = try self.entry()
        let blocks = [
            BlacklistEntry(subject: .peer(entry.peer), createdAt: Timestamp(seconds: 1)),
            BlacklistEntry(
                subject: .address(try IPAddress("192.0.2.1")), createdAt: Timestamp(seconds: 2),
                expires: Timestamp.now.advanced(by: .seconds(3600))),
            BlacklistEntry(subject: .subnet(try IPSubnet("2001:db8::/32")), createdAt: Timestamp(seconds: 3)),
        ]
        let first = SQLiteAddressBookStore(path: self.path)
        #expect(try await first.save([.put(entry)] + blocks.map { .block($0) }).isEmpty)
        await first.close()
        let second = SQLiteAddressBookStore(path: self.path)
        #expect(try await second.entry(of: entry.peer) == entry)
        #expect(try await Set(second.blocks()) == Set(blocks))
        _ = try await second.save([.unblock(blocks[0].subject), .remove(entry.peer, at: .now)])
        #expect(try await second.entry(of: entry.peer) == nil)
        #expect(try await Set(second.blocks()) == Set(blocks.dropFirst()))
        await second.close()
    }

    @Test func pagesFollowOneAnotherInTheOrderOfPeerIDs() async throws {
        let store = SQLiteAddressBookStore(path: self.path)
        let entries = try (0..<25).map { _ in try self.entry() }
        _ = try await store.save(entries.map { .put($0) })
        var seen: [PeerID] = []
        while true {
            let page = try await store.entries(after: seen.last, limit: 10)
            seen += page.map(\.peer)
            guard page.count == 10 else { break }
        }
        #expect(seen == entries.map(\.peer).sorted())
        #expect(try await store.count() == 25)
        await store.close()
    }

    @Test func theLaterChangeCountsAndARemovalGivesWayToIt() async throws {
        let (mine, others) = (SQLiteAddressBookStore(path: self.path), SQLiteAddressBookStore(path: self.path))
        let entry = try self.entry()
        _ = try await mine.save([.put(entry)])
        var later = entry
        later.updatedAt = entry.updatedAt.advanced(by: .seconds(10))
        later.metadata = ["by": "others"]
        #expect(try await others.save([.put(later)]).isEmpty)
        var earlier = entry
        earlier.updatedAt = entry.updatedAt.advanced(by: .seconds(5))
        #expect(try await mine.save([.put(earlier)]) == [.put(later)])
        #expect(try await mine.save([.remove(entry.peer, at: earlier.updatedAt)]) == [.put(later)])
        #expect(try await mine.save([.remove(entry.peer, at: later.updatedAt)]).isEmpty)
        #expect(try await mine.save([.sighting(later)]).count == 1)
        #expect(try await mine.entry(of: entry.peer) == nil)
        await mine.close()
        await others.close()
    }

    /// What one update writes where the book has so many peers.
    private func written(among peers: Int, at path: String) async throws -> (rows: Int, bytes: Int) {
        let store = SQLiteAddressBookStore(path: path)
        var entry = try self.entry()
        _ = try await store.save([.put(entry)])
        await store.close()
        let queue = try DatabaseQueue(path: path)
        try await queue.write { database in
            try database.execute(
                sql: """
                    WITH RECURSIVE numbers (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
                    INSERT INTO peers SELECT CAST(x'1220' || randomblob(32) AS BLOB), addresses, public_key, metadata,
                        last_seen, created_at, updated_at, blacklisted, seen_addresses, announced_addresses,
                        unknown_fields
                    FROM peers, numbers
                    """, arguments: [peers])
        }
        try queue.close()
        #expect(try await store.count() == peers)
        try await store.checkpoint()
        let before = try await store.writtenRows()
        entry.lastSeen = entry.lastSeen?.advanced(by: .seconds(100))
        #expect(try await store.save([.sighting(entry)]).isEmpty)
        let rows = try await store.writtenRows() - before
        let size = try FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int
        #expect(try await store.entry(of: entry.peer) == entry)
        await store.close()
        return (rows, try #require(size))
    }

    @Test func anUpdateOfOneOfAHundredThousandWritesAsMuchAsOneOfAHundred() async throws {
        let few = try await self.written(among: 100, at: self.path)
        let many = try await self.written(among: 100_000, at: self.folder.path + "/large.sqlite")
        #expect(few.rows == 1)
        #expect(many.rows == 1)
        // The head of the log and one page with its own.
        #expect(few.bytes == 32 + 24 + 4096)
        #expect(many.bytes == few.bytes)
    }

    @Test func anUpdateThatChangesNothingWritesNothing() async throws {
        let store = SQLiteAddressBookStore(path: self.path)
        let entry = try self.entry()
        _ = try await store.save([.put(entry)])
        let before = try await store.writtenRows()
        _ = try await store.save([.put(entry), .sighting(entry)])
        #expect(try await store.writtenRows() == before)
        await store.close()
    }

    @Test func aDatabaseOfANewerVersionIsLeftAlone() async throws {
        let store = SQLiteAddressBookStore(path: self.path)
        let entry = try self.entry()
        _ = try await store.save([.put(entry)])
        await store.close()
        let queue = try DatabaseQueue(path: self.path)
        try await queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('2')") }
        try queue.close()
        await #expect(code { _ = try await store.entries(after: nil, limit: 1) } == .addressBookNewer)
        await #expect(code { _ = try await store.save([.put(entry)]) } == .addressBookNewer)
        #expect(await store.takeProblems().contains { $0.kind == .newerVersion })
        let after = try DatabaseQueue(path: self.path)
        #expect(try await after.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM peers") } == 1)
        try after.close()
    }

    @Test func aDamagedDatabaseIsSetAsideAndReported() async throws {
        for target in ["book.sqlite.bak", "book.sqlite.bak.1"] {
            // A log that is left would repair the file.
            for companion in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: self.path + companion) }
            try Data(repeating: 0x5a, count: 8192).write(to: URL(fileURLWithPath: self.path))
            let store = SQLiteAddressBookStore(path: self.path)
            #expect(try await store.entries(after: nil, limit: 10).isEmpty)
            #expect(await store.takeProblems().map(\.kind) == [.setAside(path: self.folder.path + "/" + target)])
            let entry = try self.entry()
            _ = try await store.save([.put(entry)])
            #expect(try await store.entry(of: entry.peer) == entry)
            await store.close()
            let kept = try Data(contentsOf: URL(fileURLWithPath: self.folder.path + "/" + target))
            #expect(kept == Data(repeating: 0x5a, count: 8192))
        }
    }

    @Test func aDirectoryThatIsNotThereIsATypedError() async throws {
        let store = SQLiteAddressBookStore(path: self.folder.path + "/absent/book.sqlite")
        await #expect(code { _ = try await store.blocks() } == .addressBookFailed)
        #expect(await store.takeProblems().isEmpty)
    }

    @Test func onlyTheOwnerMayReadTheDatabase() async throws {
        let store = SQLiteAddressBookStore(path: self.path)
        _ = try await store.save([.put(try self.entry())])
        let mode = try FileManager.default.attributesOfItem(atPath: self.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        await store.close()
    }

    @Test func aNodeKeepsItsPeersInADatabase() async throws {
        let peer = Identity.generate().peerID
        let first = try Node(identity: .generate(), addressBook: .sqlite(self.path))
        try await first.start()
        try await first.addPeer(peer, addresses: [], metadata: ["a": "b"])
        try await first.blacklist(address: "192.0.2.1", for: .seconds(3600))
        await first.stop()
        let second = try Node(identity: .generate(), addressBook: .sqlite(self.path))
        #expect(await second.peer(peer)?.metadata == ["a": "b"])
        #expect(await second.blacklisted.count == 1)
        #expect(second.addressBookProblems.isEmpty)
        await second.stop()
    }
}

/// A directory that goes away with the object.
private final class Folder: Sendable {
    let path: String

    init() throws {
        self.path = NSTemporaryDirectory() + "glueberry-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }
}

#endif
