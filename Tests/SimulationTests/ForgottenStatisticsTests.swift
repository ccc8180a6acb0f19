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

import GlueberryTesting
import NIOCore
import Testing

@testable import Glueberry

/// Statistics of peers that are away are forgotten by a timer of the node.
@Suite(.ownThreads, .timeLimit(.minutes(5))) struct ForgottenStatisticsTests {
    @Test func aPeerThatWasAwayForADayIsForgottenAndAConnectedOneIsNot() throws {
        let world = World(seed: 1)
        let node = try world.node()
        let (connected, away) = (try world.node(), try world.node())
        try world.establish(node, connected)
        try world.establish(node, away)
        try world.clock.perform { await node.disconnect(from: away.peerID) }
        world.clock.advance(by: .seconds(23 * 3600))
        #expect(node.statistics(of: away.peerID)?.connections.sessions == 1)
        world.clock.advance(by: .seconds(3 * 3600))
        #expect(node.statistics(of: away.peerID) == nil)
        let statistics = try #require(node.statistics(of: connected.peerID))
        #expect(statistics.totalConnectedTime > .seconds(26 * 3600))
        try world.finish()
    }
}
