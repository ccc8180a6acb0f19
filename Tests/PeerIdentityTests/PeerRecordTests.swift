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

@Suite struct PeerRecordTests {
    /// Records that nodes of the Go library sent of themselves.
    static let recorded: [(envelope: String, peer: String, sequence: UInt64, address: String)] = [
        (
            "0a24080112208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394120203011a3e0a26002408011220"
                + "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b39410f7a4c4cbfb999bf5181a0a0a08047f0000"
                + "01061cea2a408fc3b762296fc27c4af3705648bec7fbb3f3225f8dcc1366464d93ffe6e29ef902891d107670a2470028d456"
                + "d745f100d52d2fbd8d60d19ef0c6a9074c02ce0a",
            NodeVector.second.text, 1_795_367_040_885_789_303, "/ip4/127.0.0.1/tcp/7402"
        ),
        (
            "0a24080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c120203011a3e0a26002408011220"
                + "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c1081819aabff999bf5181a0a0a08047f0000"
                + "01061ce92a40d875eca52d9038694f075231fb0bb458a49712eb3da450afb7b5b836faf98d054c01186eea17d7bad306a155"
                + "a2be545c78168cb297e9d2187d0fa8af983eb70d",
            NodeVector.first.text, 1_795_367_041_891_729_537, "/ip4/127.0.0.1/tcp/7401"
        ),
    ]

    private let identity = Identity.generate()

    private func addresses(_ count: Int) throws -> [Multiaddr] {
        try (0..<count).map { try Multiaddr("/ip4/192.0.2.1/tcp/\($0)") }
    }

    @Test(arguments: recorded.indices) func recordsOfTheGoLibraryOpenAndAreWrittenTheSame(index: Int) throws {
        let (hexadecimal, peer, sequence, address) = Self.recorded[index]
        let bytes = try Base16.decode(hexadecimal)
        let remote = try PeerID(peer)
        let record = try PeerRecord.open(envelope: bytes, from: remote)
        #expect(record.peerID == remote)
        #expect(record.sequence == sequence)
        #expect(record.addresses.map(\.description) == [address])
        let envelope = try SignedEnvelope(protobuf: bytes)
        #expect(envelope.protobuf == bytes)
        #expect(record.protobuf == envelope.payload)
    }

    @Test(arguments: recorded.indices) func everyByteFlippedInARecordOfTheGoLibraryIsRefused(index: Int) throws {
        let bytes = try Base16.decode(Self.recorded[index].envelope)
        let remote = try PeerID(Self.recorded[index].peer)
        for position in bytes.indices {
            var changed = bytes
            changed[position] ^= 0x01
            #expect(throws: IdentityError.self, "byte \(position)") {
                try PeerRecord.open(envelope: changed, from: remote)
            }
        }
    }

    @Test func whatIsSealedOpens() throws {
        let record = PeerRecord(peerID: identity.peerID, sequence: .max, addresses: try addresses(3))
        #expect(try PeerRecord.open(envelope: try record.sealed(by: identity), from: identity.peerID) == record)
    }

    @Test func aRecordWithoutAddressesIsCarried() throws {
        let record = PeerRecord(peerID: identity.peerID, sequence: 0, addresses: [])
        #expect(try PeerRecord.open(envelope: try record.sealed(by: identity), from: identity.peerID) == record)
    }

    @Test func anotherPeersRecordIsRefused() throws {
        let record = PeerRecord(peerID: identity.peerID, sequence: 1, addresses: [])
        let envelope = try record.sealed(by: identity)
        let error = #expect(throws: IdentityError.self) {
            try PeerRecord.open(envelope: envelope, from: Identity.generate().peerID)
        }
        #expect(error?.code == .unexpectedPeer)
    }

    @Test func aRecordIsSealedByItsPeerOnly() throws {
        let record = PeerRecord(peerID: identity.peerID, sequence: 1, addresses: [])
        let error = #expect(throws: IdentityError.self) { try record.sealed(by: Identity.generate()) }
        #expect(error?.code == .unexpectedPeer)
    }

    @Test func aRecordThatSpeaksOfAnotherPeerIsRefused() throws {
        let record = PeerRecord(peerID: Identity.generate().peerID, sequence: 1, addresses: [])
        let envelope = try SignedEnvelope.seal(
            payload: record.protobuf,
            type: PeerRecord.payloadType,
            domain: PeerRecord.domain,
            identity: identity
        )
        for remote in [identity.peerID, record.peerID] {
            let error = #expect(throws: IdentityError.self) {
                try PeerRecord.open(envelope: envelope.protobuf, from: remote)
            }
            #expect(error?.code == .unexpectedPeer)
        }
    }

    @Test func anotherDomainOrTypeIsRefused() throws {
        let record = PeerRecord(peerID: identity.peerID, sequence: 1, addresses: [])
        for (type, domain, code) in [
            (PeerRecord.payloadType, "libp2p-relay-rsvp", IdentityError.Code.invalidSignature),
            ([0x03, 0x02], PeerRecord.domain, .unexpectedPayloadType),
        ] {
            let envelope = try SignedEnvelope.seal(
                payload: record.protobuf, type: type, domain: domain, identity: identity)
            let error = #expect(throws: IdentityError.self) {
                try PeerRecord.open(envelope: envelope.protobuf, from: identity.peerID)
            }
            #expect(error?.code == code)
        }
    }

    @Test func aSignedPayloadThatIsNoRecordIsRefused() throws {
        for (payload, code) in [
            ([0xff], IdentityError.Code.malformedRecord), ([], .malformedPeerID),
            ([0x0a, 0x01, 0x00], .malformedPeerID),
        ] as [([UInt8], IdentityError.Code)] {
            let envelope = try SignedEnvelope.seal(
                payload: payload,
                type: PeerRecord.payloadType,
                domain: PeerRecord.domain,
                identity: identity
            )
            let error = #expect(throws: IdentityError.self) {
                try PeerRecord.open(envelope: envelope.protobuf, from: identity.peerID)
            }
            #expect(error?.code == code)
        }
    }

    @Test func unknownAndMalformedAddressesAreSkipped() throws {
        let known = try addresses(2)
        var bytes = PeerRecord(peerID: identity.peerID, sequence: 1, addresses: [known[0]]).protobuf
        // An unknown protocol, an empty address, an entry without an address.
        bytes += [0x1a, 0x04, 0x0a, 0x02, 0xe0, 0x03, 0x1a, 0x02, 0x0a, 0x00, 0x1a, 0x00]
        bytes += PeerRecord(peerID: identity.peerID, sequence: 1, addresses: [known[1]]).protobuf
        #expect(try PeerRecord(protobuf: bytes).addresses == known)
    }

    @Test func onlyTheFirstAddressesAreKept() throws {
        let many = try addresses(PeerRecord.maximumAddresses + 1)
        let record = PeerRecord(peerID: identity.peerID, sequence: 1, addresses: many)
        let opened = try PeerRecord.open(envelope: try record.sealed(by: identity), from: identity.peerID)
        #expect(opened.addresses == Array(many.prefix(PeerRecord.maximumAddresses)))
    }

    @Test func aRecordFullOfEntriesIsRefused() throws {
        let head = PeerRecord(peerID: identity.peerID, sequence: 1, addresses: []).protobuf
        let entries = (0..<PeerRecord.maximumAddressEntries).flatMap { _ in [0x1a, 0x00] as [UInt8] }
        #expect(try PeerRecord(protobuf: head + entries).addresses.isEmpty)
        let error = #expect(throws: IdentityError.self) { try PeerRecord(protobuf: head + entries + [0x1a, 0x00]) }
        #expect(error?.code == .malformedRecord)
    }

    @Test func anOversizedRecordIsRefusedUnread() {
        let error = #expect(throws: IdentityError.self) {
            try PeerRecord(protobuf: [UInt8](repeating: 0x1a, count: SignedEnvelope.maximumLength + 1))
        }
        #expect(error?.code == .malformedRecord)
    }

    @Test func randomBytesEndInAnError() {
        var random = SplitMix64(seed: 4)
        for _ in 0..<3000 {
            let bytes = random.bytes(Int.random(in: 0...200, using: &random))
            #expect(throws: IdentityError.self) { try PeerRecord(protobuf: bytes) }
        }
    }
}
