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
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// Two sides that do the same thing at the same moment, which latency forces: each acts before it can have heard of the
/// other.
///
/// Seeds: the number of the trial.
@Suite(.ownThreads, .timeLimit(.minutes(10))) struct CollisionTests {
    @Test func bothDialEachOtherAtOnceAndEveryTrialEndsInOneSession() throws {
        let trials = 200
        var collisions = 0
        for trial in 0..<trials where try self.dialEachOther(seed: UInt64(trial)) { collisions += 1 }
        #expect(collisions * 10 >= trials * 9, "only \(collisions) of \(trials) trials collided")
        print("simultaneous dials: \(collisions) of \(trials) trials had both connections secured on both sides")
    }

    /// Answers whether both connections were secured on both sides.
    private func dialEachOther(seed: UInt64) throws -> Bool {
        var random = SeededGenerator(seed: seed)
        let jitter = Duration.milliseconds(Int.random(in: 0...8, using: &random))
        let world = World(
            seed: seed,
            quality: LinkQuality(latency: .milliseconds(Int.random(in: 10...100, using: &random)), jitter: jitter))
        let nodes = [try world.node(), try world.node()]
        let watches = nodes.map { Watch(world.clock, $0) }
        let inboxes = try nodes.map { try Inbox(world.clock, $0) }
        for (node, peer) in [(nodes[0], nodes[1]), (nodes[1], nodes[0])] {
            let address = try #require(world.network.address(of: peer.peerID))
            let id = peer.peerID
            let established = node.subscribeToEvents(in: [.established])
            _ = world.clock.start {
                try await node.addPeer(id, addresses: [address])
                // As soon as this side may: the other may not be as far.
                for await _ in established {
                    try await node.send(ByteBuffer(integer: 7), to: id, on: "a")
                    return
                }
            }
        }
        var isCollision = false
        let isDone = world.clock.run(within: .seconds(20)) {
            isCollision =
                isCollision
                || nodes[0].connections(to: nodes[1]).count == 2 && nodes[1].connections(to: nodes[0]).count == 2
            return world.areEstablished(nodes[0], nodes[1]) && inboxes.allSatisfy { $0.count == 1 }
        }
        #expect(isDone, "seed \(seed): \(watches.map(\.states)), messages \(inboxes.map(\.count))")
        // Nothing that is still to come takes the session away.
        world.clock.advance(by: .seconds(30))
        for (watch, inbox) in zip(watches, inboxes) {
            #expect(watch.count(.established) == 1, "seed \(seed): \(watch.states)")
            #expect(watch.states.last == .established, "seed \(seed): \(watch.states)")
            #expect(watch.violations().isEmpty, "seed \(seed)")
            #expect(inbox.messages.map(\.number) == [7], "seed \(seed)")
        }
        // Either side sends on a connection that the other counts to the session.
        let ends = [(nodes[0], nodes[1]), (nodes[1], nodes[0])].map { node, peer in
            Set(
                (node.session(with: peer)?.connections ?? []).map {
                    $0.direction == .outbound ? node.peerID : peer.peerID
                })
        }
        #expect(!ends[0].isEmpty && ends[0] == ends[1], "seed \(seed): the sides disagree on the connections")
        try world.finish()
        return isCollision
    }

    @Test func bothSendFirstOnTheSameStreamAtOnceAndNothingIsLostDoubledOrReordered() throws {
        let trials = 60
        var collisions = 0
        for trial in 0..<trials where try self.sendFirst(seed: UInt64(trial)) { collisions += 1 }
        #expect(collisions * 10 >= trials * 9, "only \(collisions) of \(trials) trials collided")
        print("simultaneous first sends: in \(collisions) of \(trials) trials both sides had opened the stream")
    }

    /// Answers whether both sides had opened the stream.
    private func sendFirst(seed: UInt64) throws -> Bool {
        var random = SeededGenerator(seed: seed)
        let latency = Duration.milliseconds(Int.random(in: 10...100, using: &random))
        let jitter = Duration.milliseconds(Int.random(in: 0...5, using: &random))
        let world = World(seed: seed, quality: LinkQuality(latency: latency, jitter: jitter))
        let nodes = [try world.node(), try world.node()]
        try world.establish(nodes[Int(seed % 2)], nodes[Int(1 - seed % 2)])
        let inboxes = try nodes.map { try Inbox(world.clock, $0) }
        let clock = world.clock
        let counts = (0..<2).map { _ in Int.random(in: 1...80, using: &random) }
        let size = Int.random(in: 8...4000, using: &random)
        for (index, node) in nodes.enumerated() {
            let id = nodes[1 - index].peerID
            _ = world.clock.start {
                for number in 0..<counts[index] {
                    var payload = ByteBuffer(integer: number)
                    payload.writeRepeatingByte(0, count: size - 8)
                    try await node.send(payload, to: id, on: "a")
                    // Some before the other's stream is known here, some after.
                    if number % 10 == 9 { try await clock.sleep(for: latency / 4) }
                }
            }
        }
        var isCollision = false
        world.clock.run(within: .seconds(20)) {
            let channels = [nodes[0].session(with: nodes[1]), nodes[1].session(with: nodes[0])].map { $0?.channel("a") }
            isCollision = isCollision || channels.allSatisfy { $0?.hasIncoming ?? false }
            return inboxes[0].count >= counts[1] && inboxes[1].count >= counts[0]
        }
        // Long enough for a copy that was kept to be sent again, were it.
        world.clock.advance(by: .seconds(30))
        for index in 0..<2 {
            let numbers = inboxes[index].numbers(from: nodes[1 - index])
            #expect(numbers == Array(0..<counts[1 - index]), "seed \(seed)")
        }
        #expect(world.areEstablished(nodes[0], nodes[1]))
        try world.finish()
        return isCollision
    }
}
