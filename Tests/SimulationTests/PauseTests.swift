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

/// A consumer that pauses.
///
/// Seed: 140.
@Suite(.ownThreads, .timeLimit(.minutes(5))) struct PauseTests {
    @Test func tenThousandMessagesToAConsumerThatPausesAreAllDeliveredAndHoldUpNothingElse() throws {
        let world = World(seed: 140)
        let clock = world.clock
        let sender = try world.node()
        let receiver = try world.node()
        let third = try world.node()
        try world.establish(sender, receiver)
        try world.establish(third, receiver)
        let total = 10_000
        let id = receiver.peerID
        let accepted = Locked(0)
        let size = 1024
        let sending = clock.start {
            for number in 0..<total {
                var payload = ByteBuffer(integer: number)
                payload.writeRepeatingByte(UInt8(truncatingIfNeeded: number), count: size - 8)
                try await sender.send(payload, to: id, on: "a")
                accepted.withLock { $0 = number + 1 }
            }
        }
        let paused = try receiver.messages(on: "a")
        // Meanwhile: another stream of the same peer, another peer, and the peer's own state.
        let others = try Inbox(clock, receiver)
        for number in 0..<80 {
            try world.send(number, from: sender, to: receiver, on: "b")
            try world.send(number, from: third, to: receiver, on: "b")
            let begin = clock.elapsed
            #expect(clock.run(within: .seconds(1)) { others.count == 2 * (number + 1) })
            // One way over the link, with nothing to wait for on the way.
            #expect(clock.elapsed - begin <= .milliseconds(60))
            clock.advance(by: .milliseconds(100) - (clock.elapsed - begin))
        }
        #expect(clock.elapsed >= .seconds(8))
        #expect(others.numbers(from: sender, on: "b") == Array(0..<80))
        #expect(others.numbers(from: third, on: "b") == Array(0..<80))
        let before = accepted.withLock { $0 }
        #expect(before < total, "nobody held the sender back")
        #expect(!sending.isDone)
        #expect(world.areEstablished(sender, receiver))

        let received = Locked<[Int]>([])
        _ = clock.start {
            for await message in paused {
                let bytes = message.payload.readableBytesView
                let isWhole =
                    bytes.count == size
                    && bytes.dropFirst(8).allSatisfy { $0 == UInt8(truncatingIfNeeded: message.number) }
                received.withLock { $0.append(isWhole ? message.number : -1) }
            }
        }
        #expect(clock.run(within: .seconds(60)) { received.withLock { $0.count } == total })
        #expect(received.withLock { $0 } == Array(0..<total))
        #expect(sending.isDone)
        others.close()
        try world.finish()
    }
}
