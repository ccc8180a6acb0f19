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
import NIOPosix
import Testing

@testable import LibP2P

/// A socket of which only the end is of interest: it says nothing unless told to.
struct RawClient {
    let channel: any Channel

    /// Connects to the first address that a host listens on.
    init(to host: Host) async throws {
        let port = try #require(host.listenAddresses.first?.tcpEndpoint?.port)
        self.channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: Int(port)).outcome()
    }

    /// Returns when the other side has closed the connection.
    func untilClosed() async throws { try await self.channel.closeFuture.outcome() }
}

/// A server that accepts and never says a word.
struct SilentServer {
    let channel: any Channel
    let port: Int

    init() async throws {
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).outcome()
        self.port = try #require(self.channel.localAddress?.port)
    }
}

/// Returns when a condition holds; the time limit of the test is the limit of the wait.
func until(_ condition: () -> Bool) async throws {
    while !condition() {
        try Task.checkCancellation()
        await Task.yield()
    }
}
