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

@testable import Glueberry

/// Both sides send for the first time on a name at the same moment.
@Suite(.timeLimit(.minutes(3))) struct FirstSendTests {
    @Test func nothingIsLostDoubledOrReorderedWhenBothSidesSendFirst() async throws {
        let names = (0..<60).map { "trial-\($0)" }
        let count = 20
        try await withNodes(standard(names)) { listener, dialer in
            try await establish(listener, dialer)
            for name in names {
                async let there: Void = {
                    for number in 0..<count {
                        try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: name)
                    }
                }()
                async let back: Void = {
                    for number in 0..<count {
                        try await listener.send(ByteBuffer(integer: number), to: dialer.peerID, on: name)
                    }
                }()
                _ = try await (there, back)
            }
            for node in [listener, dialer] {
                let other = node === listener ? dialer : listener
                // A last message on each name shows that nothing comes after it.
                for name in names { try await other.send(ByteBuffer(integer: count), to: node.peerID, on: name) }
                var received: [String: [Int]] = [:]
                var missing = names.count * (count + 1)
                for await message in try node.messages() {
                    received[message.stream, default: []].append(message.number)
                    missing -= 1
                    if missing == 0 { break }
                }
                for name in names { #expect(received[name] == Array(0...count)) }
            }
        }
    }
}
