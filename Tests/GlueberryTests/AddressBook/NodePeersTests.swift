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
import Multiformats
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// The address book and the blacklist of nodes that are really connected.
@Suite(.timeLimit(.minutes(3))) struct NodePeersTests {
    private func code(_ body: () async throws -> Void) async -> GlueberryError.Code? {
        do {
            try await body()
            return nil
        } catch { return (error as? GlueberryError)?.code }
    }

    @Test func aPeerIsAddedChangedListedAndRemoved() async throws {
        let node = try Node(identity: .generate())
        let peer = Identity.generate().peerID
        let address = try Multiaddr("/ip4/192.0.2.1/tcp/1")
        #expect(await node.peer(peer) == nil)
        try await node.addPeer(peer, addresses: [address.appending(peer: peer)], metadata: ["name": "a"])
        #expect(await node.peer(peer)?.addresses == [address])
        try await node.updateMetadata(["name": "b"], of: peer)
        #expect(await node.peer(peer)?.metadata == ["name": "b"])
        #expect(await node.peers.map(\.peer) == [peer])
        try await node.blacklist(peer)
        #expect(await node.peers.isEmpty)
        #expect(await node.allPeers.map(\.peer) == [peer])
        #expect(await node.peer(peer)?.isBlacklisted == true)
        #expect(await node.isBlacklisted(peer))
        #expect(await node.unblacklist(peer))
        #expect(await node.peers.map(\.peer) == [peer])
        await node.removePeer(peer)
        #expect(await node.allPeers.isEmpty)
        #expect(await code { try await node.updateMetadata([:], of: peer) } == .peerUnknown)
    }

    @Test func aBookInAFileSurvivesTheNode() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("book.json")
        let listener = try Node(
            identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        try await listener.start()
        let address = try #require(listener.listenAddresses.first)
        let identity = Identity.generate()
        let first = try Node(identity: identity, addressBook: .file(path), configuration: standard())
        try await first.start()
        try await first.addPeer(listener.peerID, addresses: [address], metadata: ["a": "b"])
        try await first.waitUntilEstablished(with: listener.peerID, timeout: .seconds(30))
        await first.stop()
        let stored = try await FileAddressBookStore(path: path).entry(of: listener.peerID)
        #expect(stored?.lastSeen != nil)
        #expect(stored?.publicKey == listener.publicKey)
        #expect(stored?.seenAddresses == [address.withoutPeer])
        // The next node dials who is in the book.
        let second = try Node(identity: identity, addressBook: .file(path), configuration: standard())
        try await second.start()
        try await second.waitUntilEstablished(with: listener.peerID, timeout: .seconds(30))
        #expect(await second.peer(listener.peerID)?.metadata == ["a": "b"])
        await second.stop()
        await listener.stop()
        #expect(!folder.exists("book.json.tmp"))
    }

    @Test func aBookThatCanOnlyBeReadLaterIsMadeGoodThen() async throws {
        let listener = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        try await listener.start()
        let (unwelcome, store) = (try Node(identity: .generate(), configuration: standard()), RecordingStore())
        try await unwelcome.start()
        let now = Timestamp.now
        _ = try store.save([
            .put(
                AddressBookEntry(
                    peer: listener.peerID, addresses: listener.listenAddresses, createdAt: now, updatedAt: now)),
            .put(
                AddressBookEntry(
                    peer: unwelcome.peerID, createdAt: now, updatedAt: now, isBlacklisted: true)),
        ])
        store.failReading(true)
        let node = try Node(
            identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], addressBook: .store(store),
            configuration: standard())
        try await node.start()
        #expect(await node.peers.isEmpty)
        // Nobody knows yet that it is not to be let in.
        try await unwelcome.connect(to: #require(node.listenAddresses.first))
        try await node.waitUntilEstablished(with: unwelcome.peerID)
        store.failReading(false)
        try await node.addPeer(Identity.generate().peerID, addresses: [])
        try await node.waitUntilEstablished(with: listener.peerID, timeout: .seconds(60))
        try await eventually { node.state(of: unwelcome.peerID) == .disconnected }
        for node in [node, unwelcome, listener] { await node.stop() }
    }

    @Test func aPeerThatAnotherNodeWroteIntoTheFileIsDialled() async throws {
        let folder = try TemporaryFolder()
        let listener = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        let nodes = try (0..<2).map { _ in
            try Node(identity: .generate(), addressBook: .file(folder.file("book.json")), configuration: standard())
        }
        for node in nodes + [listener] { try await node.start() }
        try await nodes[0].addPeer(listener.peerID, addresses: listener.listenAddresses)
        try await nodes[0].saveAddressBook()
        // It reads what there is when it writes something of its own.
        try await nodes[1].addPeer(Identity.generate().peerID, addresses: [])
        try await nodes[1].waitUntilEstablished(with: listener.peerID, timeout: .seconds(60))
        for node in nodes + [listener] { await node.stop() }
    }

    @Test func twoNodesShareAFile() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("book.json")
        let nodes = try (0..<2).map { _ in
            try Node(identity: .generate(), addressBook: .file(path), configuration: standard())
        }
        for node in nodes { try await node.start() }
        let peers = (0..<20).map { _ in Identity.generate().peerID }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, peer) in peers.enumerated() {
                let node = nodes[index % 2]
                group.addTask {
                    try await node.addPeer(peer, addresses: [], metadata: ["by": "\(index % 2)"])
                    if index % 4 == 0 { try await node.saveAddressBook() }
                }
            }
            try await group.waitForAll()
        }
        for node in nodes { await node.stop() }
        let stored = try await FileAddressBookStore(path: path).entries(after: nil, limit: 100)
        #expect(stored.map(\.peer) == peers.sorted())
    }

    @Test func aDamagedBookIsReportedAndTheNodeStarts() async throws {
        let folder = try TemporaryFolder()
        try folder.write("not a book", to: "book.json")
        let node = try Node(identity: .generate(), addressBook: .file(folder.file("book.json")))
        try await node.start()
        #expect(node.addressBookProblems.map(\.kind) == [.setAside(path: folder.file("book.json.bak"))])
        try await node.addPeer(Identity.generate().peerID, addresses: [])
        await node.stop()
        #expect(try folder.read("book.json.bak") == "not a book")
        #expect(try (folder.json("book.json")["peers"] as? [String: Any])?.count == 1)
    }

    @Test func aBookThatCannotBeWrittenDoesNotStopTheNode() async throws {
        let folder = try TemporaryFolder()
        let node = try Node(identity: .generate(), addressBook: .file(folder.file("absent/book.json")))
        try await node.start()
        let peer = Identity.generate().peerID
        try await node.addPeer(peer, addresses: [])
        #expect(await code { try await node.saveAddressBook() } == .addressBookFailed)
        #expect(node.addressBookProblems.map(\.kind) == [.writeFailed])
        #expect(await node.peer(peer) != nil)
        await node.stop()
    }

    @Test func aBookOfANewerVersionIsUsedAndNotWritten() async throws {
        let folder = try TemporaryFolder()
        let peer = Identity.generate().peerID
        let text = #"{"version":7,"peers":{"\#(peer)":{"peer_id":"\#(peer)"}}}"#
        try folder.write(text, to: "book.json")
        let node = try Node(identity: .generate(), addressBook: .file(folder.file("book.json")))
        try await node.start()
        #expect(await node.peers.map(\.peer) == [peer])
        try await node.updateMetadata(["a": "b"], of: peer)
        #expect(await code { try await node.saveAddressBook() } == .addressBookNewer)
        #expect(node.addressBookProblems.contains { $0.kind == .newerVersion })
        await node.stop()
        #expect(try folder.read("book.json") == text)
    }

    // MARK: Blacklist

    @Test func aBlacklistedPeerIsSentAwayWithTheCodeAndRefusedAfterwards() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let connection = try #require(dialer.running?.host.connections(to: listener.peerID).first)
            var events = listener.subscribeToEvents(of: [dialer.peerID], in: [.disconnected]).makeAsyncIterator()
            try await listener.blacklist(dialer.peerID)
            #expect(await events.next()?.error?.code == .peerBlacklisted)
            try await eventually { connection.isClosed }
            guard case .closedByPeer(code: ConnectionErrorCode.gated?)? = connection.closeReason else {
                Issue.record("\(String(describing: connection.closeReason))")
                return
            }
            try await eventually { dialer.state(of: listener.peerID) == .reconnecting }
            // The dialler gets through the handshake, is turned away, and never becomes more than connecting here.
            let refused = dialer.subscribeToEvents(of: [listener.peerID])
            await dialer.networkChanged()
            for await event in refused {
                #expect(event.state != .established)
                if event.state == .disconnected { break }
            }
            #expect(listener.running?.host.connections(to: dialer.peerID).isEmpty ?? false)
            #expect(await listener.unblacklist(dialer.peerID))
            try await establish(listener, dialer)
        }
    }

    @Test func aBlacklistedPeerIsNotDialledUntilTheBlockIsLifted() async throws {
        try await withNodes { listener, dialer in
            try await dialer.blacklist(listener.peerID)
            try await dialer.addPeer(listener.peerID, addresses: listener.listenAddresses)
            #expect(await code { try await dialer.connect(to: listener.peerID) } == .peerBlacklisted)
            #expect(dialer.state(of: listener.peerID) == .disconnected)
            #expect(await dialer.unblacklist(listener.peerID))
            try await dialer.waitUntilEstablished(with: listener.peerID, timeout: .seconds(30))
        }
    }

    @Test func aBlockForATimeEndsInANewSession() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            var events = dialer.subscribeToEvents(of: [listener.peerID]).makeAsyncIterator()
            try await dialer.blacklist(listener.peerID, for: .seconds(3600))
            #expect(await dialer.blacklisted.first?.expires != nil)
            #expect(await events.next()?.error?.code == .peerBlacklisted)
            // The later word counts.
            try await dialer.blacklist(listener.peerID, for: .seconds(1))
            while let event = await events.next(), event.state != .established {}
            #expect(await dialer.blacklisted.isEmpty)
        }
    }

    @Test(arguments: ["127.0.0.1", "127.0.0.0/8"])
    func whoeverIsAtABlockedAddressIsRefusedBeforeTheHandshake(blocked: String) async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let connection = try #require(dialer.running?.host.connections(to: listener.peerID).first)
            let isSubnet = blocked.contains("/")
            if isSubnet {
                try await listener.blacklist(subnet: blocked)
            } else {
                try await listener.blacklist(address: blocked)
            }
            try await eventually { connection.isClosed }
            await dialer.disconnect(from: listener.peerID)
            let refused = await #expect(throws: GlueberryError.self) {
                try await dialer.connect(to: listener.peerID, timeout: .seconds(30))
            }
            let attempts = (refused?.cause as? HostError)?.attempts ?? []
            #expect(attempts.map(\.stage).allSatisfy { $0 == .connecting || $0 == .securityNegotiation })
            #expect(attempts.count == 1)
            #expect(listener.running?.host.connectionCounts.unauthenticated == 0)
            if isSubnet {
                #expect(try await listener.unblacklist(subnet: blocked))
            } else {
                #expect(try await listener.unblacklist(address: blocked))
            }
            try await dialer.connect(to: listener.peerID, timeout: .seconds(30))
        }
    }

    @Test func aDialLeavesBlockedAddressesOutAndSaysSo() async throws {
        try await withNodes { listener, dialer in
            try await dialer.blacklist(subnet: "127.0.0.0/8")
            let error = await #expect(throws: GlueberryError.self) {
                try await dialer.connect(to: #require(listener.listenAddresses.first))
            }
            let attempt = try #require((error?.cause as? HostError)?.attempts.first)
            #expect(attempt.stage == .waiting)
            #expect(attempt.error?.code == .gated)
            #expect(attempt.error?.description.contains("127.0.0.0/8") ?? false)
        }
    }

    @Test func theBlacklistSurvivesTheNode() async throws {
        let folder = try TemporaryFolder()
        let peer = Identity.generate().peerID
        for round in 0..<2 {
            let node = try Node(identity: .generate(), addressBook: .file(folder.file("book.json")))
            if round == 0 {
                try await node.blacklist(peer, for: .seconds(3600))
                try await node.blacklist(address: "192.0.2.1")
                try await node.blacklist(subnet: "2001:db8::/32")
            }
            try await node.start()
            let blacklisted = await node.blacklisted
            #expect(Set(blacklisted.map(\.subject.description)) == [peer.description, "192.0.2.1", "2001:db8::/32"])
            #expect(blacklisted.filter { $0.expires != nil }.map(\.subject) == [.peer(peer)])
            await node.stop()
        }
    }

    // MARK: Dialling

    @Test func peersOfABookAreDialledAFewAtATime() async throws {
        var configuration = standard()
        configuration.maximumDials = 2
        let listeners = try (0..<6).map { _ in
            try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        }
        let dialer = try Node(identity: .generate(), configuration: configuration)
        for listener in listeners {
            try await listener.start()
            try await dialer.addPeer(listener.peerID, addresses: listener.listenAddresses)
        }
        try await dialer.start()
        for listener in listeners {
            try await dialer.waitUntilEstablished(with: listener.peerID, timeout: .seconds(60))
        }
        await dialer.stop()
        for listener in listeners { await listener.stop() }
    }

    @Test func somebodyWhoIsWaitedForIsDialledThoughManyOthersDoNotAnswer() async throws {
        // Nobody reads these connections: each dial of them lasts until its deadline.
        let silent = try await SilentListener()
        var configuration = standard()
        configuration.maximumDials = 2
        configuration.host.timeouts.securityHandshake = .seconds(2)
        configuration.host.timeouts.negotiation = .seconds(2)
        let listener = try Node(
            identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        try await listener.start()
        let dialer = try Node(identity: .generate(), configuration: configuration)
        for _ in 0..<200 { try await dialer.addPeer(Identity.generate().peerID, addresses: [silent.address]) }
        try await dialer.start()
        // Two hundred dials of two seconds, two at a time, would take two hundred seconds.
        try await dialer.connect(to: #require(listener.listenAddresses.first), timeout: .seconds(25))
        await dialer.stop()
        await listener.stop()
        try await silent.close()
    }
}
