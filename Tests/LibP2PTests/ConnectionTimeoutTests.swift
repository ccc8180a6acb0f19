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
import PeerIdentity
import Testing
import Yamux

@testable import LibP2P

/// What waits on a connection waits for a bounded time.
@Suite struct ConnectionTimeoutTests {
    @Test func anIdentifyStreamThatThePeerNeverEndsIsResetAfterItsTime() throws {
        let peer = try RawPeer.connected()
        peer.delegate.routes = { _, _ in .accept(IdentifySender(ByteBuffer(bytes: [1, 2, 3]), timeout: .seconds(5))) }
        let id = try peer.open(IdentifyProtocol.id)
        try peer.exchange()
        #expect(peer.receivedBytes(on: id).suffix(3) == [1, 2, 3])
        #expect(peer.delegate.usage.streamCount == 1)
        try peer.advance(by: .milliseconds(4900), step: .milliseconds(100))
        #expect(peer.delegate.usage.streamCount == 1 && peer.resetCode(of: id) == nil)
        try peer.advance(by: .milliseconds(200), step: .milliseconds(100))
        #expect(peer.resetCode(of: id) == StreamErrorCode.none)
        #expect(peer.delegate.usage.streamCount == 0)
    }

    @Test func anIdentifyStreamThatThePeerEndsNeedsNoReset() throws {
        let peer = try RawPeer.connected()
        peer.delegate.routes = { _, _ in .accept(IdentifySender(ByteBuffer(bytes: [1]), timeout: .seconds(5))) }
        let id = try peer.open(IdentifyProtocol.id)
        try peer.exchange()
        peer.session.finish(id)
        try peer.exchange()
        #expect(peer.delegate.usage.streamCount == 0)
        try peer.advance(by: .seconds(10))
        #expect(peer.resetCode(of: id) == nil)
    }

    @Test func anIdentifyAnswerThatNeverComesEndsInATimeOut() throws {
        let peer = try RawPeer.connected()
        var results: [HostError.Code?] = []
        let receiver = IdentifyReceiver(remotePeer: peer.keys.identity.peerID, timeout: .seconds(5)) { result in
            if case .failure(let error) = result { results.append(error.code) } else { results.append(nil) }
        }
        peer.delegate.routes = { _, _ in .accept(receiver) }
        _ = try peer.open(IdentifyProtocol.pushID)
        try peer.exchange()
        try peer.advance(by: .milliseconds(4900), step: .milliseconds(100))
        #expect(results.isEmpty)
        try peer.advance(by: .milliseconds(200), step: .milliseconds(100))
        #expect(results == [.timedOut])
    }

    @Test func settlingWithAPeerThatAnswersTakesOneRoundTrip() throws {
        let pair = try HandlerPair()
        let connection = try #require(pair.dialer.connection)
        let task = pair.executor.start { await connection.settle(timeout: .seconds(60)) }
        try pair.run()
        #expect(!task.isWaiting)
    }

    @Test func settlingWithASilentPeerEndsAfterItsTime() throws {
        let pair = try HandlerPair()
        let connection = try #require(pair.dialer.connection)
        pair.isListenerHeard = false
        let task = pair.executor.start { await connection.settle(timeout: .seconds(2)) }
        try pair.run()
        pair.loop.advanceTime(by: .milliseconds(1900))
        try pair.run()
        #expect(task.isWaiting)
        pair.loop.advanceTime(by: .milliseconds(100))
        try pair.run()
        #expect(!task.isWaiting)
    }

    @Test func settlingOnAConnectionThatEndsReturns() throws {
        let pair = try HandlerPair()
        let connection = try #require(pair.dialer.connection)
        pair.isListenerHeard = false
        let task = pair.executor.start { await connection.settle(timeout: .seconds(60)) }
        try pair.run()
        connection.closeNow(code: ConnectionErrorCode.none)
        try pair.run()
        #expect(!task.isWaiting)
    }

    @Test func aPeerThatFillsEveryWindowThatItWasGrantedIsNotReset() throws {
        let peer = try RawPeer.connected { $0.limits.bufferedBytesPerPeer = 64 * 1024 }
        let consumers = (0..<6).map { _ in RecordingConsumer(isConsuming: false) }
        var next = 0
        peer.delegate.routes = { _, _ in
            defer { next += 1 }
            return .accept(consumers[next])
        }
        let ids = try consumers.map { _ in try peer.open("/a/1.0.0") }
        try peer.exchange()
        for id in ids { try peer.write([UInt8](repeating: 1, count: 300 * 1024), on: id) }
        try peer.exchange()
        #expect(consumers.allSatisfy { $0.received.readableBytes > 255 * 1024 })
        #expect(ids.allSatisfy { peer.resetCode(of: $0) == nil })
        #expect(peer.delegate.usage.streamCount == 6 && peer.delegate.closed.isEmpty)
        // Taken in pieces, the rest comes, and what windows grow by goes back to the account when the streams end.
        for consumer in consumers {
            consumer.isConsuming = true
            if let stream = consumer.stream { peer.side.connection?.workHere { stream.consumed(300 * 1024) } }
        }
        try peer.exchange()
        #expect(consumers.allSatisfy { $0.received.readableBytes == 300 * 1024 })
        peer.side.channel.close(promise: nil)
        peer.loop.run()
        #expect(peer.delegate.usage.reserveGrowth() == 64 * 1024)
    }
}
