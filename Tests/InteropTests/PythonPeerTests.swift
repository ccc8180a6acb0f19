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
import Crypto
import Glueberry
import Multiformats
import NIOCore
import PeerIdentity
import Testing

/// A Swift node and an independent peer in Python over go-libp2p: the handshake, messages, and hostile deeds.
@Suite("Glueberry with the Python peer", .serialized, .timeLimit(.minutes(5))) struct PythonPeerTests {
    static let sizes = [0, 1, 100, 65_536, 300_000, 900_000]

    /// How node and peer come together.
    struct Link: Sendable, CustomTestStringConvertible {
        var nodeDials: Bool
        var security: GoDaemon.Security
        var order = "readme"
        var answersEveryHello = true

        static let all = [true, false].flatMap { nodeDials in
            GoDaemon.Security.allCases.flatMap { security in
                ["readme", "simple-chat"].map { Link(nodeDials: nodeDials, security: security, order: $0) }
            }
        }

        var testDescription: String {
            "\(nodeDials ? "node" : "peer") dials, Go with \(security.rawValue), \(order) order"
        }

        var options: [String] {
            [
                "--order", order, "--security", security == .noiseOnly ? "noise" : "default",
                "--answer-hello", answersEveryHello ? "every" : "once",
            ]
        }
    }

    @Test(arguments: Link.all) func establishesAndEchoesWhatThePeerSends(link: Link) async throws {
        try await withEchoNode { node in
            try await connected(node, link) { peer, _ in
                for stream in ["a", "b"] {
                    try peer.command(.send(Self.sizes, on: stream))
                    let sent = try await peer.next("sent")
                    #expect(sent.ok == true, "not every message on \(stream) came back as it was")
                }
            }
        }
    }

    @Test(arguments: Link.all) func receivesTheEchoesOfWhatTheNodeSends(link: Link) async throws {
        try await withNode { node in
            try await connected(node, link, options: ["--echo"]) { _, peerID in
                let messages = try node.messages()
                try await withDeadline(.seconds(90), "the exchange of \(Self.sizes.count) messages on two streams") {
                    var iterator = messages.makeAsyncIterator()
                    for stream in ["a", "b"] {
                        for (number, size) in Self.sizes.enumerated() {
                            let payload = SplitMix64.bytes(size, seed: UInt64(number))
                            try await node.send(payload, to: peerID, on: stream)
                            let message = try #require(try await Self.next(&iterator))
                            #expect(message.peer == peerID)
                            #expect(message.stream == stream)
                            #expect(digest(message.payload) == digest(payload))
                        }
                    }
                }
            }
        }
    }

    @Test(arguments: [true, false]) func establishesWithAPeerThatAnswersHelloOnce(nodeDials: Bool) async throws {
        try await withEchoNode { node in
            let link = Link(nodeDials: nodeDials, security: .noiseOnly, answersEveryHello: false)
            try await connected(node, link) { peer, _ in
                try await expectEchoes(of: [100], from: peer)
            }
        }
    }

    @Test(arguments: [true, false]) func neverEstablishesWithAForeignPublicKey(nodeDials: Bool) async throws {
        try await withEchoNode { node in
            try await run(
                node, Link(nodeDials: nodeDials, security: .noiseOnly), options: ["--hostile", "foreign-key"]
            ) {
                peer, peerID in
                var states: [ConnectionState] = []
                let events = node.subscribeToEvents(of: [peerID], in: nil)
                let line = try await peer.next("hostile")
                #expect(line.outcome == "ended" || line.outcome == "open")
                #expect(node.state(of: peerID) != .established)
                await node.disconnect(from: peerID)
                for await event in events {
                    states.append(event.state)
                    if event.state == .disconnected || event.state == .cooldown {
                        break
                    }
                }
                #expect(!states.contains(.established))
            }
            try await expectHonestPeerIsServed(by: node)
        }
    }

    @Test(arguments: [true, false]) func endsAnEncryptedStreamBeforeTheHandshake(nodeDials: Bool) async throws {
        try await withEchoNode { node in
            let link = Link(nodeDials: nodeDials, security: .noiseOnly)
            try await run(node, link, options: ["--hostile", "early-stream"]) { peer, _ in
                let line = try await peer.next("hostile")
                #expect(line.outcome == "refused" || line.outcome == "ended")
                _ = try await peer.next("established")
                try await expectEchoes(of: [100], from: peer)
            }
        }
    }

    @Test(arguments: ["handshake-varint", "handshake-announce"])
    func endsAMalformedHandshakeStreamAndServesOthers(deed: String) async throws {
        try await withEchoNode { node in
            let link = Link(nodeDials: false, security: .noiseOnly)
            try await run(node, link, options: ["--hostile", deed, "--wait", "40"]) { peer, peerID in
                let line = try await peer.next("hostile")
                #expect(line.outcome == "ended")
                #expect(node.state(of: peerID) != .established)
            }
            try await expectHonestPeerIsServed(by: node)
        }
    }

    @Test(arguments: ["announce", "malformed-varint", "inner-mismatch", "oversize"])
    func endsTheStreamOfAMalformedFrameAndEchoesOnAFreshOne(deed: String) async throws {
        try await withEchoNode { node in
            try await connected(node, Link(nodeDials: false, security: .noiseOnly)) { peer, peerID in
                try peer.command(.hostile(deed, on: "a"))
                let line = try await peer.next("hostile")
                #expect(line.outcome == "ended")
                #expect(node.state(of: peerID) == .established)
                try await expectEchoes(of: [0, 100, 65_536], from: peer, fresh: true)
            }
        }
    }

    @Test(arguments: ["undecryptable", "short-ciphertext"])
    func deliversNothingThatDoesNotOpenAndEchoesOnAFreshStream(deed: String) async throws {
        try await withEchoNode { node in
            try await connected(node, Link(nodeDials: false, security: .noiseOnly)) { peer, _ in
                try peer.command(.hostile(deed, on: "a"))
                let line = try await peer.next("hostile")
                // Whether one bad frame ends the stream or is counted is the node's choice; an answer is not.
                #expect(line.outcome == "ended" || line.outcome == "open")
                try await expectEchoes(of: [0, 100, 65_536], from: peer, fresh: true)
            }
        }
    }

    @Test func survivesAThousandFramesThatDoNotOpen() async throws {
        try await withEchoNode { node in
            try await connected(node, Link(nodeDials: false, security: .noiseOnly)) { peer, _ in
                try peer.command(.hostile("undecryptable", on: "a", count: 1000))
                let line = try await peer.next("hostile")
                #expect(line.outcome == "ended")
            }
            try await expectHonestPeerIsServed(by: node)
        }
    }

    @Test func endsASecondStreamOfTheSameNameAndKeepsTheFirst() async throws {
        try await withEchoNode { node in
            try await connected(node, Link(nodeDials: false, security: .noiseOnly)) { peer, _ in
                try peer.command(.hostile("same-name-twice", on: "a"))
                let line = try await peer.next("hostile")
                #expect(line.outcome == "ended" || line.outcome == "refused")
                #expect(line.firstAlive == true)
            }
        }
    }

    @Test func endsAStreamThatWasNotPrepared() async throws {
        try await withEchoNode { node in
            try await connected(node, Link(nodeDials: false, security: .noiseOnly)) { peer, peerID in
                try peer.command(.hostile("unprepared", on: "a"))
                let line = try await peer.next("hostile")
                #expect(line.outcome == "ended" || line.outcome == "refused")
                #expect(node.state(of: peerID) == .established)
                try await expectEchoes(of: [100], from: peer, fresh: true)
            }
        }
    }

    @Test func noticesThatThePeerDisconnected() async throws {
        try await withNode { node in
            try await connected(node, Link(nodeDials: false, security: .tlsThenNoise)) { peer, peerID in
                try peer.command(.disconnect)
                try await eventually { node.state(of: peerID) == .established ? nil : () }
            }
        }
    }

    // MARK: - Node and peer

    /// Runs a node that listens; it is stopped whatever happens.
    private func withNode(_ body: (Node) async throws -> Void) async throws {
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(StandardHandshake(streams: ["a", "b"]))
        let node = try Node(
            identity: Identity.generate(),
            listen: ["/ip4/127.0.0.1/tcp/0"],
            configuration: configuration
        )
        try await node.start()
        do {
            try await body(node)
        } catch {
            await node.stop()
            throw error
        }
        await node.stop()
    }

    /// Runs a node that sends every message back on its stream.
    private func withEchoNode(_ body: (Node) async throws -> Void) async throws {
        try await withNode { node in
            let messages = try node.messages()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for try await message in messages {
                        // A peer that is gone or hostile cannot be answered; that is no failure of the test.
                        try? await node.send(message.payload, to: message.peer, on: message.stream)
                    }
                }
                defer { group.cancelAll() }
                try await body(node)
            }
        }
    }

    /// Starts a peer and lets one of the two dial; `body` runs as soon as the dialling has begun.
    private func run(
        _ node: Node,
        _ link: Link,
        options: [String] = [],
        _ body: (PythonPeer, PeerID) async throws -> Void
    ) async throws {
        if link.nodeDials {
            try await PythonPeer.run(["--role", "listen"] + link.options + options) { peer in
                let listening = try await peer.next("listening")
                let peerID = try PeerID(#require(listening.peerID))
                let addresses = try #require(listening.addrs).map { try Multiaddr($0) }
                try await node.addPeer(peerID, addresses: addresses)
                try await body(peer, peerID)
                await node.removePeer(peerID)
            }
        } else {
            let address = try #require(node.listenAddresses.first).description
            try await PythonPeer.run(["--role", "dial", "--connect", address] + link.options + options) { peer in
                let listening = try await peer.next("listening")
                try await body(peer, PeerID(#require(listening.peerID)))
            }
        }
    }

    /// Like `run`, once both sides are established.
    private func connected(
        _ node: Node,
        _ link: Link,
        options: [String] = [],
        _ body: (PythonPeer, PeerID) async throws -> Void
    ) async throws {
        try await run(node, link, options: options) { peer, peerID in
            _ = try await peer.next("established")
            try await node.waitUntilEstablished(with: peerID, timeout: .seconds(60))
            #expect(node.state(of: peerID) == .established)
            try await body(peer, peerID)
        }
    }

    private func expectHonestPeerIsServed(by node: Node) async throws {
        try await connected(node, Link(nodeDials: false, security: .noiseOnly)) { peer, _ in
            try await expectEchoes(of: [0, 100, 65_536], from: peer)
        }
    }

    /// Lets the peer send messages of the sizes on stream `a`, one after another, and compare what comes back.
    private func expectEchoes(
        of sizes: [Int],
        from peer: PythonPeer,
        fresh: Bool = false,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        try peer.command(.send(sizes, on: "a", fresh: fresh))
        let sent = try await peer.next("sent")
        #expect(sent.ok == true, sourceLocation: sourceLocation)
    }

    /// The next element; generic, so that it does not matter whether the iterator is a value.
    private static func next<Iterator: AsyncIteratorProtocol>(
        _ iterator: inout Iterator
    ) async throws -> Iterator.Element? {
        try await iterator.next()
    }
}
