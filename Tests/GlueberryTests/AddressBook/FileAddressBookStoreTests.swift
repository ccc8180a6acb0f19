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

import Foundation
import Multiformats
import PeerIdentity
import Testing

@testable import Glueberry

/// The store in a file: what survives crashes, other processes and damage.
@Suite struct FileAddressBookStoreTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        self.folder = try TemporaryFolder()
        self.path = self.folder.file("book.json")
    }

    private func entry(_ seconds: Int64 = 1, peer: PeerID = Identity.generate().peerID) -> AddressBookEntry {
        AddressBookEntry(peer: peer, createdAt: Timestamp(seconds: seconds), updatedAt: Timestamp(seconds: seconds))
    }

    private func all(_ store: FileAddressBookStore) async throws -> [PeerID] {
        try await store.entries(after: nil, limit: 1000).map(\.peer)
    }

    /// Saves a change, again if others had the file for too long.
    private func save(_ change: AddressBookChange, in store: FileAddressBookStore) async throws {
        for attempt in 1... {
            do throws(GlueberryError) {
                _ = try await store.save([change])
                return
            } catch {
                guard error.isRetriable, attempt < 50 else { throw error }
            }
        }
    }

    @Test func aBookThatIsNotThereIsEmptyAndNotMade() async throws {
        let store = FileAddressBookStore(path: self.path)
        #expect(try await self.all(store).isEmpty)
        #expect(try await store.blocks().isEmpty)
        #expect(!self.folder.exists("book.json"))
        #expect(await store.takeProblems().isEmpty)
    }

    @Test func whatIsSavedIsReadByTheNext() async throws {
        let entries = (0..<5).map { _ in self.entry() }
        let block = BlacklistEntry(subject: .address(try IPAddress("192.0.2.1")), createdAt: Timestamp(seconds: 1))
        let store = FileAddressBookStore(path: self.path)
        #expect(try await store.save(entries.map { .put($0) } + [.block(block)]).isEmpty)
        let next = FileAddressBookStore(path: self.path)
        #expect(try await self.all(next) == entries.map(\.peer).sorted())
        #expect(try await next.entry(of: entries[2].peer) == entries[2])
        #expect(try await next.blocks() == [block])
        #expect(try self.folder.permissions(of: "book.json") == 0o600)
        #expect(try self.folder.permissions(of: "book.json.blocks") == 0o600)
        #expect(self.folder.names == ["book.json", "book.json.blocks", "book.json.lock"])
    }

    @Test func pagesFollowOneAnother() async throws {
        let store = FileAddressBookStore(path: self.path)
        let entries = (0..<25).map { _ in self.entry() }
        _ = try await store.save(entries.map { .put($0) })
        var seen: [PeerID] = []
        var page = try await store.entries(after: nil, limit: 10)
        while !page.isEmpty {
            #expect(page.count <= 10)
            seen += page.map(\.peer)
            page = try await store.entries(after: seen.last, limit: 10)
        }
        #expect(seen == entries.map(\.peer).sorted())
    }

    @Test func changesOfSeveralProcessesAllSurvive() async throws {
        // Each store has its own view and its own descriptor of the lock, as processes do.
        let stores = (0..<4).map { _ in FileAddressBookStore(path: self.path) }
        let path = self.path
        let added = try await withThrowingTaskGroup(of: [PeerID].self) { group in
            for store in stores {
                group.addTask {
                    var added: [PeerID] = []
                    for _ in 0..<12 {
                        let peer = Identity.generate().peerID
                        let entry = AddressBookEntry(peer: peer, createdAt: .now, updatedAt: .now)
                        try await self.save(.put(entry), in: store)
                        added.append(peer)
                    }
                    // And every store takes its first away again.
                    try await self.save(.remove(added.removeFirst(), at: .now), in: store)
                    return added
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(try await self.all(FileAddressBookStore(path: path)) == added.sorted())
        #expect(added.count == 44)
    }

    @Test func aSaveTellsWhatOthersHaveChanged() async throws {
        let (mine, others) = (FileAddressBookStore(path: self.path), FileAddressBookStore(path: self.path))
        let (kept, removed, added, own) = (self.entry(), self.entry(), self.entry(), self.entry())
        _ = try await mine.save([.put(kept), .put(removed)])
        _ = try await others.save([.put(added), .remove(removed.peer, at: .now)])
        let learned = try await mine.save([.put(own)])
        #expect(learned.count == 2)
        #expect(learned.contains(.put(added)))
        #expect(learned.contains { if case .remove(removed.peer, _) = $0 { true } else { false } })
        #expect(try await mine.save([.put(own)]).isEmpty)
    }

    @Test func theLaterOfTwoChangesOfAPeerCounts() async throws {
        let (mine, others) = (FileAddressBookStore(path: self.path), FileAddressBookStore(path: self.path))
        let peer = Identity.generate().peerID
        _ = try await mine.save([.put(self.entry(1, peer: peer))])
        var later = self.entry(1, peer: peer)
        later.updatedAt = Timestamp(seconds: 20)
        later.metadata = ["by": "others"]
        _ = try await others.save([.put(later)])
        var earlier = self.entry(1, peer: peer)
        earlier.updatedAt = Timestamp(seconds: 10)
        earlier.metadata = ["by": "me"]
        #expect(try await mine.save([.put(earlier)]) == [.put(later)])
        #expect(try await others.entry(of: peer)?.metadata == ["by": "others"])
    }

    @Test func aTemporaryFileThatACrashLeftIsNoHindrance() async throws {
        let first = FileAddressBookStore(path: self.path)
        let entry = self.entry()
        _ = try await first.save([.put(entry)])
        try self.folder.write("{\"version\":1,\"peers\":{\"half", to: "book.json.tmp")
        let store = FileAddressBookStore(path: self.path)
        #expect(try await self.all(store) == [entry.peer])
        _ = try await store.save([.put(self.entry())])
        #expect(!self.folder.exists("book.json.tmp"))
        #expect(try await self.all(FileAddressBookStore(path: self.path)).count == 2)
        #expect(await store.takeProblems().isEmpty)
    }

    @Test func aFileThatIsNoAddressBookIsSetAsideAndNeverOverwritten() async throws {
        for (round, target) in ["book.json.bak", "book.json.bak.1", "book.json.bak.2"].enumerated() {
            try self.folder.write("{ damaged \(round)", to: "book.json")
            let store = FileAddressBookStore(path: self.path)
            #expect(try await self.all(store).isEmpty)
            #expect(try self.folder.read(target) == "{ damaged \(round)")
            let problems = await store.takeProblems()
            #expect(problems.map(\.kind) == [.setAside(path: self.folder.file(target))])
            #expect(problems.first?.description.contains("JSON") ?? false)
            _ = try await store.save([.put(self.entry())])
            #expect(try await self.all(FileAddressBookStore(path: self.path)).count == 1)
        }
        #expect(try self.folder.read("book.json.bak") == "{ damaged 0")
    }

    @Test func aBookDamagedWhileItIsInUseIsWrittenAnewInFull() async throws {
        let store = FileAddressBookStore(path: self.path)
        let (before, after) = (self.entry(), self.entry())
        _ = try await store.save([.put(before)])
        try self.folder.write("zero", to: "book.json")
        #expect(try await store.save([.put(after)]).isEmpty)
        #expect(
            try await self.all(FileAddressBookStore(path: self.path)) == [before.peer, after.peer].sorted())
        #expect(try self.folder.read("book.json.bak") == "zero")
    }

    @Test func damagedBlocksAreSetAsideByThemselves() async throws {
        let entry = self.entry()
        _ = try await FileAddressBookStore(path: self.path).save([.put(entry)])
        try self.folder.write("[]", to: "book.json.blocks")
        let store = FileAddressBookStore(path: self.path)
        #expect(try await self.all(store) == [entry.peer])
        #expect(try await store.blocks().isEmpty)
        #expect(self.folder.exists("book.json.blocks.bak"))
        #expect(!self.folder.exists("book.json.bak"))
    }

    @Test func aBookOfANewerVersionIsReadAndNeverWritten() async throws {
        let peer = Identity.generate().peerID
        let text = #"{"version":2,"peers":{"\#(peer)":{"peer_id":"\#(peer)","multiaddrs":["/ip4/192.0.2.1/tcp/1"]}}}"#
        try self.folder.write(text, to: "book.json")
        let store = FileAddressBookStore(path: self.path)
        #expect(try await self.all(store) == [peer])
        #expect(await store.takeProblems().map(\.kind) == [.newerVersion])
        do {
            _ = try await store.save([.put(self.entry())])
            Issue.record("written")
        } catch { #expect(error.code == .addressBookNewer) }
        #expect(try self.folder.read("book.json") == text)
    }

    @Test func aDiskThatFailsIsATypedErrorAndTheOldBookStays() async throws {
        let store = FileAddressBookStore(path: self.path)
        let (first, second) = (self.entry(), self.entry())
        _ = try await store.save([.put(first)])
        let before = try self.folder.read("book.json")
        // Nothing can be created under a name that a directory has, not even by the superuser.
        try FileManager.default.createDirectory(
            atPath: self.folder.file("book.json.tmp"), withIntermediateDirectories: false)
        do {
            _ = try await store.save([.put(second)])
            Issue.record("written")
        } catch {
            #expect(error.code == .addressBookFailed)
            #expect(error.isRetriable)
            #expect(error.description.contains("book.json.tmp"))
        }
        #expect(try self.folder.read("book.json") == before)
        try FileManager.default.removeItem(atPath: self.folder.file("book.json.tmp"))
        _ = try await store.save([.put(second)])
        #expect(try await self.all(FileAddressBookStore(path: self.path)).count == 2)
    }

    @Test func aBookWhereNothingCanBeWrittenIsRead() async throws {
        let entry = self.entry()
        _ = try await FileAddressBookStore(path: self.path).save([.put(entry)])
        try FileManager.default.removeItem(atPath: self.folder.file("book.json.lock"))
        // A lock file that cannot be made: its name leads into a directory that does not exist.
        try FileManager.default.createSymbolicLink(
            atPath: self.folder.file("book.json.lock"), withDestinationPath: self.folder.file("absent/lock"))
        let store = FileAddressBookStore(path: self.path)
        #expect(try await self.all(store) == [entry.peer])
        do {
            _ = try await store.save([.put(self.entry())])
            Issue.record("written")
        } catch { #expect(error.code == .addressBookFailed) }
    }

    @Test func aDirectoryThatIsNotThereIsATypedError() async throws {
        let store = FileAddressBookStore(path: self.folder.file("absent/book.json"))
        #expect(try await self.all(store).isEmpty)
        do {
            _ = try await store.save([.put(self.entry())])
            Issue.record("written")
        } catch { #expect(error.code == .addressBookFailed) }
    }

    @Test func aLockThatIsNotGivenBackEndsTheWaitWithAnError() async throws {
        let store = FileAddressBookStore(path: self.path)
        _ = try await store.save([.put(self.entry())])
        let held = try FileLock(path: self.path + ".lock")
        do {
            _ = try await store.save([.put(self.entry())])
            Issue.record("written")
        } catch { #expect(error.code == .addressBookFailed) }
        withExtendedLifetime(held) {}
    }

    @Test func theOriginalsFileIsTakenOverAndStaysItsFile() async throws {
        let original = try OriginalVectors.addressBook()
        try self.folder.write(original, to: "book.json")
        let store = FileAddressBookStore(path: self.path)
        let peer = try OriginalVectors.identity(2).peerID
        #expect(try await self.all(store) == [peer])
        let added = self.entry(1_700_000_000)
        _ = try await store.save([.put(added)])
        let file = try self.folder.json("book.json")
        let before =
            try #require(
                JSONSerialization.jsonObject(with: Data(original.utf8)) as? [String: Any])["peers"] as? [String: Any]
        let rows = try #require(file["peers"] as? [String: Any])
        #expect(rows.count == 2)
        #expect(
            NSDictionary(dictionary: rows[peer.description] as? [String: Any] ?? [:])
                == NSDictionary(dictionary: before?[peer.description] as? [String: Any] ?? ["": 0]))
    }
}
