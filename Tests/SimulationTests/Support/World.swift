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

import GlueberryTesting
import LibP2P
import Logging
import Multiformats
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// A virtual clock, a network on it, and the nodes that a test makes.
///
/// `finish()` stops every node and checks that nothing of them is left: no channel, no listener, no timer.
final class World {
    let clock: VirtualClock
    let network: InMemoryNetwork
    private(set) var nodes: [Node] = []

    init(seed: UInt64, quality: LinkQuality = LinkQuality(latency: .milliseconds(10)), eventLoops: Int = 3) {
        self.clock = VirtualClock(eventLoops: eventLoops, seed: seed)
        self.network = InMemoryNetwork(on: self.clock, seed: seed)
        self.network.setQuality(quality)
    }

    /// Makes a node and starts it.
    func node(
        _ configuration: NodeConfiguration = .simulated(), identity: Identity = .generate(), listens: Bool = true
    ) throws -> Node {
        let node = try self.network.node(
            identity: identity, configuration: configuration, listens: listens,
            logger: Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() })
        self.nodes.append(node)
        try self.clock.perform { try await node.start() }
        return node
    }

    /// Tells a node of another, whereupon it dials and keeps connected.
    func add(_ peer: Node, to node: Node) throws {
        let address = try #require(self.network.address(of: peer.peerID))
        try self.clock.perform { try await node.addPeer(peer.peerID, addresses: [address]) }
    }

    /// Whether two nodes are `Established` with each other.
    func areEstablished(_ one: Node, _ other: Node) -> Bool {
        one.state(of: other.peerID) == .established && other.state(of: one.peerID) == .established
    }

    /// Has one node dial the other and waits until both are `Established`.
    func establish(_ dialer: Node, _ listener: Node, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try self.add(listener, to: dialer)
        try #require(
            self.clock.run(within: .seconds(60)) { self.areEstablished(dialer, listener) },
            sourceLocation: sourceLocation)
    }

    /// Sends a number.
    func send(_ number: Int, from node: Node, to peer: Node, on stream: String = "a") throws {
        let id = peer.peerID
        try self.clock.perform { try await node.send(ByteBuffer(integer: number), to: id, on: stream) }
    }

    /// Sends a message each way and waits for both, which shows that the streams can be used.
    func exchange(_ one: Node, _ other: Node, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let inboxes = [(try Inbox(self.clock, one), other), (try Inbox(self.clock, other), one)]
        try self.send(1, from: one, to: other)
        try self.send(2, from: other, to: one)
        #expect(
            self.clock.run(within: .seconds(30)) { inboxes.allSatisfy { $0.0.count == 1 } },
            sourceLocation: sourceLocation)
        for (inbox, peer) in inboxes {
            #expect(inbox.numbers(from: peer) == [peer === other ? 2 : 1], sourceLocation: sourceLocation)
            inbox.close()
        }
    }

    /// Stops everything and checks that nothing is left.
    func finish(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let nodes = self.nodes
        try self.clock.perform {
            await withTaskGroup(of: Void.self) { group in
                for node in nodes { group.addTask { await node.stop() } }
            }
        }
        self.network.healAll()
        // What was under way to channels that are closed arrives.
        self.clock.advance(by: .seconds(60))
        #expect(self.network.openChannels == 0, sourceLocation: sourceLocation)
        #expect(self.clock.timers == 0, sourceLocation: sourceLocation)
    }
}

extension NodeConfiguration {
    /// The ready-made handshake with streams `a` and `b`.
    static func simulated(_ streams: [String] = ["a", "b"]) -> NodeConfiguration {
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(StandardHandshake(streams: streams))
        return configuration
    }

    /// A handshake that the application does; in these tests it never does.
    static var unfinished: NodeConfiguration { NodeConfiguration() }
}

extension Node {
    /// The connections of the node's host to a peer.
    func connections(to peer: Node) -> [Connection] { self.running?.host.connections(to: peer.peerID) ?? [] }

    /// The session with a peer.
    func session(with peer: Node) -> PeerSession? { self.running?.directory.session(with: peer.peerID) }
}

extension Message {
    /// The number that was sent.
    var number: Int { self.payload.getInteger(at: self.payload.readerIndex, as: Int.self) ?? -1 }
}
