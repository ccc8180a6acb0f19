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

/// What a full queue does with what arrives, by its policy.
@Suite(.timeLimit(.minutes(2))) struct ReceivePolicyTests {
    private let peer = Identity.generate().peerID

    private func limits(_ policy: ReceivePolicy, messages: Int = 4, bytes: Int = 1_000_000) -> InboundQueue.Limits {
        .init(messages: messages, bytes: bytes, policy: policy)
    }

    private func numbers(_ entries: [InboundQueue.Entry]) -> [Int] { entries.map(\.received.message.number) }

    @Test func dropNewestKeepsWhatWaitedAndTakesMoreOnceThereIsRoom() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link, limits: limits(.dropNewest))
            let inbox = try #require(messages.hub.claim(.all))
            let queue = messages.queue(peer, "a")
            let arrival = messages.arrival(of: 0..<10, in: queue)
            #expect(arrival.dropped == 6)
            #expect(arrival.room == .now, "the stream is read on")
            #expect(!arrival.isOverflow)
            #expect(numbers(queue.take(2, for: inbox)) == [0, 1])
            #expect(messages.arrival(of: 10..<13, in: queue).dropped == 1)
            #expect(numbers(queue.take(9, for: inbox)) == [2, 3, 10, 11])
        }
    }

    @Test func dropOldestKeepsTheNewestAndNeverTakesWhatAConsumerHas() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link, limits: limits(.dropOldest))
            let inbox = try #require(messages.hub.claim(.all))
            let queue = messages.queue(peer, "a")
            #expect(messages.arrival(of: 0..<4, in: queue).dropped == 0)
            let lent = queue.take(2, for: inbox)
            #expect(messages.arrival(of: 4..<10, in: queue).dropped == 4)
            queue.settle(2, unused: lent[1...])
            #expect(numbers(queue.take(9, for: inbox)) == [1, 6, 7, 8, 9])
        }
    }

    @Test func theBoundInBytesCountsToo() async throws {
        try await withLink { link in
            for policy in [ReceivePolicy.dropNewest, .dropOldest] {
                let messages = try await MadeUpMessages(on: link, limits: limits(policy, messages: 100, bytes: 100))
                let queue = messages.queue(peer, "a")
                #expect(messages.arrival(of: 0..<5, in: queue, bytes: 40).dropped == 3)
                #expect(queue.pending.bytes == 80)
            }
        }
    }

    @Test func aMessageLargerThanTheWholeQueuePassesAlone() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link, limits: limits(.dropNewest, bytes: 100))
            let queue = messages.queue(peer, "a")
            #expect(messages.arrival(of: [1], in: queue, bytes: 500).dropped == 0)
            #expect(messages.arrival(of: [2], in: queue).dropped == 1)
        }
    }

    @Test func disconnectTellsOnceAndTakesNothingMoreOfThatSession() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link, limits: limits(.disconnect))
            let inbox = try #require(messages.hub.claim(.all))
            let queue = messages.queue(peer, "a")
            let arrival = messages.arrival(of: 0..<6, in: queue)
            #expect(arrival.isOverflow)
            #expect(arrival.dropped == 2)
            #expect(numbers(queue.take(3, for: inbox)) == [0, 1, 2])
            let late = messages.arrival(of: 6..<8, in: queue)
            #expect(late.dropped == 2, "a gap would be worse than an end")
            #expect(!late.isOverflow)
            #expect(messages.arrival(of: 8..<10, in: queue, session: 2).dropped == 0)
            #expect(numbers(queue.take(9, for: inbox)) == [3, 8, 9])
        }
    }

    @Test func aStreamNameCanHaveAPolicyOfItsOwn() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(
                on: link, limits: limits(.backpressure), policies: ["news": .dropOldest])
            #expect(messages.queue(peer, "news").limits.policy == .dropOldest)
            #expect(messages.queue(peer, "a").limits.policy == .backpressure)
        }
    }

    @Test(arguments: [ReceivePolicy.dropNewest, .dropOldest])
    func whatIsDroppedGivesItsCreditBackAtOnce(policy: ReceivePolicy) async throws {
        try await withLink { link in
            let hub = MessageHub(limits: limits(policy, messages: 8))
            let queue = hub.queue(for: .init(peer: peer, stream: "a"))
            _ = try link.listener.channel("a", inbound: QueueSink(queue))
            let sender = try link.dialer.channel("a", inbound: RecordingSink())
            // Many windows full; were the credit kept, the last would never be written.
            for number in 0..<300 {
                var payload = ByteBuffer(integer: number)
                payload.writeRepeatingByte(0, count: 20_000)
                try await sender.send(payload, timeout: nil)
            }
            try await eventually { sender.unwrittenMessages == 0 }
            try await link.barrier()
            #expect(queue.count <= 8)
            withExtendedLifetime(hub) {}
        }
    }

    @Test func aNodeCountsWhatItDropsAndSaysSo() async throws {
        var configuration = standard()
        configuration.receiveBufferMessages = 4
        configuration.receivePolicies = ["a": .dropNewest]
        try await withNodes(configuration) { listener, dialer in
            try await establish(listener, dialer)
            var notices = listener.notices().makeAsyncIterator()
            for number in 0..<10 { try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a") }
            try await eventually { listener.droppedMessages == 6 }
            let notice = try #require(await notices.next())
            #expect(notice.kind == .messagesDropped(.dropNewest))
            #expect(notice.peer == dialer.peerID)
            #expect(notice.stream == "a")
            #expect((1...6).contains(notice.count))
            #expect(listener.flowControl(of: dialer.peerID, on: "a")?.policy == .dropNewest)
            #expect(listener.flowControl(of: dialer.peerID, on: "a")?.receiving.pendingMessages == 4)
            var messages = try listener.messages().makeAsyncIterator()
            #expect(await take(4, &messages) == [0, 1, 2, 3])
            #expect(listener.state(of: dialer.peerID) == .established)
        }
    }

    @Test func aNodeEndsTheSessionUnderThePolicyDisconnectAndSaysWhy() async throws {
        var configuration = standard()
        configuration.receiveBufferMessages = 4
        configuration.receivePolicy = .disconnect
        try await withNodes(configuration) { listener, dialer in
            try await establish(listener, dialer)
            var ends = listener.subscribeToEvents(of: [dialer.peerID], in: [.disconnected]).makeAsyncIterator()
            var losses = dialer.subscribeToEvents(of: [listener.peerID], in: [.disconnected]).makeAsyncIterator()
            for number in 0..<10 { try? await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a") }
            let end = try #require(await ends.next())
            #expect(end.error?.code == .receiveQueueFull)
            #expect(end.error?.stream == "a")
            // It may be back before anybody looks at its state.
            #expect(await losses.next() != nil)
            var messages = try listener.messages().makeAsyncIterator()
            #expect(await take(4, &messages) == [0, 1, 2, 3], "what was received stays deliverable")
        }
    }
}
