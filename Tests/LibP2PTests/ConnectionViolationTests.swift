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

import AEAD
import Crypto
import NIOCore
import NIOEmbedded
import Testing
import Yamux

@testable import LibP2P
@testable import Noise

@Suite struct ConnectionViolationTests {
    private func expectViolation(_ peer: RawPeer, sourceLocation: SourceLocation = #_sourceLocation) {
        guard case .lost(let error) = peer.delegate.closed.first else {
            Issue.record(
                "closed with \(String(describing: peer.delegate.closed.first))", sourceLocation: sourceLocation)
            return
        }
        #expect(error.code == .protocolViolation, sourceLocation: sourceLocation)
        #expect(peer.delegate.closed.count == 1, sourceLocation: sourceLocation)
        peer.loop.advanceTime(by: .seconds(1))
        #expect(peer.side.isGone && peer.side.limiter.connections == 0, sourceLocation: sourceLocation)
        #expect(peer.delegate.usage.streamCount == 0 && peer.delegate.usage.bufferedBytes == 0)
    }

    @Test func aCorruptRecordEndsTheConnection() throws {
        let peer = try RawPeer.connected()
        let consumer = RecordingConsumer(isConsuming: false)
        peer.delegate.routes = { _, _ in .accept(consumer) }
        _ = try peer.open("/a/1.0.0", then: [1, 2, 3])
        try peer.exchange()
        #expect(consumer.received.readableBytes == 3)
        var record = try peer.seal([0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7])
        record[record.count - 1] ^= 1
        try peer.side.give(record)
        self.expectViolation(peer)
        #expect(consumer.closeCount == 1)
    }

    @Test func aRecordThatIsReplayedEndsTheConnection() throws {
        let peer = try RawPeer.connected()
        let record = try peer.seal([0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7])
        try peer.side.give(record)
        #expect(peer.delegate.closed.isEmpty)
        try peer.side.give(record)
        self.expectViolation(peer)
    }

    @Test func aRecordShorterThanItsTagEndsTheConnection() throws {
        let peer = try RawPeer.connected()
        try peer.side.give([0, 3, 1, 2, 3])
        self.expectViolation(peer)
    }

    @Test func anIllegalFrameEndsTheConnectionAndIsAnswered() throws {
        let peer = try RawPeer.connected()
        try peer.send([9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
        guard case .lost(let error) = peer.delegate.closed.first else {
            Issue.record("closed with \(String(describing: peer.delegate.closed.first))")
            return
        }
        #expect((error.cause as? YamuxError)?.code == .protocolViolation)
        try peer.exchange()
        #expect(peer.goAwayCode == YamuxErrorCode.Session.protocolError)
        self.expectViolation(peer)
    }

    @Test func randomBytesInsideTheSecuredChannelNeverTrap() throws {
        for seed in UInt64(0)..<100 {
            var generator = SplitMix64(seed: seed)
            let peer = try RawPeer.connected()
            for _ in 0..<8 where !peer.side.isGone { try peer.send(generator.bytes(512)) }
            #expect(peer.delegate.closed.count == 1, "seed \(seed)")
            peer.loop.advanceTime(by: .seconds(1))
            #expect(peer.side.isGone && peer.side.limiter.connections == 0)
            #expect(peer.delegate.usage.streamCount == 0 && peer.delegate.usage.bufferedBytes == 0)
        }
    }

    @Test func tooManyRecordsWithoutContentEndTheConnectionAndFewDoNot() throws {
        let sender = try EmptyRecordSender()
        for _ in 0..<1000 { try sender.sendEmptyRecord() }
        #expect(sender.delegate.closed.isEmpty)
        // A record with content shows that the peer has something to say.
        try sender.send([0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7])
        for _ in 0..<1000 { try sender.sendEmptyRecord() }
        #expect(sender.delegate.closed.isEmpty)
        for _ in 0..<25 { try sender.sendEmptyRecord() }
        guard case .lost(let error) = sender.delegate.closed.first else {
            Issue.record("closed with \(String(describing: sender.delegate.closed.first))")
            return
        }
        #expect(error.code == .protocolViolation)
        #expect(error.message == "too many empty records")
    }

    @Test func tooManyRecordsWithoutContentEndTheNegotiationOfTheMultiplexerToo() throws {
        let sender = try EmptyRecordSender(muxers: [])
        for _ in 0..<1024 { try sender.sendEmptyRecord() }
        #expect(sender.failure == nil)
        try sender.sendEmptyRecord()
        #expect(sender.failure?.stage == .muxerNegotiation)
        #expect(sender.failure?.error.code == .protocolViolation)
        #expect(sender.failure?.error.message == "too many empty records")
    }
}

/// A dialer that holds the keys of its connection itself, and so can seal what a well-behaved one never does.
private final class EmptyRecordSender {
    let delegate = FakeDelegate(limits: HostLimits())
    private let side: HandlerSide
    private var cipher: NoiseCipherState

    /// Without a multiplexer in the handshake, one is still to be agreed on.
    init(muxers: [String] = [ConnectionUpgrade.yamuxProtocol]) throws {
        let keys = try SeededKeys(2)
        self.side = try HandlerSide(
            isDialer: false, keys: SeededKeys(1), delegate: self.delegate, configuration: HostConfiguration(),
            loop: .init())
        let staticKey = try keys.noiseKey(1)
        var pattern = NoiseXX(
            isInitiator: true, staticKey: staticKey, ephemeralKey: try keys.noiseKey(2), prologue: [])
        var output = ByteBuffer(bytes: MultistreamText.header + MultistreamText.token("/noise"))
        try NoiseFrame.write(try pattern.writeMessage(payload: []), into: &output)
        try self.side.give(Array(output.readableBytesView))
        let skipped = MultistreamText.header.count + MultistreamText.token("/noise").count
        var answer = ByteBuffer(bytes: try self.side.takeOutput().dropFirst(skipped))
        let message = try #require(try NoiseFrame.read(from: &answer, lengths: 0...4096))
        _ = try pattern.readMessage(message)
        let payload = try NoiseIdentityPayload.make(
            identity: keys.identity, staticKey: Array(staticKey.publicKey.rawRepresentation),
            muxers: muxers)
        output.clear()
        try NoiseFrame.write(try pattern.writeMessage(payload: payload), into: &output)
        self.cipher = NoiseCipherState(key: try pattern.split().sending)
        try self.side.give(Array(output.readableBytesView))
        try #require(self.delegate.opened.count == (muxers.isEmpty ? 0 : 1))
    }

    /// How the upgrade failed.
    var failure: UpgradeFailure? { self.side.failure }

    func sendEmptyRecord() throws { try self.send([]) }

    func send(_ plaintext: [UInt8]) throws {
        var sealed = [UInt8](repeating: 0, count: plaintext.count + 16)
        try plaintext.withUnsafeBytes { source in
            try sealed.withUnsafeMutableBytes { destination in
                try self.cipher.seal(
                    source, into: destination, authenticating: UnsafeRawBufferPointer(start: nil, count: 0))
            }
        }
        try self.side.give([UInt8(sealed.count >> 8), UInt8(sealed.count & 0xff)] + sealed)
    }
}
