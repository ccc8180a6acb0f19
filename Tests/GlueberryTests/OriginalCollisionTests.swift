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

/// Both sides send first on one name at once, and the other is the original: it keeps one stream per name, its own, and resets
/// whatever comes in beside it, unread.
@Suite(.timeLimit(.minutes(3))) struct OriginalCollisionTests {
    private static let names = (0..<60).map { "stream\($0)" }
    private static let messages = 5

    /// The order in which the peer resets ours and opens its own.
    private enum Order: CaseIterable {
        case opensFirst, resetsFirst, opensWithoutWriting
    }

    private func payload(_ name: String, _ number: Int) -> [UInt8] { Array("\(name) \(number)".utf8) }

    /// What the peer reads on its own stream until it has so many messages.
    private func read(
        _ count: Int, from stream: LibP2P.Stream, of peer: ScriptedPeer, _ node: Node
    ) async throws -> [[UInt8]] {
        let key = try PairKey(local: peer.identity, remote: node.publicKey)
        let decoder = FrameDecoder(maximumPayload: 10_000)
        var input = ByteBuffer()
        var messages: [[UInt8]] = []
        while messages.count < count, var bytes = try await stream.read() {
            input.writeBuffer(&bytes)
            while let payload = try decoder.next(&input) {
                messages.append(Array(try #require(Frame.open(payload, with: key.cipher)).readableBytesView))
            }
        }
        return messages
    }

    @Test func nothingThatWeSentIsLostInSixtyCollisions() async throws {
        try await withScriptedPeer(standard(Self.names)) { node, peer in
            let resets = Log<String>()
            for (index, name) in Self.names.enumerated() {
                let order = Order.allCases[index % Order.allCases.count]
                let own = Settlement<LibP2P.Stream, HostError>()
                peer.host.handle(StreamName.protocolID(of: name)) { ours in
                    if order == .resetsFirst { ours.reset(code: StreamErrorCode.none) }
                    do throws(HostError) {
                        let stream = try await peer.open(name, to: node)
                        if order != .opensWithoutWriting, let frame = try? peer.sealed([UInt8(index)], for: node) {
                            try await stream.write(frame)
                        }
                        own.succeed(stream)
                    } catch {
                        own.fail(error)
                    }
                    ours.reset(code: StreamErrorCode.none)
                    resets.append(name)
                }
                let sent = (0..<Self.messages).map { self.payload(name, $0) }
                for message in sent { try await node.send(message, to: peer.peerID, on: name) }
                let stream = try await own.value().get()
                let received = try await self.read(sent.count, from: stream, of: peer, node)
                #expect(received == sent, "\(name), \(order)")
            }
            #expect(resets.count == Self.names.count)
            let expected = (0..<Self.names.count).filter { $0 % 3 != 2 }.map { UInt8($0) }
            var messages = try node.messages().makeAsyncIterator()
            var received: Set<UInt8> = []
            while received.count < expected.count, let message = await messages.next() {
                #expect(received.insert(try #require(message.bytes.first)).inserted)
            }
            #expect(received == Set(expected))
            #expect(node.state(of: peer.peerID) == .established)
        }
    }
}
