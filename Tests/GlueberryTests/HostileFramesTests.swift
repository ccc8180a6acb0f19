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

import LibP2P
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// A peer that is established and then sends what no peer should.
@Suite(.timeLimit(.minutes(2))) struct HostileFramesTests {
    /// The session goes on: another stream carries a message.
    private func expectSessionGoesOn(_ node: Node, _ peer: ScriptedPeer) async throws {
        #expect(node.state(of: peer.peerID) == .established)
        let stream = try await peer.open("b", to: node)
        try await stream.write(peer.sealed([7], for: node))
        var messages = try node.messages(on: "b").makeAsyncIterator()
        #expect(await messages.next()?.bytes == [7])
    }

    @Test func framesThatDoNotOpenAreCountedAndTheSixteenthEndsTheStream() async throws {
        try await withScriptedPeer { node, peer in
            let stream = try await peer.open("a", to: node)
            var messages = try node.messages(on: "a").makeAsyncIterator()
            for count in 1...15 {
                try await stream.write(Frame.encode(ByteBuffer(bytes: pattern(40, seed: count))))
                try await stream.write(peer.sealed([UInt8(count)], for: node))
                #expect(await messages.next()?.bytes == [UInt8(count)])
                #expect(node.refusedMessages.notAuthentic == count)
            }
            try await stream.write(Frame.encode(ByteBuffer(bytes: pattern(40))))
            #expect(await resetCode(of: stream) == StreamErrorCode.protocolViolation)
            #expect(node.refusedMessages.notAuthentic == 16)
            try await expectSessionGoesOn(node, peer)
        }
    }

    @Test func framesByTheThousandThatDoNotOpenAreCappedAtSixteenPerStream() async throws {
        try await withScriptedPeer { node, peer in
            let stream = try await peer.open("a", to: node)
            var flood = ByteBuffer()
            for seed in 0..<1000 {
                var frame = Frame.encode(ByteBuffer(bytes: pattern(40, seed: seed)))
                flood.writeBuffer(&frame)
            }
            try await stream.write(flood)
            #expect(await resetCode(of: stream) == StreamErrorCode.protocolViolation)
            #expect(node.refusedMessages.notAuthentic == 16)
            try await expectSessionGoesOn(node, peer)
        }
    }

    @Test(arguments: [
        // A length of eleven bytes, lengths that disagree, and announcements of 64 MiB and of 2^64 - 1.
        "8080808080808080808080", "0500", "80808020", "ffffffffffffffffff01",
    ])
    func aMalformedFrameEndsItsStreamAndNotTheSession(hex: String) async throws {
        try await withScriptedPeer { node, peer in
            let stream = try await peer.open("a", to: node)
            try await stream.write(peer.sealed([1], for: node))
            try await stream.write(ByteBuffer(bytes: hexadecimal(hex)))
            #expect(await resetCode(of: stream) == StreamErrorCode.protocolViolation)
            #expect(node.refusedMessages.malformed == 1)
            var messages = try node.messages(on: "a").makeAsyncIterator()
            #expect(await messages.next()?.bytes == [1], "what came before it is delivered")
            try await expectSessionGoesOn(node, peer)
        }
    }

    @Test func aMessageThatIsTooShortToBeSealedDoesNotOpen() async throws {
        try await withScriptedPeer { node, peer in
            let stream = try await peer.open("a", to: node)
            for count in 0..<15 { try await stream.write(Frame.encode(ByteBuffer(repeating: 0, count: count))) }
            try await stream.write(peer.sealed([1], for: node))
            var messages = try node.messages(on: "a").makeAsyncIterator()
            #expect(await messages.next()?.bytes == [1])
            #expect(node.refusedMessages.notAuthentic == 15)
        }
    }

    @Test func aStreamOfANameThatWasNotPreparedIsNotTaken() async throws {
        try await withScriptedPeer { node, peer in
            for name in ["c", "messages", "A"] {
                let opened = try? await peer.open(name, to: node)
                if let opened { #expect(await resetCode(of: opened) != nil) }
            }
            try await expectSessionGoesOn(node, peer)
        }
    }

    @Test func aHandshakeStreamDuringASessionIsResetWithoutPenalty() async throws {
        try await withScriptedPeer { node, peer in
            for _ in 0..<3 {
                let code: UInt32?
                do {
                    code = await resetCode(of: try await peer.open(StreamName.handshake, to: node))
                } catch {
                    code = (error as? HostError)?.resetCode
                }
                #expect(code == StreamErrorCode.none)
            }
            try await expectSessionGoesOn(node, peer)
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func randomBytesOnAStreamEndInARefusalOrInNothing(seed: UInt64) async throws {
        try await withScriptedPeer { node, peer in
            var random = SplitMix64(seed: seed)
            let stream = try await peer.open("a", to: node)
            for _ in 0..<20 {
                guard (try? await stream.write(ByteBuffer(bytes: random.bytes(500)))) != nil else { break }
            }
            _ = try await node.ping(peer.peerID)
            let refused = node.refusedMessages
            #expect(refused.malformed <= 1)
            #expect(refused.notAuthentic <= 16)
            try await expectSessionGoesOn(node, peer)
        }
    }

    @Test func framesInDripsAndInOneLumpAreTheSame() async throws {
        try await withScriptedPeer { node, peer in
            let stream = try await peer.open("a", to: node)
            var bytes = ByteBuffer()
            for number in 0..<5 as Range<UInt8> {
                var frame = try peer.sealed([number], for: node)
                bytes.writeBuffer(&frame)
            }
            for byte in bytes.readableBytesView { try await stream.write(ByteBuffer(bytes: [byte])) }
            try await stream.write(bytes)
            var messages = try node.messages(on: "a").makeAsyncIterator()
            for number in [0, 1, 2, 3, 4, 0, 1, 2, 3, 4] as [UInt8] {
                #expect(await messages.next()?.bytes == [number])
            }
        }
    }
}
