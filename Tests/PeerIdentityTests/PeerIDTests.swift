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

import Foundation
import Multiformats
import PeerIdentity
import Testing

@Suite struct PeerIDTests {
    @Test(arguments: KeyVector.all.indices) func isComputedOfKeysOfEveryType(index: Int) throws {
        let vector = KeyVector.all[index]
        let peer = PeerID(publicKey: try PublicKey(protobuf: try Base16.decode(vector.publicKey)))
        #expect(peer.description == vector.text)
        #expect(peer.cid == vector.cid)
        #expect(try PeerID(vector.text) == peer)
        #expect(try PeerID(vector.cid) == peer)
        #expect(try PeerID(bytes: peer.bytes) == peer)
    }

    @Test func theKeyIsReadBackOutWhenItIsHeld() throws {
        for vector in [KeyVector.ed25519, .secp256k1] {
            let key = try PublicKey(protobuf: try Base16.decode(vector.publicKey))
            #expect(try PeerID(vector.text).publicKey == key)
        }
        #expect(try PeerID(KeyVector.rsa.text).publicKey == nil)
        #expect(try PeerID(bytes: [0x00, 0x02, 0x08, 0x01]).publicKey == nil)
    }

    @Test(arguments: [
        "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA",
        "bafzaajaiaejcal72gwuz2or47oyxxn6b3rkwdmmkrxgkjxzy3rqt5kczyn7lcm3l",
        "z5AanNVJCxnJ4fhdT9DsSUYvwjgHpsJ4pn4bueg8bvDe6b1tDj9rmdk",
        "f01720024080112202ffa35a99d3a3cfbb17bb7c1dc5561b18a8dcca4df38dc613ea859c37eb1336b",
    ])
    func everyTextFormMeansTheSamePeer(text: String) throws {
        #expect(try PeerID(text).description == "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA")
    }

    @Test func theExamplesOfTheSpecificationAreOnePeer() throws {
        let peer = try PeerID("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")
        #expect(try PeerID("bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe") == peer)
        #expect(try PeerID("zdvgqC3jczfCwLUoSyWT8GLc5UZ9aG4RkAg7XAfidRbX9qVj6") == peer)
        #expect(peer.cid == "bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe")
    }

    @Test(arguments: [
        "", "1", "11", "Qm", "12D3KooW", "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5S",
        "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SAA", "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5S0",
        " 12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA",
        "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA\n", "hello", "b", "z", "f", "f01", "f0172", "f017200",
        // Version 2, and the codec dag-pb.
        "f0272002408011220" + String(repeating: "00", count: 32),
        "bafybeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe", "\u{1b}[2J", "Qm\u{0}", "1\u{301}2D3",
    ])
    func whatIsNoPeerIDIsRefusedInOneLine(text: String) {
        let error = #expect(throws: IdentityError.self) { try PeerID(text) }
        #expect(error?.code == .malformedPeerID)
        #expect(error?.message.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7f } == false)
    }

    @Test func longTextIsRefused() {
        for character in ["1", "z", "b", "f"] {
            let error = #expect(throws: IdentityError.self) { try PeerID(String(repeating: character, count: 100_000)) }
            #expect(error?.code == .malformedPeerID)
        }
    }

    @Test(
        arguments: [
            [], [0x00], [0x00, 0x00], [0x12, 0x20], [0x00, 0x01, 0x01, 0x01], [0x12, 0x01, 0x01], [0x13, 0x01, 0x01],
            [0x00, 0x2b] + [UInt8](repeating: 0, count: 43), [0x80, 0x00, 0x01, 0x01],
        ] as [[UInt8]])
    func bytesThatAreNoPeerIDAreRefused(bytes: [UInt8]) {
        let error = #expect(throws: IdentityError.self) { try PeerID(bytes: bytes) }
        #expect(error?.code == .malformedPeerID)
    }

    @Test func aKeyOf42BytesIsTheLongestThatIsHeld() throws {
        let bytes = [0x00, 0x2a] + [UInt8](repeating: 7, count: 42)
        #expect(try PeerID(bytes: bytes).bytes == bytes)
    }

    @Test func theOrderIsThatOfTheBytes() throws {
        let low = try PeerID(bytes: [0x00, 0x02, 0x01, 0xff])
        let high = try PeerID(bytes: [0x00, 0x02, 0x02, 0x00])
        let longer = try PeerID(bytes: [0x00, 0x03, 0x01, 0x00, 0x00])
        #expect([longer, high, low].sorted() == [low, high, longer])
        #expect(!(low < low))
        #expect(try PeerID(NodeVector.second.text) < PeerID(NodeVector.first.text))
    }

    @Test func isCodedAsItsText() throws {
        let peer = try PeerID(KeyVector.ed25519.text)
        let encoded = try JSONEncoder().encode([peer])
        #expect(String(decoding: encoded, as: UTF8.self) == "[\"\(KeyVector.ed25519.text)\"]")
        #expect(try JSONDecoder().decode([PeerID].self, from: encoded) == [peer])
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([PeerID].self, from: Data("[\"hello\"]".utf8)) }
        #expect(throws: DecodingError.self) { try JSONDecoder().decode([PeerID].self, from: Data("[1]".utf8)) }
    }

    @Test func everyByteFlippedIsRefusedOrAnotherPeer() throws {
        let peer = try PeerID(KeyVector.ed25519.text)
        for position in peer.bytes.indices {
            var bytes = peer.bytes
            bytes[position] ^= 0x01
            if let other = try? PeerID(bytes: bytes) {
                #expect(other != peer)
                #expect(try PeerID(other.description) == other)
            }
        }
    }

    @Test func randomBytesAreReadAsTheyAreOrRefused() throws {
        var random = SplitMix64(seed: 2)
        for round in 0..<5000 {
            var bytes = random.bytes(Int.random(in: 0...50, using: &random))
            if round.isMultiple(of: 2), bytes.count > 2 {
                bytes.replaceSubrange(0..<2, with: [round.isMultiple(of: 4) ? 0x00 : 0x12, UInt8(bytes.count - 2)])
            }
            if let peer = try? PeerID(bytes: bytes) {
                #expect(peer.bytes == bytes)
                #expect(try PeerID(peer.cid) == peer)
            }
        }
    }

    @Test func anAddressNamesItsPeer() throws {
        let peer = try PeerID(NodeVector.first.text)
        let address = try Multiaddr("/ip4/192.0.2.1/tcp/9000")
        #expect(address.peerID == nil)
        #expect(address.appending(peer: peer).peerID == peer)
        #expect(address.appending(peer: peer).description == "/ip4/192.0.2.1/tcp/9000/p2p/\(NodeVector.first.text)")
    }
}
