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

/// A TCP port that takes connections and never says a word.
final class SilentListener: Sendable {
    private let channel: any Channel
    let address: Multiaddr

    init() async throws {
        self.channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = UInt16(self.channel.localAddress?.port ?? 0)
        self.address = try Multiaddr(ipAddress: "127.0.0.1", tcpPort: port)
    }

    func close() async throws { try await self.channel.close().get() }
}
