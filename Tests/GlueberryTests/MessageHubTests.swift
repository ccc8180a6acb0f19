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

@Suite(.timeLimit(.minutes(2))) struct MessageHubTests {
    private let one = Identity.generate().peerID
    private let two = Identity.generate().peerID

    @Test func thereIsOneQueuePerPeerAndStreamHoweverManyAsk() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queues = await withTaskGroup(of: InboundQueue.self) { group in
                for _ in 0..<64 { group.addTask { messages.queue(one, "a") } }
                return await group.reduce(into: Set<ObjectIdentifier>()) { $0.insert(ObjectIdentifier($1)) }
            }
            #expect(queues.count == 1)
            #expect(messages.queue(one, "a") !== messages.queue(one, "b"))
            #expect(messages.queue(one, "a") !== messages.queue(two, "a"))
        }
    }

    @Test func whatNobodyCanBeHeldUpForAnyMoreIsCountedUntilItIsRead() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queues = [
                messages.hub.use(.init(peer: one, stream: "a")), messages.hub.use(.init(peer: two, stream: "a")),
            ]
            for queue in queues { messages.arrive(0..<10, in: queue) }
            #expect(messages.hub.leftoverBytes == 0)
            for queue in queues { queue.unuse() }
            let both = messages.hub.leftoverBytes
            #expect(both > 0)
            #expect(messages.hub.use(.init(peer: one, stream: "a")) === queues[0])
            #expect(messages.hub.leftoverBytes == both / 2)
            queues[0].unuse()
            var all = try #require(messages.claim(.all)).makeAsyncIterator()
            _ = await take(20, &all)
            #expect(messages.hub.leftoverBytes == 0)
        }
    }

    @Test func aStreamsRouteComesBeforeAPeersAndThatBeforeAll() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            var all = try #require(messages.claim(.all)).makeAsyncIterator()
            var peer = try #require(messages.claim(.peer(one))).makeAsyncIterator()
            var stream = try #require(messages.claim(.stream("a"))).makeAsyncIterator()
            messages.arrive([1], in: messages.queue(one, "a"))
            messages.arrive([2], in: messages.queue(one, "b"))
            messages.arrive([3], in: messages.queue(two, "a"))
            messages.arrive([4], in: messages.queue(two, "b"))
            messages.hub.finish()
            #expect(await take(9, &all) == [4])
            #expect(await take(9, &peer) == [2])
            #expect(await Set(take(9, &stream)) == [1, 3])
        }
    }

    @Test func aRouteTakesOverWhatIsQueuedAndGivesBackWhatItLeaves() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(one, "a")
            messages.arrive(0..<10, in: queue)
            var routed: MessageSequence? = messages.claim(.stream("a"))
            do {
                var iterator = try #require(routed).makeAsyncIterator()
                #expect(await take(4, &iterator) == [0, 1, 2, 3])
            }
            routed = nil
            messages.arrive(10..<12, in: queue)
            var all = try #require(messages.claim(.all)).makeAsyncIterator()
            #expect(await take(8, &all) == Array(4..<12))
        }
    }

    @Test func aStreamsRouteThatEndsGivesThePeersRouteItsMessages() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(one, "a")
            var stream: MessageSequence? = messages.claim(.stream("a"))
            #expect(stream != nil)
            var peer = try #require(messages.claim(.peer(one))).makeAsyncIterator()
            messages.arrive([1], in: queue)
            stream = nil
            messages.arrive([2], in: queue)
            #expect(await take(2, &peer) == [1, 2])
        }
    }

    @Test func exactlyOneOfManyClaimsWins() async throws {
        try await withLink { link in
            for route in [MessageHub.Route.all, .stream("a"), .peer(one)] {
                for _ in 0..<50 {
                    let messages = try await MadeUpMessages(on: link)
                    let winners = await withTaskGroup(of: MessageSequence?.self) { group in
                        for _ in 0..<32 { group.addTask { messages.claim(route) } }
                        // The claims are held until all have been tried.
                        return await group.reduce(into: [MessageSequence]()) { if let won = $1 { $0.append(won) } }
                    }
                    #expect(winners.count == 1)
                }
            }
        }
    }

    @Test func routesClaimedAtOnceKeepTheirPrecedence() async throws {
        try await withLink { link in
            for round in 0..<1000 {
                let messages = try await MadeUpMessages(on: link)
                let queue = messages.queue(one, "a")
                async let peer = messages.claim(.peer(one))
                async let stream = messages.claim(.stream("a"))
                let claims = await (peer: peer, stream: stream)
                let inbox = try #require(claims.stream).claim.inbox
                messages.arrive([round], in: queue)
                let taken = queue.take(1, for: inbox)
                #expect(taken.map(\.received.message.number) == [round])
                guard taken.count == 1 else { return }
                withExtendedLifetime(claims.peer) {}
            }
        }
    }

    @Test func afterTheEndEveryRouteDeliversTheRestAndThenEnds() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<100, in: messages.queue(one, "a"))
            messages.arrive(100..<103, in: messages.queue(one, "b"))
            messages.hub.finish()
            var routed = try #require(messages.claim(.stream("b"))).makeAsyncIterator()
            #expect(await take(100, &routed) == [100, 101, 102])
            var all = try #require(messages.claim(.all)).makeAsyncIterator()
            #expect(await take(1000, &all) == Array(0..<100))
            #expect(await all.next() == nil)
        }
    }
}
