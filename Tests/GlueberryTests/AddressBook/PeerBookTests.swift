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
import Logging
import Multiformats
import NIOCore
import NIOPosix
import PeerIdentity
import Testing

@testable import Glueberry

/// The book of a node in memory, and what it tells its store when.
@Suite(.timeLimit(.minutes(3))) struct PeerBookTests {
    private let store = RecordingStore()

    private func book(
        maximumPeers: Int = 100, delay: TimeAmount = .milliseconds(1), wall: WallTime = WallTime()
    ) -> PeerBook {
        PeerBook(
            store: self.store, limits: .init(peers: maximumPeers), writeDelay: delay,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), wallClock: { wall.now },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func addresses(_ ports: Int...) throws -> [Multiaddr] {
        try ports.map { try Multiaddr("/ip4/192.0.2.1/tcp/\($0)") }
    }

    private func code(_ body: () async throws -> Void) async -> GlueberryError.Code? {
        do {
            try await body()
            return nil
        } catch { return (error as? GlueberryError)?.code }
    }

    @Test func addingAgainKeepsCreationAndWhatWasNotSaid() async throws {
        let wall = WallTime()
        let book = self.book(wall: wall)
        let peer = Identity.generate().peerID
        try book.add(peer, addresses: self.addresses(1), metadata: ["a": "b"])
        let first = try #require(book.entry(of: peer))
        wall.pass(.seconds(5))
        try book.add(peer, addresses: self.addresses(2, 2, 3), metadata: nil)
        let second = try #require(book.entry(of: peer))
        #expect(second.createdAt == first.createdAt)
        #expect(second.updatedAt == first.updatedAt.advanced(by: .seconds(5)))
        #expect(second.metadata == ["a": "b"])
        #expect(try second.addresses == self.addresses(2, 3))
        try book.add(peer, addresses: [], metadata: [:])
        #expect(book.entry(of: peer)?.metadata == [:])
    }

    @Test func whatIsTooMuchIsATypedError() async throws {
        let book = self.book(maximumPeers: 2)
        let peer = Identity.generate().peerID
        let large = ["k": String(repeating: "x", count: 4096)]
        await #expect(code { try book.add(peer, addresses: [], metadata: large) } == .metadataTooLarge)
        let many = try (1...65).map { try Multiaddr("/ip4/192.0.2.1/tcp/\($0)") }
        await #expect(code { try book.add(peer, addresses: many, metadata: nil) } == .invalidAddress)
        let foreign = try Multiaddr("/ip4/192.0.2.1/tcp/1").appending(peer: Identity.generate().peerID)
        await #expect(code { try book.add(peer, addresses: [foreign], metadata: nil) } == .invalidAddress)
        #expect(book.entry(of: peer) == nil)
        await #expect(code { try book.setMetadata([:], of: peer) } == .peerUnknown)
        try book.add(peer, addresses: [], metadata: nil)
        await #expect(code { try book.setMetadata(large, of: peer) } == .metadataTooLarge)
        try book.add(Identity.generate().peerID, addresses: [], metadata: nil)
        await #expect(
            code { try book.add(Identity.generate().peerID, addresses: [], metadata: nil) } == .addressBookFull)
        // Who is in the book can be changed though it is full.
        try book.add(peer, addresses: self.addresses(1), metadata: nil)
        book.remove(peer)
        try book.add(Identity.generate().peerID, addresses: [], metadata: nil)
    }

    @Test func manyChangesAreOneWriteOfTheRowsThatChanged() async throws {
        let book = self.book(delay: .hours(1))
        await book.open()
        let peers = (0..<10).map { _ in Identity.generate().peerID }
        for peer in peers { try book.add(peer, addresses: [], metadata: nil) }
        for _ in 0..<50 { book.established(peers[0], at: nil, wasDialed: true, publicKey: nil) }
        book.remove(peers[9])
        #expect(self.store.saves.isEmpty)
        #expect(await book.flush() == nil)
        #expect(self.store.saves.map(\.count) == [10])
        book.established(peers[3], at: nil, wasDialed: true, publicKey: nil)
        #expect(await book.flush() == nil)
        #expect(self.store.saves.map(\.count) == [10, 1])
        guard case .sighting(let entry)? = self.store.saves.last?.first else {
            Issue.record("a sighting is no change by the application")
            return
        }
        #expect(entry.peer == peers[3])
        #expect(await book.flush() == nil)
        #expect(self.store.saves.count == 2)
        await book.close()
    }

    @Test func changesAreWrittenAfterAShortWhileByThemselves() async throws {
        let book = self.book()
        try book.add(Identity.generate().peerID, addresses: [], metadata: nil)
        try await eventually { self.store.saves.count == 1 }
        await book.close()
    }

    @Test func closingWritesWhatIsPendingAndClosesTheStore() async throws {
        let book = self.book(delay: .hours(1))
        await book.open()
        try book.add(Identity.generate().peerID, addresses: [], metadata: nil)
        await book.close()
        #expect(self.store.saves.map(\.count) == [1])
        #expect(self.store.closes == 1)
    }

    @Test func aStoreThatFailsIsReportedAndTriedAgain() async throws {
        let book = self.book(delay: .hours(1))
        await book.open()
        self.store.fail(with: GlueberryError(.addressBookFailed, "the disk is full"))
        let (first, second) = (Identity.generate().peerID, Identity.generate().peerID)
        try book.add(first, addresses: [], metadata: nil)
        #expect(await book.flush()?.code == .addressBookFailed)
        #expect(book.problems.map(\.kind) == [.writeFailed])
        #expect(book.entry(of: first) != nil)
        try book.add(second, addresses: [], metadata: nil)
        self.store.fail(with: nil)
        // Nobody asks for it: the next try is made after a second.
        try await eventually { self.store.contents.count == 2 }
        #expect(await book.flush() == nil)
        #expect(book.problems.isEmpty)
        await book.close()
    }

    @Test func aStoreOfANewerVersionIsNotTriedAgainAndTheNodeGoesOn() async throws {
        let book = self.book()
        await book.open()
        self.store.fail(with: GlueberryError(.addressBookNewer, "version 2"))
        let peer = Identity.generate().peerID
        try book.add(peer, addresses: [], metadata: nil)
        try await eventually { self.store.attempts == 1 }
        #expect(await book.flush()?.code == .addressBookNewer)
        try book.setMetadata(["a": "b"], of: peer)
        #expect(self.store.attempts == 2)
        #expect(book.entry(of: peer)?.metadata == ["a": "b"])
        await book.close()
    }

    @Test func aStoreThatCannotBeReadLosesNothing() async throws {
        let old = AddressBookEntry(
            peer: Identity.generate().peerID, createdAt: Timestamp(seconds: 1), updatedAt: Timestamp(seconds: 1))
        _ = try self.store.save([.put(old)])
        self.store.failReading(true)
        let book = self.book(delay: .hours(1))
        await book.open()
        #expect(book.entries(includingBlacklisted: true).isEmpty)
        #expect(book.problems.map(\.kind) == [.readFailed])
        let added = Identity.generate().peerID
        try book.add(added, addresses: [], metadata: nil)
        self.store.failReading(false)
        #expect(await book.flush() == nil)
        #expect(Set(self.store.contents.keys) == [old.peer, added])
        #expect(Set(book.entries(includingBlacklisted: true).map(\.peer)) == [old.peer, added])
        #expect(book.problems.isEmpty)
        await book.close()
    }

    @Test func theStoreIsReadOnceHoweverManyAsk() async throws {
        let book = self.book()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<50 { group.addTask { await book.ready() } }
        }
        #expect(self.store.reads == 1)
    }

    @Test func whatOthersChangedIsTakenIn() async throws {
        let book = self.book(delay: .hours(1))
        await book.open()
        let gone = Identity.generate().peerID
        try book.add(gone, addresses: [], metadata: nil)
        #expect(await book.flush() == nil)
        let others = AddressBookEntry(
            peer: Identity.generate().peerID, createdAt: Timestamp(seconds: 1), updatedAt: Timestamp(seconds: 1))
        self.store.tell([.put(others), .remove(gone, at: Timestamp(seconds: 2))])
        try book.add(Identity.generate().peerID, addresses: [], metadata: nil)
        #expect(await book.flush() == nil)
        #expect(book.entry(of: others.peer) == others)
        #expect(book.entry(of: gone) == nil)
        await book.close()
    }

    @Test func moreStoredPeersThanAllowedAreReported() async throws {
        for _ in 0..<5 {
            _ = try self.store.save([
                .put(AddressBookEntry(peer: Identity.generate().peerID, createdAt: .now, updatedAt: .now))
            ])
        }
        let book = self.book(maximumPeers: 3)
        await book.open()
        #expect(book.entries(includingBlacklisted: true).count == 3)
        #expect(book.problems.map(\.kind) == [.tooManyPeers(2)])
        await book.close()
        #expect(self.store.contents.count == 5)
    }

    // MARK: Blacklist

    @Test func aBlockOfAPeerInTheBookIsItsFlagAndOfAnotherARow() async throws {
        let book = self.book(delay: .hours(1))
        await book.open()
        let (known, stranger) = (Identity.generate().peerID, Identity.generate().peerID)
        try book.add(known, addresses: self.addresses(1), metadata: nil)
        try book.block(.peer(known), for: nil)
        try book.block(.peer(stranger), for: nil)
        #expect(await book.flush() == nil)
        #expect(self.store.contents[known]?.isBlacklisted == true)
        #expect(self.store.storedBlocks.map(\.subject) == [.peer(stranger)])
        for peer in [known, stranger] { #expect(book.refusal(of: peer)?.code == .peerBlacklisted) }
        #expect(book.peersToDial.isEmpty)
        #expect(book.entries(includingBlacklisted: false).isEmpty)
        #expect(book.entries(includingBlacklisted: true).map(\.peer) == [known])
        #expect(Set(book.blacklist.map(\.subject)) == [.peer(known), .peer(stranger)])
        // Removing and adding moves the block to where it belongs, and never lifts it.
        book.remove(known)
        try book.add(stranger, addresses: [], metadata: nil)
        #expect(await book.flush() == nil)
        #expect(self.store.contents[stranger]?.isBlacklisted == true)
        #expect(self.store.storedBlocks.map(\.subject) == [.peer(known)])
        for peer in [known, stranger] {
            #expect(book.refusal(of: peer) != nil)
            #expect(book.unblock(.peer(peer)))
            #expect(!book.unblock(.peer(peer)))
            #expect(book.refusal(of: peer) == nil)
        }
        #expect(await book.flush() == nil)
        #expect(self.store.storedBlocks.isEmpty)
        #expect(self.store.contents[stranger]?.isBlacklisted == false)
        await book.close()
    }

    @Test func aBlockForATimeEndsByItself() async throws {
        let book = self.book()
        await book.open()
        let ended = Log<PeerID>()
        book.setObserver(.init(dial: { for peer in $0 { ended.append(peer) } }, enforce: {}))
        let peer = Identity.generate().peerID
        try book.add(peer, addresses: self.addresses(1), metadata: nil)
        try book.block(.peer(peer), for: .milliseconds(30))
        try book.block(.address(IPAddress("192.0.2.7")), for: .milliseconds(20))
        try book.block(.subnet(IPSubnet("192.0.2.0/24")), for: .seconds(3600))
        try await eventually { ended.all == [peer] && book.blacklist.count == 1 }
        #expect(book.refusal(of: peer) == nil)
        #expect(book.peersToDial == [peer])
        try await eventually { self.store.storedBlocks.count == 1 }
        await book.close()
    }

    @Test func aBlockThatOutlivesTheProcessEndsAtItsDate() async throws {
        let wall = WallTime()
        let peers = (0..<3).map { _ in Identity.generate().peerID }
        for (index, peer) in peers.enumerated() {
            let expires = index == 2 ? nil : wall.now.advanced(by: .seconds(index == 0 ? 10 : 1000))
            _ = try self.store.save([
                .block(BlacklistEntry(subject: .peer(peer), createdAt: wall.now, expires: expires))
            ])
        }
        wall.pass(.seconds(10))
        let book = self.book(wall: wall)
        await book.open()
        #expect(book.refusal(of: peers[0]) == nil)
        #expect(book.refusal(of: peers[1]) != nil)
        #expect(book.refusal(of: peers[2]) != nil)
        await book.close()
    }

    @Test func aBlockForATimeAfterOneForGoodEnds() async throws {
        let book = self.book(delay: .hours(1))
        let peer = Identity.generate().peerID
        try book.add(peer, addresses: [], metadata: nil)
        try book.block(.peer(peer), for: nil)
        #expect(book.blacklist.map(\.expires) == [nil])
        try book.block(.peer(peer), for: .seconds(60))
        #expect(book.blacklist.count == 1)
        #expect(book.blacklist.first?.expires != nil)
        try book.block(.peer(peer), for: nil)
        #expect(book.blacklist.map(\.expires) == [nil])
    }

    // MARK: Sightings

    @Test func whereAPeerWasSeenIsKeptTheLatestFirst() async throws {
        let book = self.book(delay: .hours(1))
        let identity = Identity.generate()
        let peer = identity.peerID
        book.established(peer, at: try Multiaddr("/ip4/192.0.2.1/tcp/1"), wasDialed: true, publicKey: nil)
        #expect(book.entry(of: peer) == nil)
        try book.add(peer, addresses: [], metadata: nil)
        for port in 1...20 {
            book.established(
                peer, at: try Multiaddr("/ip4/192.0.2.1/tcp/\(port)"), wasDialed: true, publicKey: identity.publicKey)
        }
        book.established(peer, at: try Multiaddr("/ip4/192.0.2.9/tcp/50123"), wasDialed: false, publicKey: nil)
        book.announced(try (1...20).map { try Multiaddr("/ip4/10.0.0.1/tcp/\($0)") }, by: peer)
        let entry = try #require(book.entry(of: peer))
        #expect(entry.seenAddresses.count == AddressBookEntry.maximumSeenAddresses)
        #expect(try entry.seenAddresses.first == Multiaddr("/ip4/192.0.2.9"))
        #expect(try entry.seenAddresses[1] == Multiaddr("/ip4/192.0.2.1/tcp/20"))
        #expect(entry.announcedAddresses.count == AddressBookEntry.maximumSeenAddresses)
        #expect(entry.publicKey == identity.publicKey)
        #expect(entry.lastSeen != nil)
        #expect(entry.addresses.isEmpty)
    }
}

/// A wall clock that a test sets.
final class WallTime: Sendable {
    private let time = Locked(Timestamp(seconds: 1_800_000_000))

    var now: Timestamp { self.time.withLock { $0 } }

    func pass(_ duration: Duration) { self.time.withLock { $0 = $0.advanced(by: duration) } }
}

/// A store that notes what it is told, and fails when it is to.
final class RecordingStore: AddressBookStore {
    private struct State {
        var contents: [PeerID: AddressBookEntry] = [:]
        var blocks: [BlacklistEntry.Subject: BlacklistEntry] = [:]
        var saves: [[AddressBookChange]] = []
        var attempts = 0
        var reads = 0
        var closes = 0
        var failure: GlueberryError?
        var failsReading = false
        var told: [AddressBookChange] = []
    }

    private let state = Locked(State())

    var contents: [PeerID: AddressBookEntry] { self.state.withLock { $0.contents } }
    var storedBlocks: [BlacklistEntry] { self.state.withLock { Array($0.blocks.values) } }
    var saves: [[AddressBookChange]] { self.state.withLock { $0.saves } }
    var attempts: Int { self.state.withLock { $0.attempts } }
    var reads: Int { self.state.withLock { $0.reads } }
    var closes: Int { self.state.withLock { $0.closes } }

    func fail(with failure: GlueberryError?) { self.state.withLock { $0.failure = failure } }
    func failReading(_ fails: Bool) { self.state.withLock { $0.failsReading = fails } }
    /// What the next save is to say that others have changed.
    func tell(_ changes: [AddressBookChange]) { self.state.withLock { $0.told = changes } }

    func entries(after peer: PeerID?, limit: Int) throws -> [AddressBookEntry] {
        try self.state.withLock { state in
            if state.failsReading { throw GlueberryError(.addressBookFailed, "unreadable") }
            if peer == nil { state.reads += 1 }
            let later = state.contents.values.filter { entry in peer.map { $0 < entry.peer } ?? true }
            return Array(later.sorted { $0.peer < $1.peer }.prefix(limit))
        }
    }

    func entry(of peer: PeerID) -> AddressBookEntry? { self.contents[peer] }

    func blocks() -> [BlacklistEntry] { self.storedBlocks }

    func save(_ changes: [AddressBookChange]) throws -> [AddressBookChange] {
        try self.state.withLock { state in
            state.attempts += 1
            if let failure = state.failure { throw failure }
            state.saves.append(changes)
            for change in changes {
                switch change {
                case .put(let entry): state.contents[entry.peer] = entry
                case .sighting(let entry): if state.contents[entry.peer] != nil { state.contents[entry.peer] = entry }
                case .remove(let peer, _): state.contents[peer] = nil
                case .block(let entry): state.blocks[entry.subject] = entry
                case .unblock(let subject): state.blocks[subject] = nil
                }
            }
            defer { state.told = [] }
            return state.told
        }
    }

    func takeProblems() -> [AddressBookProblem] { [] }

    func close() { self.state.withLock { $0.closes += 1 } }
}
