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

import NIOCore
import Testing

@testable import Yamux

@Suite struct OddityBudgetTests {
    private func limits() -> YamuxOddityBudget {
        var limits = YamuxOddityBudget()
        limits.capacity = 10
        limits.regainedPerSecond = 2
        limits.usefulBytesPerOddity = 100
        return limits
    }

    /// How much may be spent one by one.
    private func left(_ budget: OddityBudget, now: NIODeadline) -> Int {
        var budget = budget
        var count = 0
        while budget.spend(now: now) { count += 1 }
        return count
    }

    @Test func isSpentToTheEndAndNoFurther() {
        let budget = OddityBudget(self.limits(), now: .distantPast)
        #expect(self.left(budget, now: .distantPast) == 10)
    }

    @Test func timeRefillsItUpToItsSize() {
        var budget = OddityBudget(self.limits(), now: .distantPast)
        #expect(budget.spend(10, now: .distantPast) == true)
        #expect(self.left(budget, now: .at(.milliseconds(499))) == 0)
        #expect(self.left(budget, now: .at(.milliseconds(500))) == 1)
        #expect(self.left(budget, now: .at(.seconds(3))) == 6)
        #expect(self.left(budget, now: .distantFuture) == 10)
    }

    @Test func manyShortTimesAddUp() {
        var budget = OddityBudget(self.limits(), now: .distantPast)
        #expect(budget.spend(10, now: .distantPast) == true)
        for step in 1...1000 as ClosedRange<Int64> {
            _ = budget.spend(0, now: .at(.milliseconds(step)))
        }
        #expect(self.left(budget, now: .at(.seconds(1))) == 2)
    }

    @Test func timeThatGoesBackIsIgnored() {
        var budget = OddityBudget(self.limits(), now: .at(.seconds(10)))
        #expect(budget.spend(10, now: .at(.seconds(1))) == true)
        #expect(self.left(budget, now: .at(.seconds(10))) == 0)
    }

    @Test func usefulBytesRefillIt() {
        var budget = OddityBudget(self.limits(), now: .distantPast)
        #expect(budget.spend(10, now: .distantPast) == true)
        budget.note(usefulBytes: 99)
        #expect(self.left(budget, now: .distantPast) == 0)
        for _ in 0..<4 { budget.note(usefulBytes: 99) }
        #expect(self.left(budget, now: .distantPast) == 4)
        budget.note(usefulBytes: .max)
        budget.note(usefulBytes: .max)
        budget.note(usefulBytes: .max)
        #expect(self.left(budget, now: .distantPast) == 10)
    }

    @Test func tooLargeACostEmptiesIt() {
        var budget = OddityBudget(self.limits(), now: .distantPast)
        #expect(budget.spend(.max, now: .distantPast) == false)
        #expect(budget.spend(now: .distantPast) == false)
    }
}
