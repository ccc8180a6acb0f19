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
import NIOEmbedded
import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct NoticeTests {
    private let peer = Identity.generate().peerID
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func dropped(_ count: Int, _ stream: String = "a") -> NodeNotice {
        NodeNotice(.messagesDropped(.dropNewest), peer: peer, stream: stream, count: count)
    }

    @Test func ofOneKindPeerAndStreamOnePassesPerSecondAndCountsTheOthers() {
        var pacer = NoticePacer()
        #expect(pacer.offer(dropped(1), now: start)?.count == 1)
        #expect(pacer.offer(dropped(2), now: start) == nil)
        #expect(pacer.offer(dropped(3, "b"), now: start)?.count == 3, "another stream has a pace of its own")
        #expect(pacer.offer(dropped(4), now: start + .milliseconds(999)) == nil)
        #expect(pacer.due(now: start + .milliseconds(999)).isEmpty)
        #expect(pacer.deadline == start + .seconds(1))
        #expect(pacer.due(now: start + .seconds(1)).map(\.count) == [6])
        #expect(pacer.offer(dropped(5), now: start + .milliseconds(1500)) == nil)
        #expect(pacer.offer(dropped(6), now: start + .seconds(2))?.count == 11)
        #expect(pacer.due(now: start + .seconds(3)).isEmpty)
        #expect(pacer.deadline == nil, "nothing is remembered of what is over")
    }

    @Test func whatIsHeldPassesWhenTheTimeHasComeOrAtTheEnd() async throws {
        let loop = NIOAsyncTestingEventLoop()
        let hub = NoticeHub(capacity: 8)
        let publisher = NoticePublisher(hub: hub, eventLoop: loop)
        var notices = NoticeSubscription(hub: hub).makeAsyncIterator()
        for _ in 0..<5 { publisher.publish(dropped(1)) }
        #expect(await notices.next()?.count == 1)
        await loop.advanceTime(by: .seconds(1))
        #expect(await notices.next()?.count == 4)
        publisher.publish(dropped(7))
        publisher.finish()
        publisher.publish(dropped(9))
        hub.finish()
        #expect(await notices.next()?.count == 7)
        #expect(await notices.next() == nil)
        // What was cancelled has left the loop only when it has run.
        await loop.run()
        await loop.shutdownGracefully()
    }

    @Test func aSubscriptionThatIsNotReadMissesTheOldestAndSaysHowMany() async throws {
        let hub = NoticeHub(capacity: 3)
        var slow = NoticeSubscription(hub: hub).makeAsyncIterator()
        var quick = NoticeSubscription(hub: hub).makeAsyncIterator()
        for count in 1...5 {
            hub.emit(dropped(count))
            #expect(await quick.next()?.count == count)
        }
        let first = try #require(await slow.next())
        #expect(first.count == 3)
        #expect(first.missed == 2)
        #expect(await slow.next()?.missed == 0)
    }

    @Test func aSubscriptionEndsWhenItIsCancelledAndWhenTheNodeStops() async throws {
        try await withNodes { listener, dialer in
            let cancelled = listener.notices()
            var (one, two) = (cancelled.makeAsyncIterator(), listener.notices().makeAsyncIterator())
            cancelled.cancel()
            cancelled.cancel()
            #expect(await one.next() == nil)
            await listener.stop()
            #expect(await two.next() == nil)
        }
    }

    @Test func aQueueThatNobodyReadsIsReportedAfterTheTimeLimitAndAgainAfterItWasRead() async throws {
        try await withLink { link in
            let loop = NIOAsyncTestingEventLoop()
            let reports = Log<Int>()
            let watch = StallWatch(timeout: .seconds(10), eventLoop: loop) { queue, pending in
                #expect(queue.key.stream == "a")
                reports.append(pending.messages)
            }
            let messages = try await MadeUpMessages(on: link)
            messages.hub.begin(watch)
            let queue = messages.queue(peer, "a")
            let sequence = try #require(messages.claim(.all))
            var iterator = sequence.makeAsyncIterator()
            messages.arrive(0..<5, in: queue)
            await loop.advanceTime(by: .milliseconds(9999))
            #expect(reports.all == [])
            await loop.advanceTime(by: .milliseconds(1))
            #expect(reports.all == [5])
            messages.arrive(5..<6, in: queue)
            await loop.advanceTime(by: .seconds(60))
            #expect(reports.all == [5], "it says so once")
            #expect(await take(1, &iterator) == [0])
            await loop.advanceTime(by: .seconds(2))
            #expect(reports.all == [5])
            await loop.advanceTime(by: .seconds(10))
            #expect(reports.all == [5, 5], "what a consumer holds and does not take counts")
            #expect(await take(5, &iterator) == [1, 2, 3, 4, 5])
            await loop.advanceTime(by: .seconds(60))
            #expect(reports.count == 2, "nothing waits")
            messages.arrive(6..<8, in: queue)
            await loop.advanceTime(by: .seconds(12))
            #expect(reports.all == [5, 5, 2])
            watch.finish()
            // What was cancelled has left the loop only when it has run.
            await loop.run()
            await loop.shutdownGracefully()
        }
    }

    @Test func aSlowConsumerIsNoStalledOne() async throws {
        try await withLink { link in
            let loop = NIOAsyncTestingEventLoop()
            let reports = Log<Int>()
            let watch = StallWatch(timeout: .seconds(10), eventLoop: loop) { reports.append($1.messages) }
            let messages = try await MadeUpMessages(on: link)
            messages.hub.begin(watch)
            messages.arrive(0..<30, in: messages.queue(peer, "a"))
            var iterator = try #require(messages.claim(.all)).makeAsyncIterator()
            // All thirty are one batch; every eight seconds one of it is taken.
            for number in 0..<29 {
                #expect(await take(1, &iterator) == [number])
                await loop.advanceTime(by: .seconds(8))
            }
            #expect(reports.count == 0)
            watch.finish()
            // What was cancelled has left the loop only when it has run.
            await loop.run()
            await loop.shutdownGracefully()
        }
    }

    @Test func aNodeTellsOfAConsumerThatHasStoppedReading() async throws {
        var configuration = standard()
        configuration.stallTimeout = .milliseconds(50)
        try await withNodes(configuration) { listener, dialer in
            try await establish(listener, dialer)
            var notices = listener.notices().makeAsyncIterator()
            try await dialer.send([1, 2, 3], to: listener.peerID, on: "a")
            let notice = try #require(await notices.next())
            #expect(notice.kind == .consumerStalled(pendingMessages: 1, pendingBytes: 3))
            #expect(notice.peer == dialer.peerID)
            #expect(notice.stream == "a")
        }
    }

    @Test func aMessageOverTheMaximumIsToldOfOnBothSidesAndTheSessionStays() async throws {
        let told = Log<NodeNotice>()
        var small = standard()
        small.maximumMessageSize = 1000
        small.onNotice = { told.append($0) }
        try await withNodes(small, other: standard()) { listener, dialer in
            try await establish(listener, dialer)
            var sent = dialer.notices().makeAsyncIterator()
            try await dialer.send(pattern(5000), to: listener.peerID, on: "a")
            try await eventually { told.count == 1 }
            let notice = try #require(told.all.first)
            guard case .messageRefused(.tooLarge(let announced, let maximum)) = notice.kind else {
                Issue.record("\(notice)")
                return
            }
            #expect(maximum == 1000)
            #expect(announced == 5000)
            #expect(notice.peer == dialer.peerID)
            #expect(notice.stream == "a")
            let refused = try #require(await sent.next())
            #expect(refused.kind == .sentMessageRefused)
            #expect(refused.peer == listener.peerID)
            #expect(listener.state(of: dialer.peerID) == .established)
        }
    }

    @Test func theCallbackMayTakeItsTimeAndCallTheNode() async throws {
        let gate = Settlement<Void, Never>()
        let told = Log<NodeNotice>()
        let node = Locked<Node?>(nil)
        var small = standard()
        small.maximumMessageSize = 1000
        small.onNotice = { notice in
            told.append(notice)
            _ = await gate.value()
            let listener = node.withLock { $0 }
            await listener?.stop()
        }
        try await withNodes(small, other: standard()) { listener, dialer in
            node.withLock { $0 = listener }
            defer { node.withLock { $0 = nil } }
            try await establish(listener, dialer)
            try await dialer.send(pattern(5000), to: listener.peerID, on: "a")
            try await eventually { told.count == 1 }
            // It is busy, and everything else goes on.
            try await dialer.send([1], to: listener.peerID, on: "b")
            var messages = try listener.messages().makeAsyncIterator()
            #expect(await messages.next()?.bytes == [1])
            gate.succeed()
            #expect(await messages.next() == nil, "the callback has stopped the node")
            await listener.stop()
        }
    }
}
