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

import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct EventTests {
    private let peers = (0..<5).map { _ in Identity.generate().peerID }

    private func event(_ peer: PeerID, _ state: ConnectionState, session: UInt64 = 0) -> ConnectionEvent {
        ConnectionEvent(
            peer: peer, state: state, previous: .disconnected, session: session, isOutbound: nil, error: nil,
            unwrittenMessages: [:], missed: 0)
    }

    private func rest(_ buffer: EventBuffer) async -> [ConnectionEvent] {
        buffer.finish()
        var events: [ConnectionEvent] = []
        while let event = await buffer.next() { events.append(event) }
        return events
    }

    @Test func eventsComeInTheirOrder() async {
        let buffer = EventBuffer(capacity: 100)
        for session in 0..<100 as Range<UInt64> { buffer.append(event(peers[0], .connected, session: session)) }
        let events = await rest(buffer)
        #expect(events.map(\.session) == Array(0..<100))
        #expect(events.allSatisfy { $0.missed == 0 })
    }

    @Test func aFullBufferKeepsEachPeersLatestStateAndCountsWhatWasMissed() async {
        let buffer = EventBuffer(capacity: 10)
        for session in 1...100 as ClosedRange<UInt64> {
            for peer in peers { buffer.append(event(peer, .connected, session: session)) }
        }
        let events = await rest(buffer)
        #expect(events.count <= 10)
        for peer in peers { #expect(events.last { $0.peer == peer }?.session == 100) }
        #expect(events.map(\.session) == events.map(\.session).sorted())
        #expect(events.reduce(events.count) { $0 + $1.missed } == 500)
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func whateverHappensTheLatestOfEachPeerSurvivesAndTheCountIsExact(seed: UInt64) async {
        var random = SplitMix64(seed: seed)
        let capacity = Int.random(in: peers.count + 1...20, using: &random)
        let buffer = EventBuffer(capacity: capacity)
        var latest: [PeerID: UInt64] = [:]
        var seen: [PeerID: UInt64] = [:]
        var delivered = 0
        var missed = 0
        let count = 500
        func take(_ event: ConnectionEvent) {
            #expect(event.session > seen[event.peer, default: 0], "in order, and none twice")
            seen[event.peer] = event.session
            delivered += 1
            missed += event.missed
        }
        for session in 1...UInt64(count) {
            let peer = peers[Int.random(in: 0..<peers.count, using: &random)]
            buffer.append(event(peer, .connected, session: session))
            latest[peer] = session
            if Int.random(in: 0..<3, using: &random) == 0, let event = await buffer.next() { take(event) }
        }
        for event in await rest(buffer) { take(event) }
        #expect(seen == latest)
        #expect(delivered + missed == count)
    }

    @Test func theLatestOfEachPeerIsKeptAlsoOfMorePeersThanTheBufferTakesEvents() async {
        let buffer = EventBuffer(capacity: 2, maximum: 5)
        for session in 1...UInt64(100) {
            for peer in peers { buffer.append(event(peer, .connected, session: session)) }
            #expect(buffer.count <= 5)
        }
        let events = await rest(buffer)
        #expect(Set(events.map(\.peer)).count >= 4)
        #expect(events.suffix(4).allSatisfy { $0.session == 100 })
        #expect(events.reduce(events.count) { $0 + $1.missed } == 500)
        // With nothing to spare beyond, every one of them is there.
        let roomy = EventBuffer(capacity: 2, maximum: 100)
        for session in 1...UInt64(100) { for peer in peers { roomy.append(event(peer, .connected, session: session)) } }
        var latest: [PeerID: UInt64] = [:]
        for event in await rest(roomy) { latest[event.peer] = event.session }
        #expect(latest == Dictionary(uniqueKeysWithValues: peers.map { ($0, 100) }))
    }

    @Test func morePeersThanThereIsRoomForKeepTheNewest() async {
        let buffer = EventBuffer(capacity: 2)
        for (index, peer) in peers.enumerated() { buffer.append(event(peer, .connected, session: UInt64(index))) }
        let events = await rest(buffer)
        #expect(events.map(\.session) == [3, 4])
        #expect(events.first?.missed == 3)
        let single = EventBuffer(capacity: 0)
        for peer in peers { single.append(event(peer, .connected)) }
        #expect(await rest(single).map(\.peer) == [peers[4]])
    }

    @Test func aSubscriptionGetsItsPeersAndStatesOnly() async {
        let hub = EventHub(capacity: 100)
        let everything = EventSubscription(peers: nil, states: nil, hub: hub)
        let onePeer = EventSubscription(peers: [peers[1]], states: nil, hub: hub)
        let oneState = EventSubscription(peers: nil, states: [.established], hub: hub)
        let both = EventSubscription(peers: [peers[1], peers[2]], states: [.established], hub: hub)
        for peer in peers { for state in ConnectionState.allCases { hub.emit(event(peer, state)) } }
        hub.finish()
        func count(_ subscription: EventSubscription) async -> Int {
            await subscription.reduce(0) { count, _ in count + 1 }
        }
        #expect(await count(everything) == 30)
        #expect(await count(onePeer) == 6)
        #expect(await count(oneState) == 5)
        #expect(await count(both) == 2)
    }

    @Test func aSubscriptionBeginsWithItsCreation() async {
        let hub = EventHub(capacity: 100)
        hub.emit(event(peers[0], .connecting))
        let late = EventSubscription(peers: nil, states: nil, hub: hub)
        hub.emit(event(peers[0], .connected))
        hub.finish()
        #expect(await late.map(\.state).reduce(into: []) { $0.append($1) } == [.connected])
        // The claimed sequence has them from the first on.
        #expect(await hub.primary.next()?.state == .connecting)
    }

    @Test func cancellingTwiceIsHarmlessAndWhatIsThereIsStillDelivered() async {
        let hub = EventHub(capacity: 100)
        let subscription = EventSubscription(peers: nil, states: nil, hub: hub)
        hub.emit(event(peers[0], .connecting))
        subscription.cancel()
        subscription.cancel()
        hub.emit(event(peers[0], .connected))
        var iterator = subscription.makeAsyncIterator()
        #expect(await iterator.next()?.state == .connecting)
        #expect(await iterator.next() == nil)
        #expect(await iterator.next() == nil)
        subscription.cancel()
    }

    @Test func cancellingWakesWhoeverWaits() async {
        let hub = EventHub(capacity: 100)
        let subscription = EventSubscription(peers: nil, states: nil, hub: hub)
        let waiter = Task { await subscription.reduce(0) { count, _ in count + 1 } }
        await Task.yield()
        subscription.cancel()
        #expect(await waiter.value == 0)
    }

    @Test func aSubscriptionThatNobodyReadsHoldsUpNoOther() async {
        let hub = EventHub(capacity: 4)
        let idle = EventSubscription(peers: nil, states: nil, hub: hub)
        let busy = EventSubscription(peers: nil, states: nil, hub: hub)
        var iterator = busy.makeAsyncIterator()
        for session in 1...1000 as ClosedRange<UInt64> {
            hub.emit(event(peers[0], .connected, session: session))
            let received = await iterator.next()
            #expect(received?.session == session)
            #expect(received?.missed == 0)
        }
        hub.finish()
        let kept = await idle.reduce(into: [ConnectionEvent]()) { $0.append($1) }
        #expect(kept.count <= 4)
        #expect(kept.last?.session == 1000)
        #expect(kept.reduce(kept.count) { $0 + $1.missed } == 1000)
    }

    @Test func theEndEndsAllAndWhoComesLater() async {
        let hub = EventHub(capacity: 10)
        let subscriptions = (0..<10).map { _ in EventSubscription(peers: nil, states: nil, hub: hub) }
        let waiters = subscriptions.map { subscription in
            Task { await subscription.reduce(0) { count, _ in count + 1 } }
        }
        let primary = Task { await hub.primary.next()?.state }
        hub.finish()
        for waiter in waiters { #expect(await waiter.value == 0) }
        #expect(await primary.value == nil)
        let late = EventSubscription(peers: nil, states: nil, hub: hub)
        hub.emit(event(peers[0], .connected))
        #expect(await late.reduce(0) { count, _ in count + 1 } == 0)
        hub.finish()
    }

    @Test func aSubscriptionThatIsLetGoOfIsForgotten() {
        let hub = EventHub(capacity: 10)
        weak var buffer: EventBuffer?
        do {
            let subscription = EventSubscription(peers: nil, states: nil, hub: hub)
            buffer = subscription.makeAsyncIterator().buffer
            #expect(buffer != nil)
        }
        #expect(buffer == nil)
    }

    @Test func oneOfManyClaimsOfTheEventsWins() async throws {
        for _ in 0..<50 {
            let hub = EventHub(capacity: 10)
            let winners = await withTaskGroup(of: EventSequence.Claim?.self) { group in
                for _ in 0..<32 { group.addTask { EventSequence.Claim(hub.primary) } }
                return await group.reduce(into: [EventSequence.Claim]()) { if let won = $1 { $0.append(won) } }
            }
            #expect(winners.count == 1)
        }
    }

    @Test func aCancelledReaderLosesNothing() async {
        let hub = EventHub(capacity: 100)
        let subscription = EventSubscription(peers: nil, states: nil, hub: hub)
        let reader = Task {
            var iterator = subscription.makeAsyncIterator()
            return await iterator.next()?.session
        }
        reader.cancel()
        #expect(await reader.value == nil)
        hub.emit(event(peers[0], .connected, session: 7))
        var iterator = subscription.makeAsyncIterator()
        #expect(await iterator.next()?.session == 7)
    }

    @Test func tasksThatShareASubscriptionGetEachEventOnceAndAllEnd() async {
        let hub = EventHub(capacity: 2000)
        let subscription = EventSubscription(peers: nil, states: nil, hub: hub)
        let received = Log<UInt64>()
        let readers = (0..<4).map { _ in
            Task { for await event in subscription { received.append(event.session) } }
        }
        for session in 0..<500 as Range<UInt64> {
            hub.emit(event(peers[0], .connected, session: session))
            await Task.yield()
        }
        hub.finish()
        for reader in readers { await reader.value }
        #expect(received.all.sorted() == Array(0..<500))
    }
}
