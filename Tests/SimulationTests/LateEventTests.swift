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

/// What is late belongs to an old session and cannot touch the new one.
///
/// Seeds: 120 to 129 for each test.
@Suite(.ownThreads, .timeLimit(.minutes(5))) struct LateEventTests {
    /// The other machine loses its power and comes up again before this side can have noticed; the old connection ends
    /// long after the new session began.
    @Test func theLateEndOfAnOldConnectionDoesNotEndTheNewSession() throws {
        for seed in UInt64(120)..<130 {
            let world = World(seed: seed, quality: LinkQuality(latency: .milliseconds(10), jitter: .milliseconds(10)))
            let identity = Identity.generate()
            let one = try world.node()
            let before = try world.node(identity: identity)
            try world.establish(before, one)
            world.clock.advance(by: .milliseconds(500 + Int(seed % 10) * 900))
            let watch = Watch(world.clock, one, of: before)
            let inbox = try Inbox(world.clock, one)
            let old = try #require(one.connections(to: before).first)
            world.network.powerOff(identity.peerID)
            let after = try world.node(identity: identity)
            try world.add(one, to: after)
            #expect(world.clock.run(within: .seconds(4)) { watch.count(.established) == 1 }, "seed \(seed)")
            #expect(watch.states == [.disconnected, .connecting, .connected, .established], "seed \(seed)")
            #expect(watch.entries.first?.event.error?.message.contains("superseded") ?? false)
            try world.send(1, from: after, to: one)
            // Far beyond the keep-alive of the old connection, and its reset by the machine that is up again.
            world.clock.advance(by: .seconds(120))
            #expect(old.isClosed)
            try world.send(2, from: after, to: one)
            world.clock.advance(by: .seconds(1))
            #expect(watch.count(.established) == 1 && watch.states.count == 4, "seed \(seed): \(watch.states)")
            #expect(one.state(of: identity.peerID) == .established)
            #expect(inbox.numbers(from: after) == [1, 2])
            #expect(Set(inbox.messages.map(\.session)) == Set([watch.entries.last?.event.session].compactMap { $0 }))
            #expect(watch.violations().isEmpty)
            inbox.close()
            try world.finish()
        }
    }

    /// The handshake's deadline of the first session passes while the second is in its own.
    @Test func theLateTimeOutOfAnOldHandshakeDoesNotEndTheNewOne() throws {
        for seed in UInt64(120)..<130 {
            let world = World(seed: seed)
            let identity = Identity.generate()
            let one = try world.node(.unfinished)
            let before = try world.node(.unfinished, identity: identity)
            let watch = Watch(world.clock, one, of: before)
            try world.add(one, to: before)
            #expect(world.clock.run(within: .seconds(5)) { watch.count(.connected) == 1 })
            let first = try watch.first(.connected).time
            world.clock.advance(by: .seconds(10) + .milliseconds(Int(seed % 10) * 400))
            world.network.powerOff(identity.peerID)
            let after = try world.node(.unfinished, identity: identity)
            try world.add(one, to: after)
            #expect(world.clock.run(within: .seconds(4)) { watch.count(.connected) == 2 }, "seed \(seed)")
            let second = try #require(watch.times(.connected).last)
            world.clock.advance(by: first + .seconds(30) - world.clock.elapsed)
            #expect(one.state(of: identity.peerID) == .connected, "seed \(seed)")
            world.clock.run(within: .seconds(60)) { watch.count(.cooldown) == 1 }
            #expect(try watch.first(.cooldown).time == second + .seconds(30), "seed \(seed)")
            #expect(watch.violations().isEmpty)
            try world.finish()
        }
    }

    /// A peer that only dials in is forgotten between its sessions, and its sessions have different numbers all the same.
    @Test func everySessionOfAPeerThatIsInNoAddressBookHasANumberOfItsOwn() throws {
        for seed in UInt64(120)..<130 {
            let world = World(seed: seed)
            let one = try world.node()
            let dialers = [try world.node(), try world.node()]
            let watch = Watch(world.clock, one)
            for dialer in dialers { try world.establish(dialer, one) }
            for number in 1...4 {
                for dialer in dialers { world.network.cut(one.peerID, dialer.peerID) }
                #expect(world.clock.run(within: .seconds(60)) { watch.count(.established) == 2 * (number + 1) })
            }
            for dialer in dialers {
                let sessions = watch.entries.filter { $0.event.peer == dialer.peerID && $0.event.state == .established }
                    .map(\.event.session)
                #expect(sessions.count == 5 && sessions == Set(sessions).sorted(), "seed \(seed): \(sessions)")
            }
            try world.finish()
        }
    }

    /// Messages that were received in a session stay deliverable after it, and come before those of the next.
    @Test func whatAnEndedSessionLeftIsDeliveredBeforeAnythingOfTheNext() throws {
        for seed in UInt64(120)..<130 {
            let world = World(seed: seed)
            let one = try world.node()
            let other = try world.node()
            try world.establish(one, other)
            for number in 0..<50 { try world.send(number, from: other, to: one) }
            world.clock.advance(by: .seconds(1))
            world.network.cut(one.peerID, other.peerID)
            #expect(world.clock.run(within: .seconds(30)) { world.areEstablished(one, other) })
            let next = try #require(one.session(with: other)?.generation)
            #expect(next > 1)
            for number in 50..<100 { try world.send(number, from: other, to: one) }
            world.clock.advance(by: .seconds(1))
            let inbox = try Inbox(world.clock, one)
            #expect(world.clock.run(within: .seconds(5)) { inbox.count == 100 })
            #expect(inbox.numbers(from: other) == Array(0..<100))
            #expect(inbox.messages.map(\.session) == Array(repeating: 1, count: 50) + Array(repeating: next, count: 50))
            inbox.close()
            try world.finish()
        }
    }
}
