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
import Yamux

@testable import Glueberry

/// Losses, and the way back from them, with exact times.
///
/// Seeds: named at each test.
@Suite(.ownThreads, .timeLimit(.minutes(5))) struct LossTests {
    private static let latency = Duration.milliseconds(10)

    /// Two nodes that have been `Established` for a while; the first dialled and wants to be connected.
    private func pair(_ world: World, lasting: Duration = .seconds(20)) throws -> (one: Node, other: Node, Watch) {
        let one = try world.node()
        let other = try world.node()
        try world.establish(one, other)
        world.clock.advance(by: lasting)
        return (one, other, Watch(world.clock, one, of: other))
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func aProcessThatIsKilledIsNoticedAtOnceWithTheReason(seed: UInt64) throws {
        let world = World(seed: seed)
        let (_, other, watch) = try self.pair(world)
        let begin = world.clock.elapsed
        world.network.kill(other.peerID)
        world.clock.advance(by: .milliseconds(500))
        let lost = try watch.first(.disconnected)
        #expect(lost.time - begin == Self.latency)
        #expect(lost.event.error?.code == .closed)
        #expect(lost.event.error?.message.contains("the other side closed the connection") ?? false)
        try world.finish()
    }

    @Test func aConnectionThatIsResetIsNoticedAtOnceWithTheReason() throws {
        let world = World(seed: 4)
        let (one, other, watch) = try self.pair(world)
        let begin = world.clock.elapsed
        world.network.cut(one.peerID, other.peerID)
        world.clock.run()
        let lost = try watch.first(.disconnected)
        #expect(lost.time == begin)
        #expect(lost.event.error?.code == .closed)
        #expect(lost.event.error?.message.contains("lost") ?? false)
        try world.finish()
    }

    /// Seeds: 10 to 20, one for each moment within a keep-alive interval.
    @Test func packetsThatStopAreNoticedWithinTheKeepAliveTime() throws {
        var longest = Duration.zero
        for step in 0...10 {
            let world = World(seed: UInt64(10 + step))
            let (one, other, watch) = try self.pair(world, lasting: .milliseconds(20_000 + step * 1_000))
            let configuration = one.configuration.host.yamux
            let bound = Duration.nanoseconds(
                (configuration.keepAliveInterval + configuration.keepAliveTimeout).nanoseconds)
            let begin = world.clock.elapsed
            world.network.partition(one.peerID, other.peerID)
            #expect(world.clock.run(within: .seconds(60)) { one.state(of: other.peerID) != .established })
            let lost = try watch.first(.disconnected)
            // Nothing has come since the beginning; the last byte came at it or before.
            let noticed = lost.time - begin
            #expect(noticed <= bound, "noticed after \(noticed), documented are \(bound)")
            longest = max(longest, noticed)
            #expect(lost.event.error?.message.contains("timedOut") ?? false)
            try world.finish()
        }
        // The moments cover the interval, so that the bound is about as long as documented.
        #expect(longest > .seconds(13))
    }

    /// Seeds: 30 to 39.
    @Test func aLossIsFollowedByATryAfterTheBaseDelayAndByEstablishedWithUsableStreams() throws {
        for seed in 30..<40 {
            let world = World(seed: UInt64(seed))
            let (one, other, watch) = try self.pair(world)
            try world.exchange(one, other)
            let begin = world.clock.elapsed
            world.network.cut(one.peerID, other.peerID)
            #expect(world.clock.run(within: .seconds(30)) { watch.count(.established) == 1 })
            #expect(watch.states == [.disconnected, .reconnecting, .connecting, .connected, .established])
            let delay = try watch.first(.connecting).time - begin
            #expect(delay >= .milliseconds(900) && delay <= .milliseconds(1100), "first try after \(delay)")
            #expect(world.clock.run(within: .seconds(5)) { world.areEstablished(one, other) })
            try world.exchange(one, other)
            #expect(watch.violations().isEmpty)
            try world.finish()
        }
    }

    /// Whether each delay is what is expected, give or take the tenth by which it is scattered.
    private func expect(
        _ delays: [Duration], _ expected: [Int], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(delays.count == expected.count, sourceLocation: sourceLocation)
        for (delay, seconds) in zip(delays, expected) {
            #expect(
                delay >= .milliseconds(seconds * 900) && delay <= .milliseconds(seconds * 1100),
                "\(delay) is not about \(seconds) s", sourceLocation: sourceLocation)
        }
    }

    /// How long each wait for a next try was.
    private func waits(_ watch: Watch) -> [Duration] {
        let entries = watch.entries
        return zip(entries, entries.dropFirst()).filter {
            $0.0.event.state == .reconnecting && $0.1.event.state == .connecting
        }.map { $0.1.time - $0.0.time }
    }

    /// Seeds: 50 to 54.
    @Test func failedDialsBackOffOneTwoFourSecondsAndGiveUpAfterTheConfiguredTries() throws {
        for seed in 50..<55 {
            let world = World(seed: UInt64(seed))
            let one = try world.node()
            let other = try world.node()
            world.network.refuseDials(to: other.peerID)
            let watch = Watch(world.clock, one, of: other)
            try world.add(other, to: one)
            world.clock.advance(by: .seconds(3600))
            self.expect(self.waits(watch), [1, 2, 4, 8, 16, 32, 64, 128, 256, 300])
            #expect(watch.entries.last?.event.error?.message.contains("given up after") ?? false)
            #expect(watch.violations().isEmpty)
            try world.finish()
        }
    }

    /// Seeds: 60 and 61.
    @Test func tenSecondsOfEstablishedResetTheCountOfFailuresAndLessDoNot() throws {
        for (seed, held, expected) in [(UInt64(60), Duration.seconds(11), 1), (61, .seconds(9), 8)] {
            let world = World(seed: seed)
            let one = try world.node()
            let other = try world.node()
            world.network.refuseDials(to: other.peerID)
            let watch = Watch(world.clock, one, of: other)
            try world.add(other, to: one)
            world.clock.run(within: .seconds(60)) { watch.count(.reconnecting) == 3 }
            self.expect(self.waits(watch), [1, 2])
            world.network.acceptDials(to: other.peerID)
            #expect(world.clock.run(within: .seconds(60)) { watch.count(.established) == 1 })
            world.clock.advance(by: held)
            watch.forget()
            world.network.cut(one.peerID, other.peerID)
            #expect(world.clock.run(within: .seconds(60)) { watch.count(.established) == 1 })
            self.expect(self.waits(watch), [expected])
            try world.finish()
        }
    }

    /// Seed: 70.
    @Test func aHandshakeThatDoesNotEndLeadsThroughCooldownToTheNextTryAtExactTimes() throws {
        let world = World(seed: 70)
        let one = try world.node(.unfinished)
        let other = try world.node(.unfinished)
        let watch = Watch(world.clock, one, of: other)
        try world.add(other, to: one)
        world.clock.run(within: .seconds(200)) { watch.count(.connected) == 2 }
        #expect(
            watch.states == [
                .connecting, .connected, .cooldown, .disconnected, .reconnecting, .connecting, .connected,
            ])
        let connected = try watch.first(.connected).time
        let cooldown = try watch.first(.cooldown)
        #expect(cooldown.time == connected + .seconds(30))
        #expect(cooldown.event.error?.code == .handshakeTimedOut)
        #expect(try watch.first(.disconnected).time == cooldown.time + .seconds(60))
        #expect(try watch.first(.reconnecting).time == cooldown.time + .seconds(60))
        self.expect(self.waits(watch), [1])
        #expect(watch.violations().isEmpty)
        try world.finish()
    }

    /// Seeds: 80 to 82, for the three codes with which a peer sends another away.
    @Test(arguments: [ConnectionErrorCode.none, ConnectionErrorCode.garbageCollected, ConnectionErrorCode.gated])
    func aPeerThatSentUsAwayIsLeftAloneForTheCooldown(code: UInt32) throws {
        let world = World(seed: 80 &+ UInt64(code & 1) + UInt64(code >> 1 & 1))
        let (one, other, watch) = try self.pair(world)
        let begin = world.clock.elapsed
        if code == ConnectionErrorCode.none {
            let id = one.peerID
            try world.clock.perform { await other.disconnect(from: id) }
        } else {
            for connection in other.connections(to: one) { connection.closeNow(code: code) }
        }
        #expect(world.clock.run(within: .seconds(120)) { watch.count(.connecting) == 1 })
        #expect(Array(watch.states.prefix(3)) == [.disconnected, .reconnecting, .connecting])
        let lost = try watch.first(.disconnected)
        #expect(lost.time - begin <= .milliseconds(100))
        #expect(lost.event.error?.message.contains("0x\(String(code, radix: 16))") ?? false)
        #expect(try watch.first(.connecting).time == lost.time + .seconds(60))
        #expect(world.clock.run(within: .seconds(30)) { world.areEstablished(one, other) })
        try world.finish()
    }

    /// Seed: 90.
    ///
    /// Any other code, here that of a node that stops, is a loss like others.
    @Test func aPeerThatStoppedIsTriedAgainAfterTheBaseDelay() throws {
        let world = World(seed: 90)
        let (_, other, watch) = try self.pair(world)
        try world.clock.perform { await other.stop() }
        #expect(world.clock.run(within: .seconds(120)) { watch.count(.connecting) == 1 })
        self.expect(self.waits(watch), [1])
        try world.finish()
    }

    /// Seed: 91.
    @Test func aPeerInCooldownIsTurnedAwayWhenItDials() throws {
        let world = World(seed: 91)
        let one = try world.node(.unfinished)
        var patient = NodeConfiguration.unfinished
        patient.handshakeTimeout = .seconds(300)
        let other = try world.node(patient)
        let watch = Watch(world.clock, one, of: other)
        try world.add(other, to: one)
        #expect(world.clock.run(within: .seconds(60)) { watch.count(.cooldown) == 1 })
        let begin = world.clock.elapsed
        world.clock.advance(by: .seconds(1))
        #expect(other.state(of: one.peerID) == .disconnected)
        // The other side tries, again and again, through the whole of the cooldown.
        let dials = Watch(world.clock, other, of: one)
        try world.add(one, to: other)
        world.clock.advance(by: .seconds(59) - (world.clock.elapsed - begin))
        #expect(one.state(of: other.peerID) == .cooldown)
        #expect(one.connections(to: other).isEmpty)
        #expect(watch.states.last == .cooldown, "\(watch.states)")
        #expect(dials.count(.connecting) >= 1 && dials.count(.connected) == 0)
        #expect(other.connections(to: one).isEmpty)
        let refused = try dials.first(.disconnected)
        #expect(refused.event.error?.message.contains("0x\(String(ConnectionErrorCode.gated, radix: 16))") ?? false)
        let dialled = try dials.first(.connecting)
        #expect(refused.time - dialled.time <= .milliseconds(200))
        try world.finish()
    }
}
