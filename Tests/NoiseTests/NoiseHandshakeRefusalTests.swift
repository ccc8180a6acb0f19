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

/// What a hostile peer sends during the handshake.
@Suite struct NoiseHandshakeRefusalTests {
    private let initiator: Side
    private let responder: Side

    init() throws {
        self.initiator = try Side(.initiator, seed: 1)
        self.responder = try Side(.responder, seed: 2)
    }

    /// The code with which an honest initiator refuses a responder that sends this payload.
    private func initiatorRefusal(of payload: [UInt8]) -> NoiseError.Code? {
        let error = #expect(throws: NoiseError.self) {
            try complete(self.initiator.handshake(), self.responder.handshake(payload: payload))
        }
        return error?.code
    }

    /// The code with which an honest responder refuses an initiator that sends this payload.
    private func responderRefusal(of payload: [UInt8]) -> NoiseError.Code? {
        let error = #expect(throws: NoiseError.self) {
            try complete(self.initiator.handshake(payload: payload), self.responder.handshake())
        }
        return error?.code
    }

    // MARK: Bytes on the wire

    @Test func everyFlippedByteOfEveryMessageFails() throws {
        let messages = try complete(self.initiator.handshake(), self.responder.handshake()).messages
        for number in messages.indices {
            for offset in messages[number].indices {
                for mask: UInt8 in [0x01, 0x80, 0xff] {
                    var initiator = try self.initiator.handshake()
                    var responder = try self.responder.handshake()
                    let alter = { (message: [UInt8], current: Int) in
                        var message = message
                        if current == number { message[offset] ^= mask }
                        return message
                    }
                    var isComplete = false
                    var failure: NoiseError?
                    do {
                        let (second, _) = try responder.receive(alter(initiator.started(), 0))
                        let (third, initiatorResult) = try initiator.receive(alter(second, 1))
                        let (_, responderResult) = try responder.receive(alter(third, 2))
                        isComplete = initiatorResult != nil && responderResult != nil
                    } catch {
                        failure = try #require(error as? NoiseError)
                    }
                    #expect(!isComplete)
                    // A length that is altered may also make a side wait for bytes that never come.
                    if offset >= 2 { #expect(failure?.code == .decryptionFailed) }
                }
            }
        }
    }

    @Test(arguments: [0, 1, 31, 32 + 4097, 65535]) func refusesMessage1OfAnotherLength(length: Int) throws {
        var responder = try self.responder.handshake()
        let announced = [UInt8(length >> 8), UInt8(length & 0xff)]
        let error = #expect(throws: NoiseError.self) { try responder.receive(announced) }
        #expect(error?.code == .invalidLength)
    }

    @Test(arguments: [0, 32, 80, 95, 96 + 4097, 65535]) func refusesMessage2OfAnotherLength(length: Int) throws {
        var initiator = try self.initiator.handshake()
        _ = try initiator.started()
        let announced = [UInt8(length >> 8), UInt8(length & 0xff)]
        let error = #expect(throws: NoiseError.self) { try initiator.receive(announced) }
        #expect(error?.code == .invalidLength)
    }

    @Test(arguments: [0, 32, 48, 63, 64 + 4097, 65535]) func refusesMessage3OfAnotherLength(length: Int) throws {
        var initiator = try self.initiator.handshake()
        var responder = try self.responder.handshake()
        _ = try responder.receive(initiator.started())
        let announced = [UInt8(length >> 8), UInt8(length & 0xff)]
        let error = #expect(throws: NoiseError.self) { try responder.receive(announced) }
        #expect(error?.code == .invalidLength)
    }

    @Test func aPayloadInMessage1IsHashedAndIgnored() throws {
        var pattern = NoiseXX(
            isInitiator: true,
            staticKey: self.initiator.staticKey,
            ephemeralKey: self.initiator.ephemeralKey,
            prologue: []
        )
        var responder = try self.responder.handshake()
        let (second, _) = try responder.receive(frame(pattern.writeMessage(payload: Array("ignored".utf8))))
        _ = try pattern.readMessage(Array(second.dropFirst(2)))
        let payload = try NoiseIdentityPayload.make(
            identity: self.initiator.identity,
            staticKey: self.initiator.staticPublicKey,
            muxers: [yamux]
        )
        let (_, result) = try responder.receive(frame(pattern.writeMessage(payload: payload)))
        #expect(result?.remotePeer == self.initiator.identity.peerID)
        #expect(result?.handshakeHash == (try pattern.split()).handshakeHash)
    }

    @Test func randomBytesEndInADocumentedError() throws {
        var random = SplitMix64(seed: 41)
        for _ in 0..<300 {
            let message = frame(random.bytes(Int.random(in: 0...300, using: &random)))
            var initiator = try self.initiator.handshake()
            _ = try initiator.started()
            let error = #expect(throws: NoiseError.self) { try initiator.receive(message) }
            #expect(error?.code == .invalidLength || error?.code == .decryptionFailed)
        }
        for _ in 0..<100 {
            var responder = try self.responder.handshake()
            let noise = frame(random.bytes(32)) + frame(random.bytes(Int.random(in: 0...300, using: &random)))
            let error = #expect(throws: NoiseError.self) { try responder.receive(noise) }
            #expect(error?.code == .invalidLength || error?.code == .decryptionFailed)
        }
    }

    // MARK: Keys

    /// Public keys with which every key agreement comes to zero: the points of small order, also written beyond the
    /// prime.
    static let lowOrder = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
    ]

    @Test(arguments: lowOrder) func refusesAnEphemeralKeyOfLowOrder(hexadecimal: String) throws {
        let key = try bytes(hexadecimal: hexadecimal)
        var responder = try self.responder.handshake()
        let responding = #expect(throws: NoiseError.self) { try responder.receive(frame(key)) }
        #expect(responding?.code == .invalidPublicKey)

        var initiator = try self.initiator.handshake()
        _ = try initiator.started()
        let message = frame(key + [UInt8](repeating: 7, count: 120))
        let initiating = #expect(throws: NoiseError.self) { try initiator.receive(message) }
        #expect(initiating?.code == .invalidPublicKey)
    }

    // MARK: Replays

    @Test func messagesOfAnotherHandshakeAreRefused() throws {
        let recorded = try complete(self.initiator.handshake(), self.responder.handshake()).messages
        let fresh = try Side(.initiator, seed: 5)

        var initiator = try NoiseHandshake(
            role: .initiator,
            identity: self.initiator.identity,
            staticKey: self.initiator.staticKey,
            ephemeralKey: fresh.ephemeralKey,
            expectedPeer: nil,
            muxers: []
        )
        _ = try initiator.started()
        let initiating = #expect(throws: NoiseError.self) { try initiator.receive(recorded[1]) }
        #expect(initiating?.code == .decryptionFailed)

        var responder = try NoiseHandshake(
            role: .responder,
            identity: self.responder.identity,
            staticKey: self.responder.staticKey,
            ephemeralKey: fresh.ephemeralKey,
            expectedPeer: nil,
            muxers: []
        )
        _ = try responder.receive(recorded[0])
        let responding = #expect(throws: NoiseError.self) { try responder.receive(recorded[2]) }
        #expect(responding?.code == .decryptionFailed)
    }

    @Test func aPayloadOfAnotherStaticKeyIsRefused() throws {
        let victim = try Side(.responder, seed: 6)
        let stolen = try NoiseIdentityPayload.make(
            identity: victim.identity,
            staticKey: victim.staticPublicKey,
            muxers: [yamux]
        )
        #expect(self.initiatorRefusal(of: stolen) == .invalidSignature)
        #expect(self.responderRefusal(of: stolen) == .invalidSignature)
    }

    // MARK: Payloads

    @Test func aPayloadMadeByHandIsAccepted() throws {
        let payload =
            try field(1, self.responder.identity.publicKey.protobuf)
            + field(2, self.responder.signature())
            + field(4, field(1, [1, 2, 3]) + field(2, Array(yamux.utf8)))
        let results = try complete(self.initiator.handshake(), self.responder.handshake(payload: payload))
        #expect(results.initiator.remotePeer == self.responder.identity.peerID)
        #expect(results.initiator.muxer == yamux)
    }

    @Test func ourOwnPayloadIsTheOneMadeByHand() throws {
        let payload = try NoiseIdentityPayload.make(
            identity: self.responder.identity,
            staticKey: self.responder.staticPublicKey,
            muxers: [yamux, mplex]
        )
        let parsed = try NoiseIdentityPayload(payload, staticKey: self.responder.staticPublicKey, expectedPeer: nil)
        #expect(parsed.muxers == [yamux, mplex])
        // The signature differs from one run to the next, so only what surrounds it is compared.
        let head = field(1, self.responder.identity.publicKey.protobuf) + [2 << 3 | 2, 64]
        let tail = field(4, field(2, Array(yamux.utf8)) + field(2, Array(mplex.utf8)))
        #expect(payload.starts(with: head))
        #expect(Array(payload.suffix(tail.count)) == tail)
        #expect(payload.count == head.count + 64 + tail.count)
    }

    @Test func fieldsThatAreNotKnownAreIgnored() throws {
        let payload =
            try field(1, self.responder.identity.publicKey.protobuf)
            + field(2, self.responder.signature())
            + field(3, [9, 9, 9]) + field(15, Array("future".utf8))
        let results = try complete(self.initiator.handshake(), self.responder.handshake(payload: payload))
        #expect(results.initiator.remotePeer == self.responder.identity.peerID)
        #expect(results.initiator.muxer == nil)
    }

    @Test func theLongestPayloadIsAcceptedAndALongerOneRefused() throws {
        let essential = try field(1, self.responder.identity.publicKey.protobuf) + field(2, self.responder.signature())
        let padding = NoiseIdentityPayload.maximumLength - essential.count - 3
        let longest = essential + field(15, [UInt8](repeating: 0, count: padding))
        #expect(longest.count == NoiseIdentityPayload.maximumLength)
        let results = try complete(self.initiator.handshake(), self.responder.handshake(payload: longest))
        #expect(results.initiator.remotePeer == self.responder.identity.peerID)
        let tooLong = essential + field(15, [UInt8](repeating: 0, count: padding + 1))
        #expect(self.initiatorRefusal(of: tooLong) == .invalidLength)
    }

    @Test func keysOfOtherTypesAreNotSupported() throws {
        let secp256k1: [UInt8] = [0x08, 2] + field(2, [2] + [UInt8](repeating: 5, count: 32))
        let ecdsa: [UInt8] = [0x08, 3] + field(2, [0x30] + [UInt8](repeating: 5, count: 90))
        let rsa: [UInt8] = [0x08, 0] + field(2, [0x30] + [UInt8](repeating: 5, count: 293))
        for key in [secp256k1, ecdsa, rsa] {
            let payload = field(1, key) + field(2, [UInt8](repeating: 1, count: 64))
            #expect(self.initiatorRefusal(of: payload) == .unsupportedIdentityKey)
            #expect(self.responderRefusal(of: payload) == .unsupportedIdentityKey)
        }
    }

    @Test func malformedIdentityKeysAreRefused() throws {
        let signature = try self.responder.signature()
        let hugeRSA: [UInt8] = [0x08, 0] + field(2, [0x30] + [UInt8](repeating: 5, count: 2047))
        let short: [UInt8] = [0x08, 1] + field(2, [UInt8](repeating: 5, count: 31))
        let unknownType: [UInt8] = [0x08, 9] + field(2, [UInt8](repeating: 5, count: 32))
        for key in [[], [0xff], hugeRSA, short, unknownType] {
            #expect(self.initiatorRefusal(of: field(1, key) + field(2, signature)) == .malformedPayload)
        }
    }

    @Test func payloadsThatLackAFieldOrAreNoProtobufAreRefused() throws {
        let key = self.responder.identity.publicKey.protobuf
        let signature = try self.responder.signature()
        #expect(self.initiatorRefusal(of: []) == .malformedPayload)
        #expect(self.initiatorRefusal(of: field(1, key)) == .malformedPayload)
        #expect(self.initiatorRefusal(of: field(2, signature)) == .malformedPayload)
        #expect(self.initiatorRefusal(of: [0xff, 0xff, 0xff]) == .malformedPayload)
        #expect(self.initiatorRefusal(of: field(1, key) + field(2, signature) + [0x0a, 0x7f]) == .malformedPayload)
        let badText = field(4, field(2, [0xff, 0xfe]))
        #expect(self.initiatorRefusal(of: field(1, key) + field(2, signature) + badText) == .malformedPayload)
    }

    @Test func wrongSignaturesAreRefused() throws {
        let key = self.responder.identity.publicKey.protobuf
        let signature = try self.responder.signature()
        let withoutDomain = try self.responder.identity.sign(self.responder.staticPublicKey)
        let ofAnotherKey = try Side(.responder, seed: 9).identity.sign(
            Array("noise-libp2p-static-key:".utf8) + self.responder.staticPublicKey
        )
        let wrong = [
            [], Array(signature.dropLast()), signature + [0], [UInt8](repeating: 0, count: 64), withoutDomain,
            ofAnotherKey,
            try self.responder.signature(for: self.initiator.staticPublicKey),
        ]
        for signature in wrong {
            #expect(self.initiatorRefusal(of: field(1, key) + field(2, signature)) == .invalidSignature)
        }
    }

    @Test func everyFlippedByteOfThePayloadIsRefused() throws {
        let payload = try field(1, self.responder.identity.publicKey.protobuf) + field(2, self.responder.signature())
        for offset in payload.indices {
            var altered = payload
            altered[offset] ^= 0x55
            let error = #expect(throws: NoiseError.self) {
                try NoiseIdentityPayload(altered, staticKey: self.responder.staticPublicKey, expectedPeer: nil)
            }
            let documented: [NoiseError.Code] = [.malformedPayload, .unsupportedIdentityKey, .invalidSignature]
            #expect(error.map { documented.contains($0.code) } == true)
        }
    }

    @Test func errorsAreOneLineWithTheirCode() {
        let error = #expect(throws: NoiseError.self) {
            try complete(self.initiator.handshake(), self.responder.handshake(payload: [0xff]))
        }
        #expect(error?.description.hasPrefix("malformedPayload: ") == true)
        #expect(error?.cause != nil)
        #expect(error?.description.contains("\n") == false)
    }
}
