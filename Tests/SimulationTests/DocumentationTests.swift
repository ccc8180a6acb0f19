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

import Glueberry
import GlueberryTesting
import Testing

/// The example of the documentation, as it stands there.
///
/// Seed: 1.
@Suite(.ownThreads, .timeLimit(.minutes(2))) struct DocumentationTests {
    @Test func aLostConnectionComesBack() throws {
        let clock = VirtualClock(seed: 1)
        let network = InMemoryNetwork(on: clock, seed: 1)
        let (one, other) = (try network.node(), try network.node())
        let address = try #require(network.address(of: other.peerID))
        try clock.perform {
            try await one.start()
            try await other.start()
            try await one.addPeer(other.peerID, addresses: [address])
            try await one.connect(to: other.peerID)
        }
        network.cut(one.peerID, other.peerID)
        #expect(clock.run(within: .seconds(2)) { one.state(of: other.peerID) == .connected })
        try clock.perform {
            await one.stop()
            await other.stop()
        }
    }
}
