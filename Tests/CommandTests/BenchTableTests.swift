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

@Suite struct BenchTableTests {
    private var table: BenchTable {
        var table = BenchTable(
            "oneway", "One way",
            [.init("size", "bytes"), .init("cpu_us", "CPU µs", decimals: 2), .init("lost", "lost")])
        table.add([64, 1.25, 0])
        table.add([921_600, 1600, 12])
        return table
    }

    @Test func columnsAreAlignedToTheRight() {
        #expect(
            self.table.text == [
                "One way", "   bytes   CPU µs  lost", "      64     1.25     0", "  921600  1600.00    12",
            ])
    }

    @Test func rowsAreObjectsInJSON() {
        #expect(
            self.table.json
                == #"[{"size":64,"cpu_us":1.25,"lost":0},{"size":921600,"cpu_us":1600.00,"lost":12}]"#)
    }

    @Test func theLoopbackConnectionCarriesBytesAndAnswers() async throws {
        #expect(try await LoopbackLimit.roundTrips(100).count == 100)
        #expect(try await LoopbackLimit.channelRoundTrips(100).count == 100)
    }
}
