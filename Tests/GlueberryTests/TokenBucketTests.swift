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

@testable import Glueberry

@Suite struct TokenBucketTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func itLetsABurstPassAndThenOneAfterTheOther() {
        var bucket = TokenBucket(tokens: 10, per: .seconds(1), capacity: 3, now: start)
        for _ in 0..<3 { #expect(bucket.take(1, now: start) == nil) }
        #expect(bucket.take(1, now: start) == .milliseconds(100))
        #expect(bucket.take(1, now: start + .milliseconds(60)) == .milliseconds(40))
        #expect(bucket.take(1, now: start + .milliseconds(100)) == nil)
        #expect(bucket.take(1, now: start + .milliseconds(100)) == .milliseconds(100))
    }

    @Test func itNeverHoldsMoreThanItsCapacity() {
        var bucket = TokenBucket(tokens: 10, per: .seconds(1), capacity: 3, now: start)
        let later = start + .hours(1)
        for _ in 0..<3 { #expect(bucket.take(1, now: later) == nil) }
        #expect(bucket.take(1, now: later) != nil)
        bucket.giveBack(100)
        for _ in 0..<3 { #expect(bucket.take(1, now: later) == nil) }
        #expect(bucket.take(1, now: later) != nil)
    }

    @Test func whatCostsMoreThanTheBucketHoldsPassesWhenItIsFullAndLeavesADebt() {
        var bucket = TokenBucket(tokens: 100, per: .seconds(1), capacity: 10, now: start)
        #expect(bucket.take(50, now: start) == nil)
        #expect(bucket.take(1, now: start) == .milliseconds(410), "forty of debt, and one")
        #expect(bucket.take(50, now: start + .milliseconds(490)) == .milliseconds(10))
        #expect(bucket.take(50, now: start + .milliseconds(500)) == nil)
    }

    @Test func overALongTimeTheRateIsExact() {
        var bucket = TokenBucket(tokens: 7, per: .seconds(1), capacity: 1, now: start)
        var now = start
        var passed = 0
        while now < start + .seconds(60) {
            if let wait = bucket.take(1, now: now) { now = now + wait } else { passed += 1 }
        }
        #expect((419...421).contains(passed))
    }

    @Test func aClockThatStandsStillOrGoesBackGivesNothing() {
        var bucket = TokenBucket(tokens: 1, per: .seconds(1), capacity: 1, now: start)
        #expect(bucket.take(1, now: start) == nil)
        #expect(bucket.take(1, now: start - .milliseconds(500)) == .seconds(1))
    }
}
