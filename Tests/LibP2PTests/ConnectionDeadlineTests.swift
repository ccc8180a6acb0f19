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

/// A peer that is slow, and never silent for long, is closed by the deadline of the step and by the one over all.
@Suite struct ConnectionDeadlineTests {
    /// Sends bytes one by one, with a pause after each, until the handler has had enough; returns the time it took.
    private func drip(_ bytes: [UInt8], every pause: TimeAmount, to peer: RawPeer) throws -> TimeAmount {
        let start = peer.loop.now
        for byte in bytes where !peer.side.isGone {
            try peer.side.give([byte])
            peer.loop.advanceTime(by: pause)
        }
        return peer.loop.now - start
    }

    private func expectTimedOut(
        _ peer: RawPeer, at stage: DialAttempt.Stage, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(peer.side.isGone, sourceLocation: sourceLocation)
        #expect(peer.side.failure?.stage == stage, sourceLocation: sourceLocation)
        #expect(peer.side.failure?.error.code == .timedOut, sourceLocation: sourceLocation)
        peer.loop.run()
        #expect(peer.side.limiter.connections == 0 && peer.side.limiter.unauthenticated == 0)
        // A connection that was never open is nothing to tell the host of.
        #expect(peer.delegate.opened.isEmpty && peer.delegate.closed.isEmpty, sourceLocation: sourceLocation)
    }

    @Test(arguments: [true, false])
    func aByteEveryTenSecondsInTheSecurityNegotiationIsClosedAfterTen(_ isHandlerDialer: Bool) throws {
        let peer = try RawPeer(isHandlerDialer: isHandlerDialer)
        let time = try self.drip(MultistreamText.header, every: .seconds(10), to: peer)
        #expect(time == .seconds(10))
        self.expectTimedOut(peer, at: .securityNegotiation)
    }

    @Test func aByteEverySecondInTheSecurityNegotiationIsClosedAfterTenToo() throws {
        let peer = try RawPeer()
        let time = try self.drip(MultistreamText.header, every: .seconds(1), to: peer)
        #expect(time == .seconds(10))
        self.expectTimedOut(peer, at: .securityNegotiation)
    }

    @Test(arguments: [true, false])
    func aSlowHandshakeIsClosedAfterTenSeconds(_ isHandlerDialer: Bool) throws {
        let peer = try RawPeer(isHandlerDialer: isHandlerDialer)
        try peer.side.give(peer.firstFlight())
        // With the answer to the handler's proposal, if it dialled, the handshake begins.
        if isHandlerDialer { try peer.side.give(peer.nextFlight()) }
        let time = try self.drip(peer.nextFlight(), every: .seconds(1), to: peer)
        #expect(time == .seconds(10))
        self.expectTimedOut(peer, at: .securityHandshake)
    }

    @Test func aSlowMultiplexerNegotiationIsClosedAfterTenSeconds() throws {
        let peer = try RawPeer(muxers: [])
        try peer.side.give(peer.firstFlight())
        try peer.side.give(peer.nextFlight())
        let flight = try peer.nextFlight()
        // Message 3 alone: the proposal of the multiplexer in the record behind it comes too slowly.
        let message3 = 2 + Int(flight[0]) << 8 + Int(flight[1])
        try peer.side.give([UInt8](flight.prefix(message3)))
        let time = try self.drip([UInt8](flight.dropFirst(message3)), every: .seconds(1), to: peer)
        #expect(time == .seconds(10))
        self.expectTimedOut(peer, at: .muxerNegotiation)
    }

    @Test func allStepsTogetherMayTakeFifteenSeconds() throws {
        let peer = try RawPeer()
        let first = peer.firstFlight()
        try peer.side.give([UInt8](first.dropLast()))
        peer.loop.advanceTime(by: .seconds(9))
        #expect(!peer.side.isGone)
        try peer.side.give([UInt8](first.suffix(1)))
        let second = try peer.nextFlight()
        let time = try self.drip(second, every: .seconds(1), to: peer)
        #expect(time == .seconds(6))
        self.expectTimedOut(peer, at: .securityHandshake)
    }

    @Test func aDialAttemptAsAWholeIsBoundedToo() throws {
        let peer = try RawPeer(isHandlerDialer: true) { $0.timeouts.dialAttempt = .seconds(4) }
        let time = try self.drip(MultistreamText.header, every: .seconds(1), to: peer)
        #expect(time == .seconds(4))
        self.expectTimedOut(peer, at: .securityNegotiation)
    }

    @Test func aConnectionThatIsSecuredInTimeStaysBeyondTheDeadlines() throws {
        let peer = try RawPeer.connected()
        try peer.advance(by: .seconds(60))
        #expect(!peer.side.isGone)
        #expect(peer.side.connection?.isClosed == false)
        #expect(peer.side.limiter.connections == 1 && peer.side.limiter.unauthenticated == 0)
    }

    @Test func aStreamThatNegotiatesTooSlowlyIsResetAndTheConnectionLives() throws {
        let peer = try RawPeer.connected()
        let slow = try peer.open(nil)
        for byte in MultistreamText.header.prefix(9) {
            try peer.write([byte], on: slow)
            try peer.exchange()
            try peer.advance(by: .seconds(1))
        }
        #expect(peer.resetCode(of: slow) == nil)
        #expect(peer.delegate.usage.streamCount == 1)
        try peer.advance(by: .seconds(1))
        #expect(peer.resetCode(of: slow) == StreamErrorCode.negotiationFailed)
        #expect(peer.delegate.usage.streamCount == 0)
        #expect(peer.side.connection?.isClosed == false)
        let consumer = RecordingConsumer()
        peer.delegate.routes = { _, _ in .accept(consumer) }
        _ = try peer.open("/later/1.0.0", then: [1, 2, 3])
        try peer.exchange()
        #expect(Array(consumer.received.readableBytesView) == [1, 2, 3])
    }

    @Test func aStreamOfOursWhoseProposalIsNotAnsweredFailsInTime() throws {
        let peer = try RawPeer.connected()
        let connection = try #require(peer.side.connection)
        let consumer = RecordingConsumer()
        try peer.openFromHandler(["/a/1.0.0"], consumer)
        try peer.exchange()
        try peer.advance(by: .seconds(9))
        #expect(consumer.closed == nil)
        try peer.advance(by: .seconds(1))
        guard case .negotiationFailed(let error) = consumer.closed else {
            Issue.record("closed with \(String(describing: consumer.closed))")
            return
        }
        #expect(error.code == .timedOut)
        #expect(!consumer.isReady && consumer.closeCount == 1)
        #expect(!connection.isClosed)
    }
}
