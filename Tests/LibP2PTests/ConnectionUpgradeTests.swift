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

import MultistreamSelect
import NIOCore
import Noise
import PeerIdentity
import Testing

@testable import LibP2P

@Suite struct ConnectionUpgradeTests {
    private let dialer: SeededKeys
    private let listener: SeededKeys

    init() throws {
        self.dialer = try SeededKeys(1)
        self.listener = try SeededKeys(2)
    }

    /// Both sides know each other, agree on where the multiplexer was settled, and read what the other seals.
    private func expectSecured(
        _ pair: inout UpgradePair, earlyMuxer: Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(pair.errors.allSatisfy { $0 == nil }, sourceLocation: sourceLocation)
        var dialer = try #require(pair.secured[0], sourceLocation: sourceLocation)
        var listener = try #require(pair.secured[1], sourceLocation: sourceLocation)
        #expect(dialer.remotePeer == self.listener.identity.peerID, sourceLocation: sourceLocation)
        #expect(dialer.remotePublicKey == self.listener.identity.publicKey, sourceLocation: sourceLocation)
        #expect(listener.remotePeer == self.dialer.identity.peerID, sourceLocation: sourceLocation)
        #expect(listener.remotePublicKey == self.dialer.identity.publicKey, sourceLocation: sourceLocation)
        #expect([dialer.earlyMuxer, listener.earlyMuxer] == [earlyMuxer, earlyMuxer], sourceLocation: sourceLocation)
        #expect([dialer.security, listener.security] == ["/noise", "/noise"], sourceLocation: sourceLocation)
        #expect(pair.stage(of: .dialer) == .secured && pair.stage(of: .listener) == .secured)
        #expect(pair.inputs.allSatisfy { $0.readableBytes == 0 }, sourceLocation: sourceLocation)
        for word in ["ping", "pong"] {
            var plaintext = ByteBuffer(string: word)
            var sealed = ByteBuffer()
            var opened = ByteBuffer()
            if word == "ping" {
                try dialer.records.seal(&plaintext, into: &sealed)
                _ = try listener.records.open(&sealed, into: &opened)
            } else {
                try listener.records.seal(&plaintext, into: &sealed)
                _ = try dialer.records.open(&sealed, into: &opened)
            }
            #expect(opened == ByteBuffer(string: word), sourceLocation: sourceLocation)
        }
    }

    private func pair(earlyMuxer: Bool) throws -> UpgradePair {
        try UpgradePair(
            dialer: self.dialer, listener: self.listener, expecting: self.listener.identity.peerID,
            dialerMuxers: earlyMuxer ? [ConnectionUpgrade.yamuxProtocol] : [])
    }

    @Test func dialerAndListenerSettleTheMultiplexerInTheHandshake() throws {
        var pair = try self.pair(earlyMuxer: true)
        pair.run()
        try self.expectSecured(&pair, earlyMuxer: true)
    }

    @Test(arguments: [(true, false), (false, true), (false, false)])
    func theMultiplexerIsNegotiatedInsideTheSecuredChannelIfEitherSideOffersNone(
        _ offers: (dialer: Bool, listener: Bool)
    ) throws {
        var pair = try UpgradePair(
            dialer: self.dialer, listener: self.listener,
            dialerMuxers: offers.dialer ? [ConnectionUpgrade.yamuxProtocol] : [],
            listenerMuxers: offers.listener ? [ConnectionUpgrade.yamuxProtocol] : [])
        pair.run()
        try self.expectSecured(&pair, earlyMuxer: false)
    }

    @Test(arguments: [true, false])
    func everySplitOfWhatEitherSideSendsLeadsToTheSameOutcome(_ earlyMuxer: Bool) throws {
        var whole = try self.pair(earlyMuxer: earlyMuxer)
        whole.run()
        for side in UpgradePair.Side.allCases {
            let length = whole.sent[side.rawValue].count
            #expect(length > 200)
            for split in 1..<length {
                var pair = try self.pair(earlyMuxer: earlyMuxer)
                pair.run { from, bytes, offset in from == side ? bytes.cut(at: [split - offset]) : [bytes] }
                try self.expectSecured(&pair, earlyMuxer: earlyMuxer)
            }
        }
    }

    @Test(arguments: [true, false])
    func randomSplitsAndSingleBytesLeadToTheSameOutcome(_ earlyMuxer: Bool) throws {
        for seed in UInt64(0)..<40 {
            var generator = SplitMix64(seed: seed)
            var pair = try self.pair(earlyMuxer: earlyMuxer)
            pair.run { _, bytes, _ in
                if seed == 0 { return bytes.map { [$0] } }
                let count = Int.random(in: 0...8, using: &generator)
                return bytes.cut(at: (0..<count).map { _ in Int.random(in: 0...bytes.count, using: &generator) })
            }
            try self.expectSecured(&pair, earlyMuxer: earlyMuxer)
        }
    }

    @Test func aDialerThatProposesTLSFirstIsRefusedThatAndThenTakenWithNoise() throws {
        var upgrade = ConnectionUpgrade(
            isDialer: false, handshake: try self.listener.handshake(.responder), timeouts: HostTimeouts(),
            now: .uptimeNanoseconds(0))
        var output = ByteBuffer()
        upgrade.start(into: &output)
        #expect(Array(output.readableBytesView) == MultistreamText.header)

        output.clear()
        var input = ByteBuffer(bytes: MultistreamText.header + MultistreamText.token("/tls/1.0.0"))
        #expect(try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0)) == nil)
        #expect(Array(output.readableBytesView) == MultistreamText.notAvailable)
        #expect(upgrade.stage == .securityNegotiation)

        output.clear()
        input.writeBytes(MultistreamText.token("/noise"))
        #expect(try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0)) == nil)
        #expect(Array(output.readableBytesView) == MultistreamText.token("/noise"))

        output.clear()
        var handshake = try self.dialer.handshake(.initiator)
        try handshake.start(into: &input)
        #expect(try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0)) == nil)
        let result = try #require(try handshake.receive(&output, into: &input))
        let secured = try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0))
        #expect(secured?.remotePeer == self.dialer.identity.peerID)
        #expect(secured?.earlyMuxer == true)
        #expect(result.remotePeer == self.listener.identity.peerID)
    }

    @Test func aLazyDialerMaySendHeaderProposalAndNoiseMessageInOneFlight() throws {
        var upgrade = ConnectionUpgrade(
            isDialer: false, handshake: try self.listener.handshake(.responder), timeouts: HostTimeouts(),
            now: .uptimeNanoseconds(0))
        var input = ByteBuffer()
        var output = ByteBuffer()
        var handshake = try self.dialer.handshake(.initiator)
        upgrade.start(into: &output)
        output.clear()
        input.writeBytes(MultistreamText.header + MultistreamText.token("/noise"))
        try handshake.start(into: &input)
        #expect(try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0)) == nil)
        let echo = output.readBytes(length: MultistreamText.token("/noise").count)
        #expect(echo == MultistreamText.token("/noise"))
        #expect(try handshake.receive(&output, into: &input) != nil)
        #expect(try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0))?.earlyMuxer == true)
    }

    @Test func aRecordInTheFlightOfTheLastHandshakeMessageIsLeftForTheMultiplexer() throws {
        var dialer = ConnectionUpgrade(
            isDialer: true, handshake: try self.dialer.handshake(.initiator), timeouts: HostTimeouts(),
            now: .uptimeNanoseconds(0))
        var listener = ConnectionUpgrade(
            isDialer: false, handshake: try self.listener.handshake(.responder), timeouts: HostTimeouts(),
            now: .uptimeNanoseconds(0))
        var toDialer = ByteBuffer()
        var toListener = ByteBuffer()
        dialer.start(into: &toListener)
        listener.start(into: &toDialer)
        var dialed: SecuredConnection?
        while dialed == nil {
            let taken = try listener.receive(&toListener, into: &toDialer, now: .uptimeNanoseconds(0))
            try #require(taken == nil && toDialer.readableBytes > 0)
            dialed = try dialer.receive(&toDialer, into: &toListener, now: .uptimeNanoseconds(0))
        }
        var frame = ByteBuffer(bytes: [0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7])
        try dialed?.records.seal(&frame, into: &toListener)
        var accepted = try #require(
            try listener.receive(&toListener, into: &toDialer, now: .uptimeNanoseconds(0)))
        #expect(accepted.plaintext.readableBytes == 0)
        var plaintext = ByteBuffer()
        #expect(try accepted.records.open(&toListener, into: &plaintext) == 1)
        #expect(Array(plaintext.readableBytesView) == [0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7])
    }

    @Test func bytesBehindTheMultiplexersNegotiationAreLeftForTheMultiplexer() throws {
        var upgrade = ConnectionUpgrade(
            isDialer: false, handshake: try self.listener.handshake(.responder), timeouts: HostTimeouts(),
            now: .uptimeNanoseconds(0))
        var toDialer = ByteBuffer()
        var toListener = ByteBuffer(bytes: MultistreamText.header + MultistreamText.token("/noise"))
        var handshake = try self.dialer.handshake(.initiator, muxers: [])
        try handshake.start(into: &toListener)
        #expect(try upgrade.receive(&toListener, into: &toDialer, now: .uptimeNanoseconds(0)) == nil)
        toDialer.moveReaderIndex(forwardBy: MultistreamText.token("/noise").count)
        var result = try #require(try handshake.receive(&toDialer, into: &toListener))
        #expect(result.muxer == nil)
        let frame: [UInt8] = [0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7]
        var lazy = ByteBuffer(bytes: MultistreamText.header + MultistreamText.token("/yamux/1.0.0") + frame)
        try result.transport.seal(&lazy, into: &toListener)
        let secured = try #require(try upgrade.receive(&toListener, into: &toDialer, now: .uptimeNanoseconds(0)))
        #expect(!secured.earlyMuxer)
        #expect(Array(secured.plaintext.readableBytesView) == frame)
        var answer = ByteBuffer()
        _ = try result.transport.open(&toDialer, into: &answer)
        #expect(Array(answer.readableBytesView) == MultistreamText.header + MultistreamText.token("/yamux/1.0.0"))
    }

    @Test func stageAndDeadlineFollowTheSteps() throws {
        var timeouts = HostTimeouts()
        timeouts.negotiation = .seconds(10)
        timeouts.securityHandshake = .seconds(7)
        func at(_ seconds: UInt64) -> NIODeadline { .uptimeNanoseconds(seconds * 1_000_000_000) }
        var upgrade = ConnectionUpgrade(
            isDialer: false, handshake: try self.listener.handshake(.responder), timeouts: timeouts, now: at(100))
        #expect(upgrade.stage == .securityNegotiation && upgrade.deadline == at(110))

        var toDialer = ByteBuffer()
        var toListener = ByteBuffer(bytes: MultistreamText.header)
        #expect(try upgrade.receive(&toListener, into: &toDialer, now: at(103)) == nil)
        #expect(upgrade.stage == .securityNegotiation && upgrade.deadline == at(110))

        toListener.writeBytes(MultistreamText.token("/noise"))
        #expect(try upgrade.receive(&toListener, into: &toDialer, now: at(104)) == nil)
        #expect(upgrade.stage == .securityHandshake && upgrade.deadline == at(111))

        toDialer.clear()
        var handshake = try self.dialer.handshake(.initiator, muxers: [])
        try handshake.start(into: &toListener)
        #expect(try upgrade.receive(&toListener, into: &toDialer, now: at(105)) == nil)
        #expect(upgrade.stage == .securityHandshake && upgrade.deadline == at(111))

        var result = try #require(try handshake.receive(&toDialer, into: &toListener))
        #expect(try upgrade.receive(&toListener, into: &toDialer, now: at(106)) == nil)
        #expect(upgrade.stage == .muxerNegotiation && upgrade.deadline == at(116))

        var proposal = ByteBuffer(bytes: MultistreamText.header + MultistreamText.token("/yamux/1.0.0"))
        try result.transport.seal(&proposal, into: &toListener)
        #expect(try upgrade.receive(&toListener, into: &toDialer, now: at(107)) != nil)
        #expect(upgrade.stage == .secured)
    }
}
