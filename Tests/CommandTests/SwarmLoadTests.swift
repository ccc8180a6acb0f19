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

import Testing

@testable import GlueberryCommand

@Suite struct SwarmLoadTests {
    @Test(arguments: [(1, 7), (3, 7), (7, 7), (10, 7), (3, 0), (1000, 2_000_000)])
    func theSharesAddUpToAllAndDifferByOneAtMost(nodes: Int, total: Int) throws {
        let shares = (0..<nodes).map { SwarmLoad.share(of: $0, among: nodes, total) }
        #expect(shares.reduce(0, +) == total)
        #expect(try #require(shares.max()) - #require(shares.min()) <= 1)
    }
}
