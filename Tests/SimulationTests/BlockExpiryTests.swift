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

/// A block for a time ends by the node's own timer, and the peer is dialled again.
@Suite(.ownThreads, .timeLimit(.minutes(2))) struct BlockExpiryTests {
    @Test func aBlockForAnHourEndsInANewSessionAfterAnHourAndNoSooner() throws {
        let world = World(seed: 1)
        let (blocker, blocked) = (try world.node(), try world.node())
        try world.establish(blocker, blocked)
        try world.clock.perform { try await blocker.blacklist(blocked.peerID, for: .seconds(3600)) }
        world.clock.advance(by: .seconds(3590))
        #expect(try world.clock.perform { await blocker.blacklisted.count } == 1)
        #expect(blocker.state(of: blocked.peerID) == .disconnected)
        world.clock.advance(by: .seconds(60))
        #expect(try world.clock.perform { await blocker.blacklisted.isEmpty })
        #expect(blocker.state(of: blocked.peerID) == .established)
        try world.finish()
    }
}
