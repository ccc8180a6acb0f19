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

/// Exact percentiles of a set of numbers: the smallest number that so many percent of them do not exceed.
struct Percentiles {
    private let sorted: [Int64]

    init(_ values: [Int64]) { self.sorted = values.sorted() }

    /// The number at a percentage from 0 to 100; 0 when there are none.
    func value(_ percent: Int) -> Int64 {
        guard !self.sorted.isEmpty else { return 0 }
        let rank = (min(max(percent, 0), 100) * self.sorted.count + 99) / 100
        return self.sorted[max(rank, 1) - 1]
    }

    /// The greatest number; 0 when there are none.
    var maximum: Int64 { self.sorted.last ?? 0 }
}
