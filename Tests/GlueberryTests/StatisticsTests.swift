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
import Multiformats
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct StatisticsTests {
    @Test func messagesBytesAndConnectionsAreCountedPerPeerAndStream() async throws {
        try await withObservedNodes { listener, _, dialer, _ in
            let before = Timestamp.now
            try await establish(listener, dialer)
            for size in 1...4 {
                try await dialer.send([UInt8](repeating: 1, count: size), to: listener.peerID, on: "a")
            }
            try await listener.send([1, 2], to: dialer.peerID, on: "b")
            var received = try listener.messages().makeAsyncIterator()
            for _ in 1...4 { _ = try #require(await received.next()) }
            var answered = try dialer.messages().makeAsyncIterator()
            _ = try #require(await answered.next())

            let there = try #require(listener.statistics(of: dialer.peerID))
            let here = try #require(dialer.statistics(of: listener.peerID))
            #expect(here.streams["a"]?.messagesSent == 4)
            #expect(here.streams["a"]?.bytesSent == 10)
            #expect(here.streams["b"]?.messagesReceived == 1)
            #expect(here.streams["b"]?.bytesReceived == 2)
            #expect(there.streams["a"]?.messagesReceived == 4)
            #expect(there.streams["a"]?.bytesReceived == 10)
            #expect(there.streams["b"]?.messagesSent == 1)
            #expect(here.connections.openedOutbound == 1)
            #expect(here.connections.openedInbound == 0)
            #expect(there.connections.openedInbound == 1)
            #expect(here.connections.dialsSucceeded == 1)
            #expect(there.connections.dialsSucceeded == 0)
            #expect(here.connections.handshakesSucceeded == 1)
            #expect(here.connections.failures == 0)
            #expect(here.connections.sessions == 1)
            #expect(try #require(here.lastConnectTime) > .zero)
            #expect(try #require(here.lastHandshakeTime) > .zero)
            #expect(there.lastConnectTime == nil)
            #expect(here.totalConnectedTime > .zero)
            for moment in [
                here.firstSeen, here.lastSeen, here.lastConnected, here.connectedSince, here.streams["a"]?.lastSent,
                here.streams["b"]?.lastReceived, there.streams["a"]?.lastReceived,
            ] { #expect(try #require(moment) >= before) }
            #expect(dialer.statistics.peers[listener.peerID]?.peer == listener.peerID)
            #expect(dialer.statistics.connectedPeers == 1)
        }
    }

    @Test func theyGoOnOverSessionsAndOverAStop() async throws {
        try await withObservedNodes { listener, _, dialer, _ in
            for session in 1...3 {
                try await establish(listener, dialer)
                try await dialer.send([1], to: listener.peerID, on: "a")
                await dialer.disconnect(from: listener.peerID)
                let statistics = try #require(dialer.statistics(of: listener.peerID))
                #expect(statistics.connections.sessions == session)
                #expect(statistics.streams["a"]?.messagesSent == session)
                #expect(statistics.connectedSince == nil)
                if session == 2 { await dialer.stop() }
                // A node that starts dials whom it knows at once, so the other has to have seen the end before.
                try await eventually { listener.state(of: dialer.peerID) == .disconnected }
                guard session == 2 else { continue }
                #expect(dialer.statistics(of: listener.peerID)?.streams["a"]?.messagesSent == 2)
                try await dialer.start()
            }
            let connected = try #require(dialer.statistics(of: listener.peerID)).totalConnectedTime
            #expect(connected > .zero)
            #expect(dialer.statistics(of: listener.peerID)?.totalConnectedTime == connected, "nobody is connected")
        }
    }

    @Test func aDialThatFailsIsAFailure() async throws {
        let node = try Node(identity: .generate())
        try await node.start()
        let peer = Identity.generate().peerID
        _ = try? await node.connect(to: Multiaddr("\(deadAddress)/p2p/\(peer)"), timeout: .seconds(20))
        let statistics = try #require(node.statistics(of: peer))
        #expect(statistics.connections.dialsFailed >= 1)
        #expect(statistics.connections.failures == statistics.connections.dialsFailed)
        #expect(statistics.connections.opened == 0)
        #expect(statistics.connectedSince == nil)
        await node.stop()
    }

    @Test func whatIsHandedOutIsACopy() async throws {
        try await withObservedNodes { listener, _, dialer, _ in
            try await establish(listener, dialer)
            let before = try #require(dialer.statistics(of: listener.peerID))
            let all = dialer.statistics
            try await dialer.send([1], to: listener.peerID, on: "a")
            #expect(before.streams["a"]?.messagesSent == 0)
            #expect(all.total.messagesSent == before.total.messagesSent)
            #expect(dialer.statistics(of: listener.peerID)?.streams["a"]?.messagesSent == 1)
            #expect(dialer.statistics.total.messagesSent == before.total.messagesSent + 1)
        }
    }

    @Test func refusedFramesAreCounted() async throws {
        try await withScriptedPeer { node, peer in
            let stream = try await peer.open("a", to: node)
            try await stream.write(Frame.encode(ByteBuffer(bytes: pattern(40))))
            try await stream.write(ByteBuffer(bytes: [5, 0]))
            #expect(await resetCode(of: stream) == StreamErrorCode.protocolViolation)
            #expect(node.statistics(of: peer.peerID)?.streams["a"]?.messagesRefused == 2)
        }
    }

    // MARK: The table by itself

    private func table(_ limits: StatisticsTable.Limits = .init()) -> StatisticsTable {
        StatisticsTable(limits: limits)
    }
    private func time(_ hours: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .hours(hours) }
    private func stamp(_ nanoseconds: UInt64) -> Timestamp { Timestamp(nanosecondsSince1970: nanoseconds) }

    @Test func aPeerThatWasAwayForADayIsRemovedAndAConnectedOneIsNot() {
        let (connected, away) = (Identity.generate().peerID, Identity.generate().peerID)
        var table = table()
        table.sessionBegan(with: connected, isOutbound: true, now: time(0), stamp: stamp(1))
        table.sessionBegan(with: away, isOutbound: true, now: time(0), stamp: stamp(1))
        table.sessionEnded(with: away, now: time(2), stamp: stamp(2))
        table.removeStale(now: time(26) - .nanoseconds(1))
        #expect(Set(table.entries.keys) == [connected, away])
        table.removeStale(now: time(26))
        #expect(Set(table.entries.keys) == [connected])
        table.removeStale(now: time(1000))
        #expect(Set(table.entries.keys) == [connected])
    }

    @Test func aPeerThatCameBackIsRememberedForAnotherDay() {
        let peer = Identity.generate().peerID
        var table = table()
        table.sessionBegan(with: peer, isOutbound: false, now: time(0), stamp: stamp(1))
        table.sessionEnded(with: peer, now: time(1), stamp: stamp(2))
        table.sessionBegan(with: peer, isOutbound: false, now: time(20), stamp: stamp(3))
        table.sessionEnded(with: peer, now: time(21), stamp: stamp(4))
        table.removeStale(now: time(44))
        #expect(table.entries[peer] != nil)
        table.removeStale(now: time(45))
        #expect(table.entries[peer] == nil)
    }

    @Test func aPeerThatNeverConnectedIsForgottenToo() {
        let peer = Identity.generate().peerID
        var table = table()
        table.attempted(peer, succeeded: false, after: .seconds(1), stamp: stamp(1))
        table.removeStale(now: time(1))
        #expect(table.entries[peer] != nil)
        table.removeStale(now: time(25))
        #expect(table.entries[peer] == nil)
    }

    @Test func connectedTimeIsTheSumOfTheSessionsAndTheOneThatRuns() throws {
        let peer = Identity.generate().peerID
        var table = table()
        table.sessionBegan(with: peer, isOutbound: true, now: time(0), stamp: stamp(1))
        table.sessionEnded(with: peer, now: time(2), stamp: stamp(2))
        table.sessionEnded(with: peer, now: time(3), stamp: stamp(2))
        table.sessionBegan(with: peer, isOutbound: true, now: time(10), stamp: stamp(3))
        let entry = try #require(table.entries[peer])
        #expect(entry.statistics(pairMessages: 0, now: time(13)).totalConnectedTime == .seconds(5 * 3600))
        #expect(entry.statistics(pairMessages: 0, now: time(13)).connectedSince == stamp(3))
        #expect(entry.statistics(pairMessages: 0, now: time(13)).firstSeen == stamp(1))
    }

    @Test func aFloodOfPeersPushesOutOnlyThoseThatAreAway() {
        var table = table(.init(peers: 100))
        let connected = (0..<50).map { _ in Identity.generate().peerID }
        for peer in connected { table.sessionBegan(with: peer, isOutbound: true, now: time(0), stamp: stamp(1)) }
        for number in 0..<1000 {
            table.connectionOpened(
                with: Identity.generate().peerID, isOutbound: false, stamp: stamp(UInt64(number) + 2))
            #expect(table.entries.count <= 100)
        }
        #expect(connected.allSatisfy { table.entries[$0] != nil })
    }

    @Test func streamsBeyondTheLimitOfAPeerAreCountedTogether() {
        let instruments = NodeInstruments(limits: .init(streamsPerPeer: 2))
        let peer = Identity.generate().peerID
        for name in ["a", "b", "c", "d"] { instruments.stream(name, with: peer).sent(bytes: 1) }
        let streams = instruments.statistics(of: peer, now: nil)?.streams.mapValues(\.messagesSent)
        #expect(streams == ["a": 1, "b": 1, NodeMetrics.otherStreams: 2])
    }
}
