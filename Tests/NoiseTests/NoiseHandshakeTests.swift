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
import PeerIdentity
import Testing

@testable import Noise

@Suite struct NoiseHandshakeTests {
    private let initiator: Side
    private let responder: Side

    init() throws {
        self.initiator = try Side(.initiator, seed: 1)
        self.responder = try Side(.responder, seed: 2)
    }

    @Test func bothSidesLearnWhoTheOtherIs() throws {
        let results = try complete(self.initiator.handshake(), self.responder.handshake())
        #expect(results.initiator.remotePeer == self.responder.identity.peerID)
        #expect(results.initiator.remotePublicKey == self.responder.identity.publicKey)
        #expect(results.responder.remotePeer == self.initiator.identity.peerID)
        #expect(results.responder.remotePublicKey == self.initiator.identity.publicKey)
    }

    @Test func bothSidesHaveTheSameHandshakeHash() throws {
        let results = try complete(self.initiator.handshake(), self.responder.handshake())
        let others = try complete(Side(.initiator, seed: 3).handshake(), self.responder.handshake())
        #expect(results.initiator.handshakeHash == results.responder.handshakeHash)
        #expect(results.initiator.handshakeHash.count == 32)
        #expect(results.initiator.handshakeHash != others.initiator.handshakeHash)
    }

    @Test func firstMessageIsTheEphemeralKeyAlone() throws {
        var handshake = try self.initiator.handshake()
        let key = self.initiator.ephemeralPublicKey
        #expect(try handshake.started() == [0, 32] + key)
    }

    @Test func plaintextCrossesInBothDirections() throws {
        var results = try complete(self.initiator.handshake(), self.responder.handshake())
        for text in ["one", "two", "three"] {
            var frames = ByteBuffer()
            var opened = ByteBuffer()
            var plaintext = ByteBuffer(string: text)
            try results.initiator.transport.seal(&plaintext, into: &frames)
            #expect(try results.responder.transport.open(&frames, into: &opened) == 1)
            #expect(opened == ByteBuffer(string: text))

            plaintext = ByteBuffer(string: text)
            opened.clear()
            try results.responder.transport.seal(&plaintext, into: &frames)
            #expect(try results.initiator.transport.open(&frames, into: &opened) == 1)
            #expect(opened == ByteBuffer(string: text))
        }
    }

    @Test func theExpectedPeerIsAccepted() throws {
        let results = try complete(
            self.initiator.handshake(expecting: self.responder.identity.peerID),
            self.responder.handshake(expecting: self.initiator.identity.peerID)
        )
        #expect(results.initiator.remotePeer == self.responder.identity.peerID)
    }

    @Test func anInitiatorRefusesAnotherPeerBeforeItSaysWhoItIs() throws {
        let expected = try Side(.responder, seed: 3).identity.peerID
        var initiator = try self.initiator.handshake(expecting: expected)
        var responder = try self.responder.handshake()
        let (second, _) = try responder.receive(initiator.started())
        var input = ByteBuffer(bytes: second)
        var output = ByteBuffer()
        let error = #expect(throws: NoiseError.self) { try initiator.receive(&input, into: &output) }
        #expect(error?.code == .unexpectedPeer)
        #expect(error?.message.contains(expected.description) == true)
        #expect(error?.message.contains(self.responder.identity.peerID.description) == true)
        #expect(output.readableBytes == 0)
    }

    @Test func aResponderRefusesAnotherPeer() throws {
        let expected = try Side(.initiator, seed: 3).identity.peerID
        let error = #expect(throws: NoiseError.self) {
            try complete(self.initiator.handshake(), self.responder.handshake(expecting: expected))
        }
        #expect(error?.code == .unexpectedPeer)
    }

    // MARK: Muxers

    struct Muxers: Sendable {
        let initiator: [String]
        let responder: [String]
        let agreed: String?
    }

    @Test(arguments: [
        Muxers(initiator: [yamux], responder: [yamux], agreed: yamux),
        Muxers(initiator: [yamux, mplex], responder: [mplex, yamux], agreed: yamux),
        Muxers(initiator: [mplex, yamux], responder: [yamux, mplex], agreed: mplex),
        Muxers(initiator: ["/quic", yamux], responder: [mplex, yamux], agreed: yamux),
        Muxers(initiator: [yamux], responder: [mplex], agreed: nil),
        Muxers(initiator: [], responder: [yamux], agreed: nil),
        Muxers(initiator: [yamux], responder: [], agreed: nil),
        Muxers(initiator: [], responder: [], agreed: nil),
    ])
    func theFirstOfTheInitiatorsThatBothSpeakIsAgreedOn(_ muxers: Muxers) throws {
        let results = try complete(
            self.initiator.handshake(muxers: muxers.initiator),
            self.responder.handshake(muxers: muxers.responder)
        )
        #expect(results.initiator.muxer == muxers.agreed)
        #expect(results.responder.muxer == muxers.agreed)
    }

    @Test(arguments: [(100, yamux), (101, nil)] as [(Int, String?)])
    func aListOfTooManyMuxersIsNotLookedAt(count: Int, agreed: String?) throws {
        let list = [yamux] + (1..<count).map { "/m/\($0)" }
        let results = try complete(self.initiator.handshake(muxers: list), self.responder.handshake())
        #expect(results.responder.muxer == agreed)
    }

    @Test func namesThatDoNotFitIntoThePayloadAreRefusedAtOnce() {
        let name = String(repeating: "x", count: 4000)
        let error = #expect(throws: NoiseError.self) { try self.initiator.handshake(muxers: [name]) }
        #expect(error?.code == .malformedPayload)
    }

    // MARK: Pieces

    @Test func everySplitOfEveryMessageLeadsToTheSameResult() throws {
        let whole = try complete(self.initiator.handshake(), self.responder.handshake())
        let (first, second, third) = (whole.messages[0], whole.messages[1], whole.messages[2])
        for (isInitiator, received) in [(true, second), (false, first + third)] {
            for offset in 0...received.count {
                var handshake = try (isInitiator ? self.initiator : self.responder).handshake()
                let begun = try handshake.started()
                var input = ByteBuffer(bytes: received.prefix(offset))
                var output = ByteBuffer()
                let early = try handshake.receive(&input, into: &output)
                #expect((early == nil) == (offset < received.count))
                if early == nil {
                    input.writeBytes(received.dropFirst(offset))
                    let late = try #require(try handshake.receive(&input, into: &output))
                    #expect(late.handshakeHash == whole.initiator.handshakeHash)
                }
                #expect(input.readableBytes == 0)
                #expect(begun == (isInitiator ? first : []))
                #expect(Array(output.readableBytesView) == (isInitiator ? third : second))
            }
        }
    }

    @Test(arguments: 0..<30) func randomPiecesWithEarlyDataLeadToTheSameResult(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let whole = try complete(self.initiator.handshake(), self.responder.handshake())
        var sender = whole.initiator.transport
        var plaintext = ByteBuffer(bytes: random.bytes(Int.random(in: 1...3000, using: &random)))
        let sent = plaintext
        var early = ByteBuffer()
        try sender.seal(&plaintext, into: &early)

        var responder = try self.responder.handshake()
        var result: NoiseResult?
        var rest = (whole.messages[0] + whole.messages[2] + Array(early.readableBytesView))[...]
        var input = ByteBuffer()
        var output = ByteBuffer()
        var opened = ByteBuffer()
        while !rest.isEmpty {
            let length = Int.random(in: 1...min(rest.count, 400), using: &random)
            input.writeBytes(rest.prefix(length))
            rest = rest.dropFirst(length)
            if result == nil {
                result = try responder.receive(&input, into: &output)
            }
            if var established = result {
                _ = try established.transport.open(&input, into: &opened)
                result = established
            }
        }
        #expect(opened == sent)
        #expect(input.readableBytes == 0)
    }

    @Test func bytesAfterTheHandshakeStayInTheInput() throws {
        let whole = try complete(self.initiator.handshake(), self.responder.handshake())
        let early: [UInt8] = [0, 17, 1, 2, 3]

        var responder = try self.responder.handshake()
        _ = try responder.receive(whole.messages[0])
        var input = ByteBuffer(bytes: whole.messages[2] + early)
        var output = ByteBuffer()
        #expect(try responder.receive(&input, into: &output) != nil)
        #expect(Array(input.readableBytesView) == early)

        var initiator = try self.initiator.handshake()
        _ = try initiator.started()
        input = ByteBuffer(bytes: whole.messages[1] + early)
        #expect(try initiator.receive(&input, into: &output) != nil)
        #expect(Array(input.readableBytesView) == early)
    }

    // MARK: State

    @Test func anInitiatorConsumesNothingBeforeItIsStarted() throws {
        var initiator = try self.initiator.handshake()
        var input = ByteBuffer(bytes: [0, 0, 1])
        var output = ByteBuffer()
        #expect(try initiator.receive(&input, into: &output) == nil)
        #expect(input.readableBytes == 3)
    }

    @Test func aSecondStartIsRefused() throws {
        var initiator = try self.initiator.handshake()
        _ = try initiator.started()
        let error = #expect(throws: NoiseError.self) { try initiator.started() }
        #expect(error?.code == .invalidState)
    }

    @Test func aFinishedHandshakeTakesNothingMore() throws {
        let messages = try complete(self.initiator.handshake(), self.responder.handshake()).messages
        var responder = try self.responder.handshake()
        _ = try responder.receive(messages[0] + messages[2])
        let error = #expect(throws: NoiseError.self) { try responder.receive(messages[2]) }
        #expect(error?.code == .invalidState)
    }

    @Test func anErrorIsFinal() throws {
        let messages = try complete(self.initiator.handshake(), self.responder.handshake()).messages
        var initiator = try self.initiator.handshake()
        _ = try initiator.started()
        var altered = messages[1]
        altered[50] ^= 1
        let first = #expect(throws: NoiseError.self) { try initiator.receive(altered) }
        let second = #expect(throws: NoiseError.self) { try initiator.receive(messages[1]) }
        #expect(first?.code == .decryptionFailed)
        #expect(second?.code == .decryptionFailed)
    }
}
