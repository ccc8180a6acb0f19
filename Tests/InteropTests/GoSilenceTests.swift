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
import Testing

/// A connection to go-libp2p without traffic; in a suite of its own, so that it waits beside the others.
@Suite("Go silence", .timeLimit(.minutes(10))) struct GoSilenceTests {
    /// The waiting is what is tested: both sides' keep-alives pass several times, and no timer ends the connection.
    @Test(arguments: GoLink.all) func aConnectionIsUsableAfterALongSilence(link: GoLink) async throws {
        try await link.run { pair in
            try await pair.expectEchoBothWays()
            try await Task.sleep(for: .seconds(150))
            #expect(!pair.connection.isClosed)
            try await pair.expectEchoBothWays()
            #expect(pair.host.connections(to: pair.connection.remotePeer).count == 1)
        }
    }
}
