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

/// A stop in each phase of a peer's life returns, ends the sequences, and leaves no channel, listener or timer behind.
///
/// `World.finish()` checks the last of these. Seeds: 100 to 109 for each phase.
@Suite(.ownThreads, .timeLimit(.minutes(5))) struct StopTests {
    enum Phase: String, CaseIterable, Sendable {
        case dialling, securing, connected, established, sending, reconnecting, cooldown, partitioned, abandoned
    }

    @Test(arguments: Phase.allCases)
    func stopLeavesNothingRunning(in phase: Phase) throws {
        for seed in UInt64(100)..<110 {
            let world = World(seed: seed, quality: LinkQuality(latency: .milliseconds(20), jitter: .milliseconds(5)))
            let isUnfinished = phase == .connected || phase == .cooldown
            let one = try world.node(isUnfinished ? .unfinished : .simulated())
            let other = try world.node(isUnfinished ? .unfinished : .simulated())
            let events = Watch(world.clock, one)
            let inbox = try Inbox(world.clock, one)
            try self.reach(phase, one, other, world, seed)
            let began = world.clock.elapsed
            try world.clock.perform { await one.stop() }
            // The flush of what was accepted and the last words have their deadlines.
            #expect(world.clock.elapsed - began <= .seconds(8), "\(phase), seed \(seed)")
            #expect(events.entries.allSatisfy { $0.time <= world.clock.elapsed })
            #expect(one.state(of: other.peerID) == .disconnected)
            #expect(events.violations().isEmpty)
            inbox.close()
            try world.finish()
        }
    }

    private func reach(_ phase: Phase, _ one: Node, _ other: Node, _ world: World, _ seed: UInt64) throws {
        switch phase {
        case .dialling:
            try world.add(other, to: one)
            #expect(one.state(of: other.peerID) == .connecting)
        case .securing:
            try world.add(other, to: one)
            world.clock.advance(by: .milliseconds(50 + Int(seed % 10) * 10))
        case .connected:
            try world.add(other, to: one)
            #expect(world.clock.run(within: .seconds(5)) { one.state(of: other.peerID) == .connected })
        case .established:
            try world.establish(one, other)
        case .sending:
            try world.establish(one, other)
            let id = other.peerID
            for stream in ["a", "b"] {
                _ = world.clock.start {
                    for number in 0..<20_000 { try await one.send(ByteBuffer(integer: number), to: id, on: stream) }
                }
            }
            world.clock.advance(by: .milliseconds(30))
        case .reconnecting:
            world.network.refuseDials(to: other.peerID)
            try world.add(other, to: one)
            #expect(world.clock.run(within: .seconds(60)) { one.state(of: other.peerID) == .reconnecting })
        case .cooldown:
            try world.add(other, to: one)
            #expect(world.clock.run(within: .seconds(60)) { one.state(of: other.peerID) == .cooldown })
        case .partitioned:
            try world.establish(one, other)
            world.network.partition(one.peerID, other.peerID)
            try world.send(1, from: one, to: other)
            world.clock.advance(by: .seconds(Int(seed % 10)))
        case .abandoned:
            world.network.partition(one.peerID, other.peerID)
            try world.add(other, to: one)
            world.clock.advance(by: .seconds(Int(seed % 10)))
        }
    }

    /// Seed: 110.
    @Test func whatStopsCanBeStartedAgainAndFindsItsPeers() throws {
        let world = World(seed: 110)
        let one = try world.node()
        let other = try world.node()
        try world.establish(one, other)
        for _ in 0..<3 {
            try world.clock.perform { await one.stop() }
            world.clock.advance(by: .seconds(5))
            try world.clock.perform { try await one.start() }
            #expect(world.clock.run(within: .seconds(60)) { world.areEstablished(one, other) })
            try world.exchange(one, other)
        }
        try world.finish()
    }
}
