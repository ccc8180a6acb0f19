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

import LibP2P
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct MessageSequenceTests {
    private let one = Identity.generate().peerID
    private let two = Identity.generate().peerID

    @Test func messagesComeInTheirOrderThroughManyBatches() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<1000, in: messages.queue(one, "a"))
            var iterator = try #require(messages.claim(.all)).makeAsyncIterator()
            #expect(await take(1000, &iterator) == Array(0..<1000))
        }
    }

    @Test func aBusyStreamDoesNotKeepTheOthersWaiting() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<4000, in: messages.queue(one, "busy"))
            for peer in [one, two] { messages.arrive([-1], in: messages.queue(peer, "quiet")) }
            var iterator = try #require(messages.claim(.all)).makeAsyncIterator()
            let first = await take(200, &iterator)
            #expect(first.count { $0 == -1 } == 2, "both quiet streams have had their turn")
            #expect(first.filter { $0 >= 0 } == Array(0..<198))
        }
    }

    @Test func twoBusyStreamsTakeTurns() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<640, in: messages.queue(one, "a"))
            messages.arrive(10_000..<10_640, in: messages.queue(two, "a"))
            var iterator = try #require(messages.claim(.all)).makeAsyncIterator()
            for turn in 1...5 {
                let numbers = await take(128, &iterator)
                #expect(numbers.count { $0 < 10_000 } == 64, "turn \(turn)")
            }
        }
    }

    @Test func whatAnAbandonedIterationHadNotDeliveredComesNext() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<200, in: messages.queue(one, "a"))
            let sequence = try #require(messages.claim(.all))
            var received: [Int] = []
            for portion in [1, 63, 64, 2, 70] {
                var iterator = sequence.makeAsyncIterator()
                received += await take(portion, &iterator)
            }
            #expect(received == Array(0..<200))
        }
    }

    @Test func aBreakLosesNothingAndReordersNothing() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<30, in: messages.queue(one, "a"))
            messages.hub.finish()
            let sequence = try #require(messages.claim(.all))
            var received: [Int] = []
            for await message in sequence {
                received.append(message.number)
                if message.number == 9 { break }
            }
            for await message in sequence { received.append(message.number) }
            #expect(received == Array(0..<30))
        }
    }

    @Test func anErrorInTheLoopLosesNothing() async throws {
        struct Stop: Error {}
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<30, in: messages.queue(one, "a"))
            messages.hub.finish()
            let sequence = try #require(messages.claim(.all))
            await #expect(throws: Stop.self) {
                for await message in sequence where message.number == 4 { throw Stop() }
            }
            var rest: [Int] = []
            for await message in sequence { rest.append(message.number) }
            #expect(rest == Array(5..<30))
        }
    }

    @Test func theNextClaimGoesOnWhereTheLastOneLeftOff() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<30, in: messages.queue(one, "a"))
            for start in stride(from: 0, to: 30, by: 10) {
                var iterator = try #require(messages.claim(.all)).makeAsyncIterator()
                #expect(messages.claim(.all) == nil, "the iterator holds the claim")
                #expect(await take(10, &iterator) == Array(start..<start + 10))
            }
        }
    }

    @Test func aCancelledTaskGetsNothingAndLosesNothing() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let sequence = try #require(messages.claim(.all))
            // One that waits, and one that is cancelled before it asks although something is there.
            let waiting = Task {
                var iterator = sequence.makeAsyncIterator()
                return await iterator.next()?.number
            }
            waiting.cancel()
            #expect(await waiting.value == nil)
            messages.arrive(0..<3, in: messages.queue(one, "a"))
            let late = Task {
                while !Task.isCancelled { await Task.yield() }
                var iterator = sequence.makeAsyncIterator()
                return await iterator.next()?.number
            }
            late.cancel()
            #expect(await late.value == nil)
            var iterator = sequence.makeAsyncIterator()
            #expect(await take(3, &iterator) == [0, 1, 2])
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func cancellationsAtAnyMomentLoseNothingAndReorderNothing(seed: UInt64) async throws {
        try await withLink { link in
            var random = SplitMix64(seed: seed)
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(one, "a")
            let sequence = try #require(messages.claim(.all))
            let received = Log<Int>()
            var next = 0
            for _ in 0..<50 {
                let reader = Task {
                    for await message in sequence { received.append(message.number) }
                }
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    let count = Int.random(in: 1...100, using: &random)
                    messages.arrive(next..<next + count, in: queue)
                    next += count
                    await Task.yield()
                }
                reader.cancel()
                await reader.value
            }
            messages.hub.finish()
            for await message in sequence { received.append(message.number) }
            #expect(received.all == Array(0..<next))
        }
    }

    @Test func aWaitingConsumerIsWokenByEveryArrivalAndByTheEnd() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(one, "a")
            let sequence = try #require(messages.claim(.all))
            let received = Log<Int>()
            let reader = Task {
                for await message in sequence { received.append(message.number) }
            }
            for number in 0..<100 {
                messages.arrive([number], in: queue)
                try await eventually { received.count == number + 1 }
            }
            messages.hub.finish()
            await reader.value
            #expect(received.all == Array(0..<100))
        }
    }

    @Test func tasksThatShareASequenceAgainstTheRuleStillEndAndLoseNothing() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(one, "a")
            let sequence = try #require(messages.claim(.all))
            let received = Log<Int>()
            let readers = (0..<4).map { _ in
                Task {
                    for await message in sequence { received.append(message.number) }
                }
            }
            for number in 0..<500 {
                messages.arrive([number], in: queue)
                await Task.yield()
            }
            messages.hub.finish()
            for reader in readers { await reader.value }
            #expect(received.all.sorted() == Array(0..<500))
        }
    }
}
