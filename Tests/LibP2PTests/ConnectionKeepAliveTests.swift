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
}
