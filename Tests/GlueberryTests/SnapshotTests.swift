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
import LibP2P
import Multiformats
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct SnapshotTests {
    @Test func itShowsPeersConnectionsStreamsAndQueues() async throws {
        var configuration = standard()
        configuration.streamEncryption = .layered
        try await withNodes(configuration) { listener, dialer in
            try await establish(listener, dialer)
            for _ in 0..<5 { try await dialer.send([1], to: listener.peerID, on: "a") }
            let nobody = Identity.generate().peerID
            try await dialer.addPeer(nobody, addresses: [Multiaddr(deadAddress)])
            try await eventually { listener.statistics(of: dialer.peerID)?.streams["a"]?.messagesReceived == 5 }
            let there = await listener.snapshot()
            #expect(there.isRunning)
            #expect(there.peerID == listener.peerID.description)
            #expect(there.listenAddresses == listener.listenAddresses.map(\.description))
            #expect(there.counts.connections == 1)
            #expect(there.counts.connectionLimit == 256)
            #expect(there.counts.sessions == 1)
            #expect(there.counts.queuedMessages == 5)
            let peer = try #require(there.peers.first)
            #expect(peer.peerID == dialer.peerID.description)
            #expect(peer.state == "Established")
            #expect(peer.session == 1)
            #expect(peer.isOutbound == false)
            #expect(peer.pairMessages == 5)
            let connection = try #require(peer.connections.first)
            #expect(connection.direction == "inbound")
            #expect(connection.address.hasPrefix("/ip4/127.0.0.1/tcp/"))
            #expect(connection.security == "/noise")
            #expect(connection.ageSeconds >= 0)
            #expect(peer.streams.map(\.name) == ["a", "b", "handshake"])
            #expect(peer.streams.first?.queuedMessages == 5)
            #expect(peer.streams.first?.messagesReceived == 5)

            let here = await dialer.snapshot()
            #expect(here.peers.map(\.peerID) == [listener.peerID.description, nobody.description])
            #expect(here.peers.last?.isKnown == true)
            #expect(here.peers.last?.isWanted == true)
            #expect(here.peers.last?.addresses == [deadAddress])
            #expect(here.peers.first?.streams.first?.messagesSent == 5)
            #expect(here.description.contains("peer \(listener.peerID) Established, session 1 outbound"))
        }
    }

    @Test func itsJSONIsReadBackAndIsTheSameEveryTime() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let nobody = Identity.generate().peerID
            try await dialer.addPeer(nobody, addresses: [Multiaddr(deadAddress)])
            try await eventually { dialer.state(of: nobody) == .reconnecting }
            var snapshot = await dialer.snapshot()
            // No field is left at what an absent one would be.
            snapshot.omittedPeers = 3
            snapshot.counts.eventSubscriptions = 2
            snapshot.peers[0].streams[0].heldUpSeconds = 1.25
            snapshot.peers[0].omittedStreams = 4
            let decoded = try JSONDecoder().decode(NodeSnapshot.self, from: Data(snapshot.json.utf8))
            #expect(decoded == snapshot)
            #expect(decoded.json == snapshot.json)
            #expect(snapshot.json.hasPrefix(#"{"takenAt":"20"#))
        }
    }

    @Test func everyFieldOfTheSnapshotIsInItsJSON() throws {
        var snapshot = NodeSnapshot(takenAt: "now", peerID: "p", protocolVersion: "1", isRunning: true)
        snapshot.peers = [
            NodeSnapshot.Peer(
                peerID: "q", state: "Connected", isOutbound: true, secondsToTimer: 1,
                connections: [
                    .init(
                        direction: "inbound", address: "/", security: "/noise", ageSeconds: 1, isClosed: false,
                        openStreams: 1, bufferedBytes: 2)
                ], streams: [.init(name: "a", heldUpSeconds: 2)])
        ]
        func keys(_ object: Any) -> Set<String> {
            if let members = object as? [String: Any] {
                return members.reduce(into: Set(members.keys)) { $0.formUnion(keys($1.value)) }
            }
            return (object as? [Any])?.reduce(into: Set()) { $0.formUnion(keys($1)) } ?? []
        }
        let own = try keys(JSONSerialization.jsonObject(with: Data(snapshot.json.utf8)))
        let derived = try keys(JSONSerialization.jsonObject(with: JSONEncoder().encode(snapshot)))
        #expect(own == derived)
    }

    @Test func itHoldsNoSecretAndNoMessage() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            try await dialer.addPeer(
                Identity.generate().peerID, addresses: [], metadata: ["token": "swordfish"])
            try await dialer.send(Array("attack at dawn".utf8), to: listener.peerID, on: "a")
            try await eventually { listener.statistics(of: dialer.peerID)?.streams["a"]?.messagesReceived == 1 }
            for node in [listener, dialer] {
                let snapshot = await node.snapshot()
                for text in [snapshot.json, snapshot.description] {
                    #expect(!text.contains("dawn"))
                    #expect(!text.contains("swordfish"))
                    #expect(!text.contains(node.identity.withSeed { Base16.encode($0) }))
                }
            }
        }
    }

    @Test func itIsBoundedHoweverManyPeersThereAre() async throws {
        let node = try Node(identity: .generate())
        try await node.start()
        for _ in 0..<1200 { try await node.addPeer(Identity.generate().peerID, addresses: []) }
        let snapshot = await node.snapshot()
        #expect(snapshot.peers.count == 1000)
        #expect(snapshot.omittedPeers == 200)
        #expect(snapshot.description.hasSuffix("and 200 more peers"))
        await node.stop()
    }

    @Test func aNodeThatDoesNotRunShowsThat() async throws {
        let node = try Node(identity: .generate())
        let snapshot = await node.snapshot()
        #expect(!snapshot.isRunning)
        #expect(snapshot.peers.isEmpty)
        #expect(snapshot.description.contains("does not run"))
    }

    @Test func textIsEscapedAsJSONWantsIt() throws {
        let text = "quote \" backslash \\ line\n null \u{0} separator \u{2028} é 🫐"
        let json = JSONText.array([.string(text), .null, .number(.nan), .number(0.5), .bool(true)]).description
        let decoded = try #require(JSONSerialization.jsonObject(with: Data(json.utf8)) as? [Any])
        #expect(decoded.first as? String == text)
        #expect(!json.contains("\n"))
        #expect(decoded.count == 5)
    }
}
