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
import Noise
import PeerIdentity
import Testing

@testable import LibP2P

@Suite struct ConnectionUpgradeRefusalTests {
    private let dialer: SeededKeys
    private let listener: SeededKeys

    init() throws {
        self.dialer = try SeededKeys(1)
        self.listener = try SeededKeys(2)
    }

    private func upgrade(isDialer: Bool) throws -> ConnectionUpgrade {
        ConnectionUpgrade(
            isDialer: isDialer,
            handshake: try isDialer ? self.dialer.handshake(.initiator) : self.listener.handshake(.responder),
            timeouts: HostTimeouts(), now: .uptimeNanoseconds(0))
    }

    @Test func aPeerOtherThanTheExpectedOneFailsTheHandshakeOfTheDialer() throws {
        let other = try SeededKeys(3).identity.peerID
        var pair = try UpgradePair(dialer: self.dialer, listener: self.listener, expecting: other)
        pair.run()
        #expect(pair.errors[0]?.code == .handshakeFailed)
        #expect((pair.errors[0]?.cause as? NoiseError)?.code == .unexpectedPeer)
        #expect(pair.stage(of: .dialer) == .securityHandshake)
        #expect(pair.secured[0] == nil && pair.secured[1] == nil)
    }

    @Test func aPeerThatTakesNoNoiseHasNoCommonProtocol() throws {
        var upgrade = try self.upgrade(isDialer: true)
        var output = ByteBuffer()
        upgrade.start(into: &output)
        var input = ByteBuffer(bytes: MultistreamText.header + MultistreamText.notAvailable)
        #expect { try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0)) } throws: {
            ($0 as? HostError)?.code == .noCommonProtocol
        }
        #expect(upgrade.stage == .securityNegotiation)
    }

    @Test func endlessUnknownProposalsEndInAnErrorAndABoundedAnswer() throws {
        var upgrade = try self.upgrade(isDialer: false)
        var output = ByteBuffer()
        upgrade.start(into: &output)
        var refused = 0
        var failure: HostError?
        var input = ByteBuffer(bytes: MultistreamText.header)
        while failure == nil, refused < 1000 {
            refused += 1
            input.writeBytes(MultistreamText.token("/unknown/\(refused)"))
            do throws(HostError) {
                _ = try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0))
            } catch {
                failure = error
            }
        }
        #expect(failure?.code == .protocolViolation)
        #expect(refused <= 20)
        #expect(output.readableBytes <= MultistreamText.header.count + 20 * MultistreamText.notAvailable.count)
    }

    @Test func endlessUnknownMultiplexersEndInAnError() throws {
        var upgrade = try self.upgrade(isDialer: false)
        var toDialer = ByteBuffer()
        var toListener = ByteBuffer(bytes: MultistreamText.header + MultistreamText.token("/noise"))
        var handshake = try self.dialer.handshake(.initiator, muxers: [])
        try handshake.start(into: &toListener)
        _ = try upgrade.receive(&toListener, into: &toDialer, now: .uptimeNanoseconds(0))
        toDialer.moveReaderIndex(forwardBy: MultistreamText.token("/noise").count)
        var result = try #require(try handshake.receive(&toDialer, into: &toListener))
        var proposals = ByteBuffer(bytes: MultistreamText.header)
        for number in 0..<100 { proposals.writeBytes(MultistreamText.token("/mplex/\(number)")) }
        try result.transport.seal(&proposals, into: &toListener)
        #expect { try upgrade.receive(&toListener, into: &toDialer, now: .uptimeNanoseconds(0)) } throws: {
            ($0 as? HostError)?.code == .protocolViolation
        }
        #expect(upgrade.stage == .muxerNegotiation)
    }

    @Test func everyFlippedByteKeepsItsReceiverFromBeingSecured() throws {
        // Without a multiplexer in the handshake the conversation has all the steps there are.
        func pair() throws -> UpgradePair {
            try UpgradePair(
                dialer: self.dialer, listener: self.listener, expecting: self.listener.identity.peerID,
                dialerMuxers: [])
        }
        var whole = try pair()
        whole.run()
        for side in UpgradePair.Side.allCases {
            for flipped in whole.sent[side.rawValue].indices {
                var pair = try pair()
                pair.run { from, bytes, offset in
                    var bytes = bytes
                    if from == side, bytes.indices.contains(flipped - offset) {
                        bytes[flipped - offset] ^= UInt8(1) << UInt8(flipped % 8)
                    }
                    return [bytes]
                }
                #expect(pair.secured[side.other.rawValue] == nil, "byte \(flipped) of the \(side)")
            }
        }
    }

    @Test func everyTruncatedConversationOnlyWaits() throws {
        var whole = try UpgradePair(dialer: self.dialer, listener: self.listener)
        whole.run()
        for side in UpgradePair.Side.allCases {
            for end in whole.sent[side.rawValue].indices {
                var pair = try UpgradePair(dialer: self.dialer, listener: self.listener)
                pair.run { from, bytes, offset in
                    from == side ? [[UInt8](bytes.prefix(max(end - offset, 0)))] : [bytes]
                }
                #expect(pair.secured[side.other.rawValue] == nil && pair.errors[side.other.rawValue] == nil)
            }
        }
    }

    @Test(arguments: [true, false])
    func randomBytesEndInAnErrorOfTheHost(_ isDialer: Bool) throws {
        for seed in UInt64(0)..<500 {
            var generator = SplitMix64(seed: seed)
            var upgrade = try self.upgrade(isDialer: isDialer)
            var output = ByteBuffer()
            upgrade.start(into: &output)
            var input = ByteBuffer()
            // Some of the noise begins only behind an honest beginning.
            if seed % 3 > 0 { input.writeBytes(MultistreamText.header) }
            if seed % 3 > 1 { input.writeBytes(MultistreamText.token("/noise")) }
            var failure: HostError?
            for _ in 0..<64 where failure == nil {
                input.writeBytes(generator.bytes(Int.random(in: 1...4096, using: &generator)))
                do throws(HostError) {
                    #expect(try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0)) == nil)
                } catch {
                    failure = error
                }
            }
            #expect(failure?.code == .protocolViolation || failure?.code == .handshakeFailed, "seed \(seed)")
            // It has ended: nothing of what follows is looked at.
            #expect(try upgrade.receive(&input, into: &output, now: .uptimeNanoseconds(0)) == nil)
        }
    }

    @Test func randomBytesInsideTheSecuredChannelEndInAnError() throws {
        for seed in UInt64(0)..<100 {
            var generator = SplitMix64(seed: seed)
            var upgrade = try self.upgrade(isDialer: false)
            var toDialer = ByteBuffer()
            var toListener = ByteBuffer(bytes: MultistreamText.header + MultistreamText.token("/noise"))
            var handshake = try self.dialer.handshake(.initiator, muxers: [])
            try handshake.start(into: &toListener)
            _ = try upgrade.receive(&toListener, into: &toDialer, now: .uptimeNanoseconds(0))
            toDialer.moveReaderIndex(forwardBy: MultistreamText.token("/noise").count)
            var result = try #require(try handshake.receive(&toDialer, into: &toListener))
            var noise = ByteBuffer(bytes: seed.isMultiple(of: 2) ? MultistreamText.header : [])
            noise.writeBytes(generator.bytes(2048))
            try result.transport.seal(&noise, into: &toListener)
            #expect("seed \(seed)") {
                try upgrade.receive(&toListener, into: &toDialer, now: .uptimeNanoseconds(0))
            } throws: { ($0 as? HostError)?.code == .protocolViolation }
        }
    }
}
