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

import Glueberry
import GlueberryTesting
import LibP2P
import Multiformats
import PeerIdentity
import Testing

/// A node that is played to, with one peer: what the peer and the network do is done by a real peer in an in-memory network,
/// or simulated by a mock.
protocol Stage {
    associatedtype Subject: MessagingNode

    var clock: VirtualClock { get }
    var node: Subject { get }
    var peer: Identity { get }
    var address: Multiaddr { get }

    /// From now on nothing comes of dials to the peer, and nobody is told.
    func vanish()
    /// From now on dials to the peer are refused.
    func refuseDials()
    /// The dial that runs is refused, and the node schedules the next.
    func dialFails() throws
    /// The dial that runs succeeds.
    func dialSucceeds() throws
    /// The peer dials the node and gets as far as `Connected`.
    func peerDials() throws
    /// The connection breaks.
    func lose() throws
    /// The time for the handshake passes.
    func handshakeTimesOut() throws
    /// The time for which the peer is left alone after its handshake failed passes.
    func cooldownEnds() throws
    /// Ends everything.
    func finish() throws
}

extension Stage {
    /// Begins a call; what it comes to is its result or the code of its error, and how long it took.
    func begin(_ body: @escaping @Sendable (Subject) async throws -> Void) -> VirtualTask<String> {
        let (node, clock) = (self.node, self.clock)
        let began = clock.elapsed
        return clock.start {
            let outcome: String
            do {
                try await body(node)
                outcome = "done"
            } catch let error as GlueberryError {
                outcome = error.code.description
            }
            let seconds = (clock.elapsed - began).components.seconds
            return seconds == 0 ? outcome : "\(outcome) after \(seconds) s"
        }
    }

    /// What a call comes to.
    func outcome(of call: VirtualTask<String>, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
        self.clock.run(within: .seconds(600)) { call.isDone }
        return try #require(call.result, sourceLocation: sourceLocation).get()
    }

    func call(
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: @escaping @Sendable (Subject) async throws -> Void
    ) throws -> String {
        try self.outcome(of: self.begin(body), sourceLocation: sourceLocation)
    }

    func ask<Value: Sendable>(_ body: @escaping @Sendable (Subject) async throws -> Value) throws -> Value {
        let node = self.node
        return try self.clock.perform { try await body(node) }
    }

    var state: String { self.node.state(of: self.peer.peerID).rawValue }
}

/// A node in an in-memory network, with a node for a peer.
struct RealStage: Stage {
    let world = World(seed: 160)
    let peer = Identity.generate()
    let node: Node
    let address: Multiaddr
    private let other: Node

    var clock: VirtualClock { self.world.clock }

    init(_ configuration: NodeConfiguration) throws {
        var calm = NodeConfiguration()
        // Of the two it is the played one whose time runs out.
        calm.handshakeTimeout = .seconds(3600)
        self.other = try self.world.node(calm, identity: self.peer)
        self.node = try self.world.network.node(configuration: configuration)
        self.address = try #require(self.world.network.address(of: self.peer.peerID))
    }

    func vanish() { self.world.network.partition(self.node.peerID, self.peer.peerID) }

    func refuseDials() { self.world.network.refuseDials(to: self.peer.peerID) }

    func dialFails() throws { try self.reach(.reconnecting) }

    func dialSucceeds() throws { try self.reach(.connected) }

    func peerDials() throws {
        try self.world.add(self.node, to: self.other)
        try self.reach(.connected)
    }

    func lose() throws {
        let id = self.peer.peerID
        let session = self.node.session(with: id)
        self.world.network.refuseDials(to: id)
        self.world.network.refuseDials(to: self.node.peerID)
        self.world.network.cut(self.node.peerID, id)
        try #require(self.clock.run(within: .seconds(1)) { self.node.session(with: id) != session })
    }

    func handshakeTimesOut() throws { try self.reach(.cooldown) }

    func cooldownEnds() throws { try self.reach(.reconnecting) }

    func finish() throws {
        let node = self.node
        try self.clock.perform { await node.stop() }
        try self.world.finish()
    }

    private func reach(_ state: ConnectionState) throws {
        try #require(self.clock.run(within: .seconds(60)) { self.node.state(of: self.peer.peerID) == state })
    }
}

/// A mock.
struct MockStage: Stage {
    let clock = VirtualClock(seed: 160)
    let peer = Identity.generate()
    let node: MockNode
    let address: Multiaddr

    init(_ configuration: NodeConfiguration) throws {
        self.node = MockNode(configuration: configuration, eventLoopGroup: self.clock)
        self.address = try Multiaddr("/ip4/10.0.0.9/tcp/1")
    }

    func vanish() {}

    func refuseDials() {}

    func dialFails() {
        let error = GlueberryError(.connectionFailed, "nobody listens", peer: self.peer.peerID)
        self.node.simulateDisconnect(self.peer.peerID, error: error, triesAgain: true)
        self.clock.run()
    }

    func dialSucceeds() { self.peerDials() }

    func peerDials() {
        self.node.simulateConnect(self.peer.peerID)
        self.clock.run()
    }

    func lose() {
        // A node tries again if it was it that dialled.
        let isWanted = self.node.isOutbound(self.peer.peerID) ?? false
        self.node.simulateDisconnect(self.peer.peerID, triesAgain: isWanted)
        self.clock.run()
    }

    func handshakeTimesOut() {
        self.clock.advance(by: self.node.configuration.handshakeTimeout)
        self.node.simulateHandshakeFailure(self.peer.peerID)
        self.clock.run()
    }

    func cooldownEnds() {
        self.clock.advance(by: self.node.configuration.cooldown)
        self.node.simulateCooldownEnd(self.peer.peerID)
        self.clock.run()
    }

    func finish() throws {
        let node = self.node
        try self.clock.perform { await node.stop() }
        #expect(self.clock.timers == 0)
    }
}
