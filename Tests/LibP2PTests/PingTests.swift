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

@Suite struct PingTests {
    private func pinged(
        configure: (inout HostConfiguration) -> Void = { _ in }
    ) throws -> (RawPeer, YamuxStreamID) {
        let peer = try RawPeer.connected(configure: configure)
        peer.delegate.routes = { _, _ in .accept(PingResponder()) }
        let id = try peer.open(PingProtocol.id)
        try peer.exchange()
        return (peer, id)
    }

    private var answerLength: Int { MultistreamText.header.count + MultistreamText.token(PingProtocol.id).count }

    @Test func whatArrivesIsSentBackHoweverItIsSplit() throws {
        let (peer, id) = try self.pinged()
        var generator = SplitMix64(seed: 9)
        let payload = generator.bytes(32 * 100)
        for piece in payload.cut(at: (0..<60).map { _ in Int.random(in: 0..<payload.count, using: &generator) }) {
            try peer.write(piece, on: id)
            try peer.exchange()
        }
        #expect([UInt8](peer.receivedBytes(on: id).dropFirst(self.answerLength)) == payload)
        peer.session.finish(id)
        try peer.exchange()
        #expect(peer.events.contains(.finished(id)))
        #expect(peer.delegate.usage.streamCount == 0 && peer.delegate.usage.bufferedBytes == 0)
    }

    @Test func aPartOfAPingIsNotSentBack() throws {
        let (peer, id) = try self.pinged()
        try peer.write([UInt8](repeating: 1, count: 31), on: id)
        try peer.exchange()
        #expect(peer.receivedBytes(on: id).count == self.answerLength)
    }

    @Test func aPeerThatGivesNoWindowForItsAnswersIsHeldToOneWindowOfRequests() throws {
        let (peer, id) = try self.pinged { $0.yamux.maximumReceiveWindow = YamuxConfiguration.initialWindow }
        peer.isConsuming = false
        let flood = 4 * 1024 * 1024
        try peer.write([UInt8](repeating: 7, count: flood), on: id)
        try peer.advance(by: .seconds(30))
        // One window of answers went out, and one more of requests may wait here.
        let taken = flood - peer.session.queuedBytes(on: id)
        #expect(taken >= YamuxConfiguration.initialWindow - self.answerLength)
        #expect(taken <= 2 * YamuxConfiguration.initialWindow)
        #expect(peer.delegate.usage.bufferedBytes <= YamuxConfiguration.initialWindow)
        #expect(peer.delegate.closed.isEmpty)
        peer.isConsuming = true
        let held = peer.receivedBytes(on: id).count
        peer.session.consumed(held, on: id, now: peer.loop.now)
        try peer.exchange()
        #expect(peer.receivedBytes(on: id).count == flood + self.answerLength)
        #expect(peer.delegate.usage.bufferedBytes == 0)
    }

    @Test func aPeerThatReadsNothingFromItsSocketIsHeldToOneWindowOfRequests() throws {
        let (peer, id) = try self.pinged()
        peer.side.channel.isWritable = false
        let flood = 4 * 1024 * 1024
        try peer.write([UInt8](repeating: 7, count: flood), on: id)
        for _ in 0..<10 { try peer.exchange() }
        #expect(flood - peer.session.queuedBytes(on: id) <= YamuxConfiguration.initialWindow)
        #expect(peer.delegate.usage.bufferedBytes <= YamuxConfiguration.initialWindow)
    }

    @Test func aPingMeasuresTheRoundTrip() throws {
        let pair = try HandlerPair()
        pair.listenerDelegate.routes = { _, _ in .accept(PingResponder()) }
        let connection = try #require(pair.dialer.connection)
        let ping = pair.executor.start { try await connection.ping() }
        pair.isListenerHeard = false
        try pair.run()
        pair.loop.advanceTime(by: .milliseconds(30))
        pair.isListenerHeard = true
        try pair.run()
        #expect(ping.value == .zero)
        #expect(pair.listenerDelegate.usage.streamCount == 0)
    }

    @Test func aWrongAnswerIsAProtocolViolation() throws {
        let peer = try RawPeer.connected()
        let executor = ManualTaskExecutor()
        let connection = try #require(peer.side.connection)
        let ping = executor.start { try await connection.ping() }
        try peer.exchange()
        let id = try #require(peer.events.compactMap { if case .streamOpened(let id) = $0 { id } else { nil } }.last)
        try peer.write(
            MultistreamText.header + MultistreamText.token(PingProtocol.id) + [UInt8](repeating: 0, count: 32), on: id)
        try peer.exchange()
        executor.run()
        #expect((ping.error as? HostError)?.code == .protocolViolation)
        #expect(peer.resetCode(of: id) == StreamErrorCode.protocolViolation)
    }

    @Test func aPingThatIsNotAnsweredTimesOutAndLeavesNoStream() throws {
        let peer = try RawPeer.connected()
        let executor = ManualTaskExecutor()
        let connection = try #require(peer.side.connection)
        let ping = executor.start { try await connection.ping(timeout: .seconds(10)) }
        try peer.exchange()
        let id = try #require(peer.events.compactMap { if case .streamOpened(let id) = $0 { id } else { nil } }.last)
        try peer.write(MultistreamText.header + MultistreamText.token(PingProtocol.id), on: id)
        try peer.exchange()
        try peer.advance(by: .seconds(10))
        executor.run()
        #expect((ping.error as? HostError)?.code == .timedOut)
        try peer.advance(by: .seconds(10))
        #expect(peer.resetCode(of: id) != nil)
        #expect(peer.delegate.closed.isEmpty)
    }
}
