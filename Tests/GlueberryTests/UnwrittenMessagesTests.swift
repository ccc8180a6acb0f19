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

/// What the end of a session tells about messages that were accepted.
@Suite(.timeLimit(.minutes(2))) struct UnwrittenMessagesTests {
    @Test func messagesThatThePeerHasReadAreNotReportedAsUnwritten() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            var ends = dialer.subscribeToEvents(of: [listener.peerID], in: [.disconnected]).makeAsyncIterator()
            var messages = try listener.messages().makeAsyncIterator()
            for number in 0..<5 {
                try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a")
                #expect(await messages.next()?.number == number)
            }
            await listener.disconnect(from: dialer.peerID)
            let end = try #require(await ends.next())
            #expect(end.error?.code == .closed)
            #expect(end.unwrittenMessages == [:])
        }
    }

    @Test func messagesThatNeverLeftAreReportedPerStream() async throws {
        var narrow = standard()
        narrow.receiveBufferMessages = 1
        try await withNodes(narrow) { listener, dialer in
            try await establish(listener, dialer)
            var ends = dialer.subscribeToEvents(of: [listener.peerID], in: [.disconnected]).makeAsyncIterator()
            // Nobody reads at the listener: its window closes after 256 KiB.
            for _ in 0..<6 { try await dialer.send(pattern(100_000), to: listener.peerID, on: "a") }
            let session = try #require(dialer.running?.directory.session(with: listener.peerID))
            let channel = try #require(session.channel("a"))
            try await eventually { channel.unwrittenMessages <= 4 }
            await listener.stop()
            let end = try #require(await ends.next())
            #expect((end.unwrittenMessages["a"] ?? 0) > 0)
            #expect(end.unwrittenMessages["b"] == nil)
        }
    }
}
