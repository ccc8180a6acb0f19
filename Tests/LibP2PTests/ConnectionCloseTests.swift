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

@Suite struct ConnectionCloseTests {
    private func reasonCode(_ reason: ConnectionCloseReason?) -> UInt32? {
        guard case .closedByPeer(let code) = reason else { return nil }
        return code
    }

    @Test func aGoAwayAndTheEndOfTheTransportAreACloseByThePeerWithItsCode() throws {
        let peer = try RawPeer.connected()
        peer.session.goAway(code: ConnectionErrorCode.garbageCollected)
        try peer.exchange()
        peer.side.channel.close(promise: nil)
        peer.loop.run()
        #expect(self.reasonCode(peer.delegate.closed.first) == ConnectionErrorCode.garbageCollected)
        #expect(peer.delegate.closed.count == 1)
        #expect(peer.side.limiter.connections == 0)
    }

    @Test func aStreamAfterThePeersGoAwayIsRefusedAsClosed() throws {
        let peer = try RawPeer.connected()
        peer.session.goAway(code: ConnectionErrorCode.shutdown)
        try peer.exchange()
        let connection = try #require(peer.side.connection)
        var code: HostError.Code?
        connection.workHere {
            do throws(HostError) {
                try peer.side.handler.openStream(
                    protocols: ["/a/1.0.0"], consumer: RecordingConsumer(), connection: connection)
            } catch {
                code = error.code
            }
        }
        #expect(code == .closed)
    }

    @Test func aConnectionThatWasNotAdmittedIsNotReportedAsClosed() throws {
        let peer = try RawPeer()
        peer.delegate.refusal = HostError(.wrongPeer, "not wanted")
        try peer.connect()
        #expect(peer.goAwayCode == ConnectionErrorCode.gated)
        peer.loop.advanceTime(by: .seconds(2))
        #expect(peer.side.isGone)
        #expect(peer.delegate.opened.isEmpty && peer.delegate.closed.isEmpty)
        #expect(peer.side.limiter.connections == 0)
    }

    @Test func aGoAwayOfAPeerThatThenStaysLeadsToACloseWithItsCodeToo() throws {
        let peer = try RawPeer.connected()
        peer.session.goAway(code: ConnectionErrorCode.shutdown)
        try peer.exchange()
        #expect(peer.delegate.closed.isEmpty)
        try peer.advance(by: .seconds(1), step: .milliseconds(100))
        #expect(self.reasonCode(peer.delegate.closed.first) == ConnectionErrorCode.shutdown)
        try peer.advance(by: .seconds(1), step: .milliseconds(100))
        #expect(peer.side.isGone)
        #expect(peer.side.limiter.connections == 0)
    }

    @Test func theEndOfTheTransportWithoutAWordIsACloseByThePeerWithoutACode() throws {
        let peer = try RawPeer.connected()
        peer.side.channel.close(promise: nil)
        peer.loop.run()
        guard case .closedByPeer(nil) = peer.delegate.closed.first else {
            Issue.record("closed with \(String(describing: peer.delegate.closed.first))")
            return
        }
    }

    @Test func aCloseHereSendsItsCodeAndThenShutsTheSendingHalfDown() throws {
        let peer = try RawPeer.connected()
        let connection = try #require(peer.side.connection)
        connection.closeNow(code: ConnectionErrorCode.supplanted)
        peer.loop.run()
        guard case .closedHere(ConnectionErrorCode.supplanted) = connection.closeReason else {
            Issue.record("closed with \(String(describing: connection.closeReason))")
            return
        }
        #expect(peer.side.hasClosedOutput && !peer.side.isGone)
        try peer.exchange()
        #expect(peer.goAwayCode == ConnectionErrorCode.supplanted)
        // A second close changes nothing.
        connection.closeNow(code: ConnectionErrorCode.gated)
        peer.loop.advanceTime(by: .seconds(1))
        #expect(peer.side.isGone)
        #expect(peer.delegate.closed.count == 1)
    }

    @Test func whatWasWrittenBeforeACloseIsSent() throws {
        let peer = try RawPeer.connected()
        let consumer = RecordingConsumer()
        peer.delegate.routes = { _, _ in .accept(consumer) }
        let id = try peer.open("/a/1.0.0")
        try peer.exchange()
        let connection = try #require(peer.side.connection)
        consumer.stream?.write(ByteBuffer(repeating: 7, count: 200_000))
        connection.closeNow(code: ConnectionErrorCode.none)
        try peer.exchange()
        #expect(peer.receivedBytes(on: id).filter { $0 == 7 }.count >= 200_000)
        #expect(peer.goAwayCode == ConnectionErrorCode.none)
    }

    @Test func everyStreamIsToldOnceThatItsConnectionIsClosedBeforeTheHostIs() throws {
        let peer = try RawPeer.connected()
        let consumers = (0..<3).map { _ in RecordingConsumer() }
        var next = 0
        peer.delegate.routes = { _, _ in
            defer { next += 1 }
            return .accept(consumers[next])
        }
        for _ in consumers { _ = try peer.open("/a/1.0.0") }
        let own = RecordingConsumer()
        try peer.openFromHandler(["/b/1.0.0"], own)
        let negotiating = try peer.open(nil)
        #expect(negotiating.rawValue > 0)
        try peer.exchange()
        #expect(peer.delegate.usage.streamCount == 4)
        peer.side.channel.close(promise: nil)
        peer.loop.run()
        for consumer in consumers + [own] {
            guard case .connectionClosed(let error) = consumer.closed else {
                Issue.record("closed with \(String(describing: consumer.closed))")
                continue
            }
            #expect(error.code == .closed && consumer.closeCount == 1)
        }
        #expect(peer.delegate.streamsLeftAtClose == 0 && peer.delegate.usage.streamCount == 0)
        #expect(peer.delegate.usage.bufferedBytes == 0)
    }

    @Test func aRefusedPeerIsToldWhyAndTheConnectionIsNotOpened() throws {
        let peer = try RawPeer()
        peer.delegate.refusal = HostError(.wrongPeer, "not wanted")
        try peer.connect()
        #expect(peer.goAwayCode == ConnectionErrorCode.gated)
        #expect(peer.delegate.opened.isEmpty)
        #expect(peer.side.failure?.stage == .secured && peer.side.failure?.error.code == .wrongPeer)
        peer.loop.advanceTime(by: .seconds(1))
        #expect(peer.side.isGone && peer.side.limiter.connections == 0)
    }

    @Test func aPeerBeyondALimitIsToldSo() throws {
        let peer = try RawPeer()
        peer.delegate.refusal = HostError(.limitExceeded, "no room")
        try peer.connect()
        #expect(peer.goAwayCode == ConnectionErrorCode.resourceLimitExceeded)
    }

    @Test func aTransportErrorIsALoss() throws {
        let peer = try RawPeer.connected()
        peer.side.channel.pipeline.fireErrorCaught(IOError(errnoCode: 104, reason: "reset"))
        peer.loop.run()
        guard case .lost(let error) = peer.delegate.closed.first else {
            Issue.record("closed with \(String(describing: peer.delegate.closed.first))")
            return
        }
        #expect(error.code == .ioFailed)
    }

    @Test func aClosedConnectionOpensNoStreamAndSaysWhy() throws {
        let peer = try RawPeer.connected()
        let connection = try #require(peer.side.connection)
        connection.closeNow(code: ConnectionErrorCode.none)
        peer.loop.run()
        var failure: HostError?
        let consumer = RecordingConsumer()
        do throws(HostError) {
            try peer.side.handler.openStream(protocols: ["/a/1.0.0"], consumer: consumer, connection: connection)
        } catch {
            failure = error
        }
        #expect(failure?.code == .closed)
        #expect(consumer.closeCount == 0)
    }

    @Test func aDialerIsConfirmedByTheFirstBytesOfTheOtherSide() throws {
        let peer = try RawPeer(isHandlerDialer: true)
        try peer.side.give(peer.firstFlight())
        while peer.side.connection == nil { try peer.side.give(peer.nextFlight()) }
        #expect(peer.delegate.opened.count == 1 && peer.delegate.confirmedCount == 0)
        try peer.exchange()
        #expect(peer.delegate.confirmedCount == 1)
        #expect(try RawPeer.connected().delegate.confirmedCount == 1)
    }
}
