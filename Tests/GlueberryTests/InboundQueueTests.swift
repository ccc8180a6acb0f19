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

@Suite(.timeLimit(.minutes(2))) struct InboundQueueTests {
    private let peer = Identity.generate().peerID

    private func numbers(_ entries: [InboundQueue.Entry]) -> [Int] { entries.map(\.received.message.number) }

    @Test func whatArrivesIsTakenInItsOrder() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let inbox = try #require(messages.hub.claim(.all))
            let queue = messages.queue(peer, "a")
            messages.arrive(0..<5, in: queue)
            messages.arrive(5..<10, in: queue)
            #expect(numbers(queue.take(3, for: inbox)) == [0, 1, 2])
            #expect(numbers(queue.take(100, for: inbox)) == Array(3..<10))
            #expect(queue.take(1, for: inbox).isEmpty)
        }
    }

    @Test func whatIsPutBackComesNextInItsOrder() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let inbox = try #require(messages.hub.claim(.all))
            let queue = messages.queue(peer, "a")
            messages.arrive(0..<10, in: queue)
            let taken = queue.take(6, for: inbox)
            queue.settle(taken.count, unused: taken[2...])
            #expect(numbers(queue.take(10, for: inbox)) == Array(2..<10))
        }
    }

    @Test func whatTwoConsumersPutBackKeepsItsOrderWhicheverIsFirst() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let inbox = try #require(messages.hub.claim(.all))
            let queue = messages.queue(peer, "a")
            messages.arrive(0..<10, in: queue)
            let (older, newer) = (queue.take(3, for: inbox), queue.take(4, for: inbox))
            queue.settle(older.count, unused: older[1...])
            queue.settle(newer.count, unused: newer[...])
            #expect(numbers(queue.take(10, for: inbox)) == Array(1..<10))
        }
    }

    @Test func aQueueGivesNothingToAnInboxThatItHasLeft() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(peer, "a")
            let all = try #require(messages.hub.claim(.all))
            messages.arrive(0..<3, in: queue)
            let routed = try #require(messages.hub.claim(.stream("a")))
            #expect(queue.take(3, for: all).isEmpty)
            #expect(numbers(queue.take(3, for: routed)) == [0, 1, 2])
        }
    }

    @Test func aQueueIsFullAtItsBoundInMessages() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link, limits: .init(messages: 4, bytes: 1_000_000))
            let queue = messages.queue(peer, "a")
            #expect(messages.arrive(0..<3, in: queue) == .now)
            #expect(messages.arrive(3..<4, in: queue) == .soon)
            #expect(messages.arrive(4..<6, in: queue) == .soon, "what has been parsed is kept, not dropped")
            #expect(queue.count == 6)
        }
    }

    @Test func aQueueIsFullAtItsBoundInBytes() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link, limits: .init(messages: 1000, bytes: 100))
            let queue = messages.queue(peer, "a")
            #expect(messages.arrive(0..<1, in: queue, bytes: 99) == .now)
            #expect(messages.arrive(1..<2, in: queue, bytes: 8) == .soon)
            let inbox = try #require(messages.hub.claim(.all))
            _ = queue.take(2, for: inbox)
            #expect(messages.arrive(2..<3, in: queue, bytes: 99) == .now, "what was taken takes no room")
        }
    }

    @Test func aQueueThatIsFullManyTimesOverTakesNoMoreOfWhatEndedSessionsLeave() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link, limits: .init(messages: 4, bytes: 1_000_000))
            let queue = messages.queue(peer, "a")
            #expect(messages.arrive(0..<16, in: queue, bytes: 1_000_000) == .soon)
            #expect(messages.arrive(16..<17, in: queue, bytes: 1_000_000) == .none)
        }
    }

    @Test func whatASessionLeavesIsMeasuredInMemoryAndNotInMessages() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link, limits: .init(messages: 4, bytes: 1_000_000))
            let queue = messages.queue(peer, "a")
            // A whole window of small messages stays, and what has no bytes at all has an end as well.
            #expect(messages.arrive(0..<90_000, in: queue) == .soon)
            #expect(messages.arrive(90_000..<130_000, in: queue) == .none)
        }
    }

    @Test func aDiscardedQueueKeepsNothing() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(peer, "a")
            messages.arrive(0..<3, in: queue)
            messages.hub.discard(queue.key)
            #expect(queue.count == 0)
            #expect(messages.arrive(3..<5, in: queue) == .none)
            #expect(queue.count == 0)
            #expect(messages.queue(peer, "a") !== queue)
        }
    }

    @Test func aFullQueueStopsItsStreamAndGoesOnAtHalf() async throws {
        try await withLink { link in
            let hub = MessageHub(limits: .init(messages: 8, bytes: 1_000_000))
            let inbox = try #require(hub.claim(.all))
            let queue = hub.queue(for: .init(peer: peer, stream: "a"))
            _ = try link.listener.channel("a", inbound: QueueSink(queue))
            let sender = try link.dialer.channel("a", inbound: RecordingSink())
            for number in 0..<8 { try await sender.send(ByteBuffer(integer: number), timeout: nil) }
            try await eventually { queue.count == 8 }
            for number in 8..<12 { try await sender.send(ByteBuffer(integer: number), timeout: nil) }
            try await link.barrier()
            #expect(queue.count == 8, "nothing is parsed while the queue is full")
            #expect(numbers(queue.take(3, for: inbox)) == [0, 1, 2])
            try await link.barrier()
            #expect(queue.count == 5, "it goes on at half, not before")
            #expect(numbers(queue.take(1, for: inbox)) == [3])
            try await eventually { queue.count == 8 }
            #expect(numbers(queue.take(8, for: inbox)) == Array(4..<12))
        }
    }

    @Test func aStreamThatEndsBeforeItsQueueHasRoomStillDeliversWhatItBrought() async throws {
        try await withLink { link in
            let hub = MessageHub(limits: .init(messages: 2, bytes: 1_000_000))
            let queue = hub.queue(for: .init(peer: peer, stream: "a"))
            _ = try link.listener.channel("a", inbound: QueueSink(queue))
            let stream = try await link.dialer.connection.openStream(protocols: [StreamName.protocolID(of: "a")])
            for number in 0..<2 { try await stream.write(Frame.encode(ByteBuffer(integer: number))) }
            try await eventually { queue.count == 2 }
            for number in 2..<50 { try await stream.write(Frame.encode(ByteBuffer(integer: number))) }
            await stream.finish()
            let inbox = try #require(hub.claim(.all))
            var received: [Int] = []
            while received.count < 50 {
                try await eventually { queue.count > 0 }
                received += numbers(queue.take(100, for: inbox))
            }
            #expect(received == Array(0..<50))
        }
    }
}
