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

import Multiformats
import PeerIdentity
import Testing

@Suite struct SignedEnvelopeTests {
    private let identity = Identity.generate()
    private let domain = "test-domain"
    private let type: [UInt8] = [0x12, 0x34]
    private let payload = [UInt8]("payload".utf8)

    private func sealed() throws -> SignedEnvelope {
        try SignedEnvelope.seal(payload: payload, type: type, domain: domain, identity: identity)
    }

    @Test func whatIsSealedOpens() throws {
        let envelope = try SignedEnvelope(protobuf: try sealed().protobuf)
        #expect(envelope.publicKey == identity.publicKey)
        #expect(try envelope.open(domain: domain, payloadType: type) == payload)
    }

    @Test func theSignatureIsOverTheThreePartsAfterTheirLengths() throws {
        let signed = [11] + [UInt8]("test-domain".utf8) + [2, 0x12, 0x34] + [7] + payload
        #expect(try identity.publicKey.isValidSignature(try sealed().signature, for: signed))
    }

    @Test func anEmptyPayloadAndTypeAreCarried() throws {
        let envelope = try SignedEnvelope.seal(payload: [], type: [], domain: "", identity: identity)
        #expect(try SignedEnvelope(protobuf: envelope.protobuf).open(domain: "", payloadType: []) == [])
    }

    @Test(arguments: ["", "test-domai", "test-domain1", "Test-domain"])
    func anotherDomainIsRefused(other: String) throws {
        let envelope = try sealed()
        let error = #expect(throws: IdentityError.self) { try envelope.open(domain: other, payloadType: type) }
        #expect(error?.code == .invalidSignature)
    }

    @Test(arguments: [[], [0x12], [0x12, 0x35], [0x12, 0x34, 0x00]] as [[UInt8]])
    func anotherTypeIsRefused(other: [UInt8]) throws {
        let envelope = try sealed()
        let error = #expect(throws: IdentityError.self) { try envelope.open(domain: domain, payloadType: other) }
        #expect(error?.code == .unexpectedPayloadType)
    }

    @Test func everyByteFlippedIsRefused() throws {
        let bytes = try sealed().protobuf
        for position in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[position] ^= 1 << UInt8(bit)
                #expect(throws: IdentityError.self, "byte \(position), bit \(bit)") {
                    try SignedEnvelope(protobuf: changed).open(domain: domain, payloadType: type)
                }
            }
        }
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = try sealed().protobuf
        for length in 0..<bytes.count {
            #expect(throws: IdentityError.self) {
                try SignedEnvelope(protobuf: bytes.prefix(length)).open(domain: domain, payloadType: type)
            }
        }
    }

    @Test func theKeyOfAnotherSignerIsRefused() throws {
        let envelope = try sealed()
        var bytes = envelope.protobuf
        let other = Identity.generate().publicKey.protobuf
        bytes.replaceSubrange(2..<2 + other.count, with: other)
        let changed = try SignedEnvelope(protobuf: bytes)
        #expect(changed.publicKey != envelope.publicKey)
        let error = #expect(throws: IdentityError.self) { try changed.open(domain: domain, payloadType: type) }
        #expect(error?.code == .invalidSignature)
    }

    @Test func aSignerWithAnotherTypeOfKeyIsUnsupported() throws {
        let key = try Base16.decode(KeyVector.rsa.publicKey)
        var bytes: [UInt8] = [0x0a]
        UnsignedVarint.append(UInt64(key.count), to: &bytes)
        bytes += key + [0x12, 0x02] + type + [0x1a, 0x01, 0x00] + [0x2a, 0x40] + [UInt8](repeating: 0, count: 64)
        let envelope = try SignedEnvelope(protobuf: bytes)
        let error = #expect(throws: IdentityError.self) { try envelope.open(domain: domain, payloadType: type) }
        #expect(error?.code == .unsupportedKeyType)
    }

    @Test func anOversizedEnvelopeIsRefusedUnread() throws {
        let envelope = try SignedEnvelope.seal(
            payload: [UInt8](repeating: 1, count: SignedEnvelope.maximumLength),
            type: type,
            domain: domain,
            identity: identity
        )
        let error = #expect(throws: IdentityError.self) { try SignedEnvelope(protobuf: envelope.protobuf) }
        #expect(error?.code == .malformedEnvelope)
        let garbage = #expect(throws: IdentityError.self) {
            try SignedEnvelope(protobuf: [UInt8](repeating: 0x0a, count: 10_000_000))
        }
        #expect(garbage?.code == .malformedEnvelope)
    }

    @Test func randomBytesEndInAnError() {
        var random = SplitMix64(seed: 3)
        for _ in 0..<3000 {
            let bytes = random.bytes(Int.random(in: 0...200, using: &random))
            #expect(throws: IdentityError.self) { try SignedEnvelope(protobuf: bytes) }
        }
    }
}
