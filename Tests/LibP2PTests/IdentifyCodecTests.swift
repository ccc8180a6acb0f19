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
import NIOCore
import PeerIdentity
import Testing

@testable import LibP2P

@Suite struct IdentifyCodecTests {
    private let identity: Identity

    init() throws {
        self.identity = try SeededKeys(1).identity
    }

    private func answer(protocols: [String]) throws -> IdentifyAnswer {
        IdentifyAnswer(
            identity: self.identity, protocolVersion: "app/2", agentVersion: "glueberry-swift", protocols: protocols,
            listenAddresses: [try Multiaddr("/ip4/10.0.0.1/tcp/4001"), try Multiaddr("/ip6/2001:db8::1/tcp/4001")],
            observedAddress: try Multiaddr("/ip4/192.0.2.9/tcp/55555"), recordSequence: 77)
    }

    private func decode(_ messages: [[UInt8]], from peer: PeerID? = nil) throws -> IdentifyInfo {
        var decoder = IdentifyDecoder()
        try decoder.receive(ByteBuffer(bytes: messages.flatMap(ProtobufMessage.delimited)))
        return try decoder.finish(remotePeer: peer ?? self.identity.peerID)
    }

    private func expectViolation(
        sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> IdentifyInfo
    ) {
        #expect(sourceLocation: sourceLocation) { try body() } throws: {
            ($0 as? HostError)?.code == .protocolViolation
        }
    }

    /// The lengths of the delimited messages in a buffer.
    private func lengths(_ buffer: ByteBuffer) throws -> [Int] {
        var bytes = Array(buffer.readableBytesView)
        var lengths: [Int] = []
        while !bytes.isEmpty {
            let (length, prefix) = try #require(try UnsignedVarint.decode(bytes))
            lengths.append(Int(length))
            bytes.removeFirst(prefix + Int(length))
        }
        return lengths
    }

    @Test func whatWeSendIsReadBack() throws {
        let answer = try self.answer(protocols: ["/a/1.0.0", "/b/1.0.0"])
        var decoder = IdentifyDecoder()
        try decoder.receive(answer.encoded())
        let info = try decoder.finish(remotePeer: self.identity.peerID)
        #expect(info.protocolVersion == "app/2")
        #expect(info.agentVersion == "glueberry-swift")
        #expect(info.protocols == ["/a/1.0.0", "/b/1.0.0"])
        #expect(info.listenAddresses == answer.listenAddresses)
        #expect(info.observedAddress == answer.observedAddress)
        #expect(
            info.signedRecord
                == PeerRecord(peerID: self.identity.peerID, sequence: 77, addresses: answer.listenAddresses))
    }

    @Test func manyProtocolsAreSplitIntoMessagesThatOthersRead() throws {
        let names = (0..<600).map { "/protocol/of/some/length/\($0)/1.0.0" }
        let encoded = try self.answer(protocols: names).encoded()
        let lengths = try self.lengths(encoded)
        #expect(lengths.count > 3 && lengths.count <= IdentifyProtocol.maximumMessages)
        #expect(lengths.allSatisfy { $0 <= IdentifyProtocol.maximumMessageLength })
        var decoder = IdentifyDecoder()
        try decoder.receive(encoded)
        let info = try decoder.finish(remotePeer: self.identity.peerID)
        #expect(info.protocols == Set(names))
        #expect(info.signedRecord != nil)
    }

    @Test(arguments: [(1024, 100), (5000, 20), (1, 8000), (300, 250)])
    func whateverThereIsToSayEveryMessageIsOneThatOthersRead(count: Int, length: Int) throws {
        var answer = try self.answer(
            protocols: (0..<count).map { "/\($0)/" + String(repeating: "x", count: length) })
        answer.agentVersion = String(repeating: "å", count: 20_000)
        answer.listenAddresses = try (0..<100).map { index in
            try Multiaddr("/dns4/\(String(repeating: "a", count: 60)).\(index).example/tcp/4001")
        }
        let encoded = try answer.encoded()
        let lengths = try self.lengths(encoded)
        #expect(lengths.count <= IdentifyProtocol.maximumMessages)
        #expect(lengths.allSatisfy { $0 <= IdentifyProtocol.maximumMessageLength })
        var decoder = IdentifyDecoder()
        try decoder.receive(encoded)
        let info = try decoder.finish(remotePeer: self.identity.peerID)
        #expect(info.protocols.isSubset(of: answer.protocols) && !info.protocols.isEmpty)
        #expect(info.signedRecord?.addresses == info.listenAddresses && info.listenAddresses.count > 20)
    }

    @Test func aMessageMentionsOnlyWhatIsInIt() throws {
        var decoder = IdentifyDecoder()
        try decoder.receive(ByteBuffer(bytes: ProtobufMessage.delimited(ProtobufMessage.field(6, "b"))))
        let update = try decoder.finishUpdate(remotePeer: self.identity.peerID)
        #expect(update.agentVersion == "b" && update.protocols == nil && update.listenAddresses == nil)
        var info = IdentifyInfo()
        info.agentVersion = "a"
        info.protocols = ["/p"]
        let updated = update.applied(to: info)
        #expect(updated.agentVersion == "b" && updated.protocols == ["/p"])
        var newer = IdentifyUpdate()
        newer.protocols = ["/q"]
        let both = update.merged(with: newer).applied(to: info)
        #expect(both.agentVersion == "b" && both.protocols == ["/q"])
    }

    @Test func whatIsPrintedOfAPeerIsOneLine() throws {
        let info = try self.decode([
            ProtobufMessage.field(3, "/a\n\u{1b}[31m/1.0.0") + ProtobufMessage.field(6, "agent\r\n2")
        ])
        #expect(info.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value < 0x7f })
        #expect(info.description.contains("/1.0.0"))
    }

    @Test func everySplitIsReadTheSame() throws {
        let encoded = Array(try self.answer(protocols: ["/a/1.0.0"]).encoded().readableBytesView)
        for split in 1..<encoded.count {
            var decoder = IdentifyDecoder()
            for piece in encoded.cut(at: [split]) { try decoder.receive(ByteBuffer(bytes: piece)) }
            let info = try decoder.finish(remotePeer: self.identity.peerID)
            #expect(info.protocols == ["/a/1.0.0"] && info.signedRecord?.sequence == 77)
        }
        for seed in UInt64(0)..<50 {
            var generator = SplitMix64(seed: seed)
            var decoder = IdentifyDecoder()
            for piece in encoded.cut(at: (0..<9).map { _ in Int.random(in: 0..<encoded.count, using: &generator) }) {
                try decoder.receive(ByteBuffer(bytes: piece))
            }
            #expect(try decoder.finish(remotePeer: self.identity.peerID).agentVersion == "glueberry-swift")
        }
    }

    @Test func everyTruncationWaitsAndIsAnErrorAtTheEnd() throws {
        let encoded = try self.answer(protocols: ["/a/1.0.0"]).encoded()
        var ends: Set<Int> = []
        var end = 0
        for length in try self.lengths(encoded) {
            end += UnsignedVarint.length(of: UInt64(length)) + length
            ends.insert(end)
        }
        #expect(ends.count == 2)
        let bytes = Array(encoded.readableBytesView)
        for count in 0..<bytes.count {
            var decoder = IdentifyDecoder()
            try decoder.receive(ByteBuffer(bytes: bytes.prefix(count)))
            if ends.contains(count) {
                #expect(try decoder.finish(remotePeer: self.identity.peerID).signedRecord == nil)
            } else {
                self.expectViolation { try decoder.finish(remotePeer: self.identity.peerID) }
            }
        }
    }

    @Test func tenMessagesAreMergedAndTheEleventhIsRefused() throws {
        let messages = (0..<11).map { ProtobufMessage.field(3, "/p/\($0)") + ProtobufMessage.field(6, "agent \($0)") }
        let info = try self.decode([[UInt8]](messages.prefix(10)))
        #expect(info.protocols == Set((0..<10).map { "/p/\($0)" }))
        #expect(info.agentVersion == "agent 9")
        self.expectViolation { try self.decode(messages) }
    }

    @Test func aMessageOf8KiBIsTakenAndALongerOneRefusedBeforeItComes() throws {
        func message(_ total: Int) -> [UInt8] {
            let padding = [UInt8](repeating: UInt8(ascii: "x"), count: total - 3)
            return ProtobufMessage.field(15, padding)
        }
        #expect(message(8192).count == 8192)
        #expect(try self.decode([message(8192)]).agentVersion == "")
        self.expectViolation { try self.decode([message(8193)]) }
        for length in [UInt64(8193), 1 << 31, 1 << 63, .max] {
            var prefix: [UInt8] = []
            UnsignedVarint.append(length, to: &prefix)
            var decoder = IdentifyDecoder()
            #expect { try decoder.receive(ByteBuffer(bytes: prefix)) } throws: {
                ($0 as? HostError)?.code == .protocolViolation
            }
        }
    }

    @Test func moreThan1024ProtocolsAreRefused() throws {
        func message(_ range: Range<Int>) -> [UInt8] { range.flatMap { ProtobufMessage.field(3, "/\($0)") } }
        #expect(try self.decode([message(0..<600), message(600..<1024)]).protocols.count == 1024)
        self.expectViolation { try self.decode([message(0..<600), message(600..<1025)]) }
    }

    @Test func atMost64AddressesAreKept() throws {
        let addresses = try (1...100).map { try Multiaddr("/ip4/10.0.0.1/tcp/\($0)") }
        let info = try self.decode([addresses.flatMap { ProtobufMessage.field(2, $0.bytes) }])
        #expect(info.listenAddresses == Array(addresses.prefix(64)))
    }

    @Test func aPublicKeyThatIsNotThePeersIsRefused() throws {
        let other = try SeededKeys(2).identity
        #expect(try self.decode([ProtobufMessage.field(1, self.identity.publicKey.protobuf)]).agentVersion == "")
        self.expectViolation { try self.decode([ProtobufMessage.field(1, other.publicKey.protobuf)]) }
        self.expectViolation { try self.decode([ProtobufMessage.field(1, [1, 2, 3])]) }
        self.expectViolation { try self.decode([ProtobufMessage.field(1, [UInt8]())]) }
    }

    @Test func onlyThePeersOwnSignedRecordIsKept() throws {
        let other = try SeededKeys(2).identity
        let foreign = try PeerRecord(peerID: other.peerID, sequence: 1, addresses: []).sealed(by: other)
        #expect(try self.decode([ProtobufMessage.field(8, foreign)]).signedRecord == nil)
        let own = try PeerRecord(peerID: self.identity.peerID, sequence: 1, addresses: []).sealed(by: self.identity)
        #expect(try self.decode([ProtobufMessage.field(8, own)]).signedRecord?.sequence == 1)
        for index in own.indices {
            var flipped = own
            flipped[index] ^= 0x10
            #expect(try self.decode([ProtobufMessage.field(8, flipped)]).signedRecord == nil, "byte \(index)")
        }
    }

    @Test func controlCharactersAreEscapedAndLongTextsCut() throws {
        let hostile = "a\n\r\u{0}\u{1b}[31m\u{7f}\u{85}\u{2028}\u{2029}z"
        let info = try self.decode([ProtobufMessage.field(6, hostile) + ProtobufMessage.field(5, hostile)])
        #expect(
            info.agentVersion == "a\\u{a}\\u{d}\\u{0}\\u{1b}[31m\\u{7f}\\u{85}\\u{2028}\\u{2029}z")
        #expect(info.protocolVersion == info.agentVersion)
        let long = try self.decode([ProtobufMessage.field(6, String(repeating: "y", count: 5000))])
        #expect(long.agentVersion == String(repeating: "y", count: 256))
        self.expectViolation { try self.decode([ProtobufMessage.field(6, [0xff, 0xfe])]) }
    }

    @Test func addressesOfUnknownKindsAreSkipped() throws {
        let known = try Multiaddr("/ip4/10.0.0.1/tcp/4001")
        var unknown: [UInt8] = []
        UnsignedVarint.append(0x7fff, to: &unknown)
        let message =
            ProtobufMessage.field(2, unknown + [1, 2, 3]) + ProtobufMessage.field(2, known.bytes)
            + ProtobufMessage.field(2, [4, 1]) + ProtobufMessage.field(2, [UInt8]())
            + ProtobufMessage.field(4, unknown)
        let info = try self.decode([message])
        #expect(info.listenAddresses.contains(known))
        #expect(info.listenAddresses.allSatisfy { $0 == known || $0.bytes.isEmpty })
        #expect(info.observedAddress == nil)
    }

    @Test func anAnswerOfNothingIsAnError() throws {
        let decoder = IdentifyDecoder()
        self.expectViolation { try decoder.finish(remotePeer: self.identity.peerID) }
        #expect(try self.decode([[]]).protocols.isEmpty)
    }

    @Test func randomBytesAndFlippedBitsEndInAnErrorOrAnAnswer() throws {
        let honest = Array(try self.answer(protocols: ["/a/1.0.0", "/b/1.0.0"]).encoded().readableBytesView)
        var failures = 0
        for seed in UInt64(0)..<3000 {
            var generator = SplitMix64(seed: seed)
            var bytes = honest
            if seed.isMultiple(of: 3) {
                bytes = generator.bytes(Int.random(in: 1...600, using: &generator))
            } else {
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(
                        in: .min ... .max, using: &generator)
                }
            }
            do throws(HostError) {
                var decoder = IdentifyDecoder()
                try decoder.receive(ByteBuffer(bytes: bytes))
                let info = try decoder.finish(remotePeer: self.identity.peerID)
                #expect(info.signedRecord == nil || info.signedRecord?.peerID == self.identity.peerID)
            } catch {
                failures += 1
                #expect(error.code == .protocolViolation, "seed \(seed)")
            }
        }
        #expect(failures > 1000)
    }
}
