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

import NIOCore
import NIOEmbedded
import Testing
import Yamux

@testable import LibP2P

@Suite struct ConnectionKeepAliveTests {
    @Test(arguments: [true, false])
    func aSilentConnectionIsGivenUpWithinFifteenSeconds(_ isHandlerDialer: Bool) throws {
        let peer = try RawPeer.connected(isHandlerDialer: isHandlerDialer)
        // Answers go on for a while, so that the silence begins at no special time.
        try peer.advance(by: .seconds(33))
        let lastWord = peer.loop.now
        while peer.delegate.closed.isEmpty, peer.loop.now - lastWord < .seconds(60) {
            peer.loop.advanceTime(by: .milliseconds(100))
        }
        #expect(peer.loop.now - lastWord <= .seconds(15))
        guard case .lost(let error) = peer.delegate.closed.first else {
            Issue.record("closed with \(String(describing: peer.delegate.closed.first))")
            return
        }
        #expect(error.code == .timedOut)
        #expect((error.cause as? YamuxError)?.code == .keepAliveTimeout)
        #expect(peer.delegate.closed.count == 1)
        // The socket itself goes after the time to close, though the other side says nothing.
        #expect(!peer.side.isGone)
        peer.loop.advanceTime(by: .seconds(1))
        #expect(peer.side.isGone)
        #expect(peer.side.limiter.connections == 0)
    }

    @Test func aConnectionWhosePeerAnswersStaysForHours() throws {
        let peer = try RawPeer.connected()
        try peer.advance(by: .hours(3), step: .seconds(5))
        #expect(peer.delegate.closed.isEmpty && !peer.side.isGone)
        #expect(peer.side.handler.roundTripTime != nil)
    }

    @Test func aProbeThatIsNotAnsweredEndsTheConnectionSooner() throws {
        let peer = try RawPeer.connected()
        try peer.advance(by: .seconds(2))
        peer.side.connection?.probe(timeout: .seconds(1))
        peer.loop.advanceTime(by: .milliseconds(900))
        #expect(peer.delegate.closed.isEmpty)
        peer.loop.advanceTime(by: .milliseconds(100))
        guard case .lost(let error) = peer.delegate.closed.first, peer.delegate.closed.count == 1 else {
            Issue.record("closed with \(peer.delegate.closed)")
            return
        }
        #expect(error.code == .timedOut)
    }

    @Test func aProbeThatIsAnsweredChangesNothing() throws {
        let peer = try RawPeer.connected()
        try peer.advance(by: .seconds(2))
        peer.side.connection?.probe(timeout: .seconds(1))
        try peer.advance(by: .seconds(4), step: .milliseconds(100))
        #expect(peer.delegate.closed.isEmpty)
    }

    @Test func aProbeDoesNotEndAConnectionThatBringsOtherBytes() throws {
        let peer = try RawPeer.connected()
        try peer.advance(by: .seconds(2))
        _ = try peer.open("/a")
        peer.side.connection?.probe(timeout: .seconds(1))
        peer.loop.advanceTime(by: .milliseconds(500))
        try peer.takeTurn(isDeaf: true)
        peer.loop.advanceTime(by: .milliseconds(600))
        #expect(peer.delegate.closed.isEmpty)
        // Then it falls silent after all.
        peer.loop.advanceTime(by: .seconds(20))
        #expect(peer.delegate.closed.count == 1)
    }

    @Test func whoWaitsForARoundTripIsNotAnsweredByAnEarlierPing() throws {
        let peer = try RawPeer.connected()
        try peer.advance(by: .seconds(2))
        let connection = try #require(peer.side.connection)
        var answered: [Int] = []
        connection.workHere { peer.side.handler.afterRoundTrip { answered.append(1) } }
        peer.loop.run()
        connection.workHere { peer.side.handler.afterRoundTrip { answered.append(2) } }
        peer.loop.run()
        try peer.takeTurn()
        #expect(answered == [1])
        try peer.takeTurn()
        #expect(answered == [1, 2])
    }

    @Test func whoWaitsForARoundTripGetsAnotherPingWhenTheFirstIsGivenUp() throws {
        let peer = try RawPeer.connected()
        try peer.advance(by: .seconds(2))
        let connection = try #require(peer.side.connection)
        var isAnswered = false
        connection.workHere { peer.side.handler.afterRoundTrip { isAnswered = true } }
        peer.loop.advanceTime(by: .seconds(1))
        _ = try peer.open("/a")
        try peer.takeTurn(isDeaf: true)
        peer.loop.advanceTime(by: .seconds(5))
        #expect(!isAnswered && peer.delegate.closed.isEmpty)
        try peer.exchange()
        #expect(isAnswered)
    }
}
