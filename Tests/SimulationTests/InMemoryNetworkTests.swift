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
import NIOCore
import NIOPosix
import PeerIdentity
import Testing

/// The network itself.
///
/// Seeds: 1 to 9.
@Suite(.ownThreads, .timeLimit(.minutes(5))) struct InMemoryNetworkTests {
    @Test func twoNodesTalkInVirtualTimeAndLeaveNothingBehind() throws {
        let world = World(seed: 1)
        let one = try world.node()
        let other = try world.node()
        try world.establish(one, other)
        try world.exchange(one, other)
        #expect(one.listenAddresses.map(\.description) == ["/ip4/10.0.0.1/tcp/4001/p2p/\(one.peerID)"])
        try world.finish()
    }

    @Test func theSameSeedGivesTheSameTimes() throws {
        func times() throws -> [Duration] {
            let quality = LinkQuality(latency: .milliseconds(20), jitter: .milliseconds(30))
            let world = World(seed: 2, quality: quality)
            let one = try world.node(identity: Identity(seed: Array(repeating: 1, count: 32)))
            let other = try world.node(identity: Identity(seed: Array(repeating: 2, count: 32)))
            try world.establish(one, other)
            let inbox = try Inbox(world.clock, other)
            for number in 0..<20 { try world.send(number, from: one, to: other) }
            world.clock.advance(by: .seconds(10))
            try world.finish()
            return inbox.times
        }
        let first = try times()
        #expect(first.count == 20)
        #expect(try times() == first)
    }

    @Test func aSlowLinkTakesTheTimeThatItsRateSays() throws {
        let world = World(seed: 3)
        let one = try world.node()
        let other = try world.node()
        try world.establish(one, other)
        world.network.setQuality(
            LinkQuality(latency: .milliseconds(10), bytesPerSecond: 10_000), from: one.peerID, to: other.peerID)
        let inbox = try Inbox(world.clock, other)
        let begin = world.clock.elapsed
        let id = other.peerID
        try world.clock.perform { try await one.send(ByteBuffer(repeating: 1, count: 100_000), to: id, on: "a") }
        world.clock.run(within: .seconds(60)) { inbox.count == 1 }
        let taken = world.clock.elapsed - begin
        #expect(taken > .seconds(10) && taken < .seconds(12))
        // Slow as it is, the connection answers its probes.
        #expect(world.areEstablished(one, other))
        try world.finish()
    }

    @Test func refusedDialsFailWithTheRefusal() throws {
        let world = World(seed: 4)
        let one = try world.node()
        let other = try world.node()
        world.network.refuseDials(to: other.peerID)
        try world.add(other, to: one)
        let id = other.peerID
        let error = #expect(throws: GlueberryError.self) {
            try world.clock.perform { try await one.connect(to: id) }
        }
        #expect(error?.code == .connectionFailed)
        let cause = error?.cause as? HostError
        #expect(cause?.attempts.first?.error?.code == .ioFailed)
        try world.finish()
    }

    @Test func whatAPartitionHoldsBackArrivesWhenItIsHealedInTime() throws {
        let world = World(seed: 5)
        let one = try world.node()
        let other = try world.node()
        try world.establish(one, other)
        let inbox = try Inbox(world.clock, other)
        world.network.partition(one.peerID, other.peerID)
        for number in 0..<10 { try world.send(number, from: one, to: other) }
        world.clock.advance(by: .seconds(3))
        #expect(inbox.count == 0)
        world.network.heal(one.peerID, other.peerID)
        world.clock.advance(by: .seconds(1))
        #expect(inbox.numbers(from: one) == Array(0..<10))
        #expect(world.areEstablished(one, other))
        try world.finish()
    }

    @Test func theNetworkRunsOnOtherEventLoopsToo() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let network = InMemoryNetwork(on: group, seed: 6)
        network.setQuality(LinkQuality(latency: .milliseconds(1), jitter: .milliseconds(1), segment: 1000))
        let one = try network.node(configuration: .simulated())
        let other = try network.node(configuration: .simulated())
        try await one.start()
        try await other.start()
        let address = try #require(network.address(of: other.peerID))
        try await one.addPeer(other.peerID, addresses: [address])
        try await one.waitUntilEstablished(with: other.peerID, timeout: .seconds(60))
        try await other.waitUntilEstablished(with: one.peerID, timeout: .seconds(60))
        let payload = SeededGenerator.bytes(300_000, seed: 6)
        try await one.send(payload, to: other.peerID, on: "a")
        var messages = try other.messages().makeAsyncIterator()
        #expect(await messages.next()?.bytes == payload)
        await one.stop()
        await other.stop()
        #expect(network.openChannels == 0)
        try await group.shutdownGracefully()
    }
}

extension SeededGenerator {
    static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return generator.bytes(count)
    }
}
