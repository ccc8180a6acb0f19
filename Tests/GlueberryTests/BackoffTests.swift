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

@Suite struct BackoffTests {
    private let backoff = Backoff(base: .seconds(1), maximum: .seconds(300), attempts: 10)

    private func sequence(_ jitter: Double) -> [Int64] {
        (1...9).map { backoff.delay(afterFailures: $0, jitter: jitter).nanoseconds }
    }

    @Test func theDelayDoublesFromOneSecondToFiveMinutes() {
        let seconds: [Int64] = [1, 2, 4, 8, 16, 32, 64, 128, 256]
        #expect(sequence(0.5) == seconds.map { $0 * 1_000_000_000 })
        let endless = Backoff(base: .seconds(1), maximum: .seconds(300), attempts: 0)
        #expect(endless.delay(afterFailures: 10, jitter: 0.5) == .seconds(300))
        #expect(endless.delay(afterFailures: 11, jitter: 0.5) == .seconds(300))
    }

    @Test func theJitterIsATenthEachWay() {
        let seconds: [Int64] = [1, 2, 4, 8, 16, 32, 64, 128, 256]
        #expect(sequence(0) == seconds.map { $0 * 900_000_000 })
        #expect(sequence(1) == seconds.map { $0 * 1_100_000_000 })
    }

    @Test func jitterOutOfItsRangeIsTakenAsItsEnd() {
        #expect(sequence(-5) == sequence(0))
        #expect(sequence(7) == sequence(1))
    }

    @Test func afterTheLastReconnectionThereIsNoOther() {
        #expect(backoff.allows(after: 0))
        #expect(backoff.allows(after: 9))
        #expect(!backoff.allows(after: 10))
        #expect(!backoff.allows(after: .max))
    }

    @Test func zeroAttemptsGoOnForEver() {
        let endless = Backoff(base: .seconds(1), maximum: .seconds(300), attempts: 0)
        for failures in [10, 63, 64, 1000, Int.max] {
            #expect(endless.allows(after: failures))
            #expect(endless.delay(afterFailures: failures, jitter: 0.5) == .seconds(300))
        }
    }

    @Test func hugeTimesSaturate() {
        let huge = Backoff(base: .nanoseconds(.max), maximum: .nanoseconds(.max), attempts: 0)
        for failures in [0, 1, 2, 62, Int.max] {
            for jitter in [0, 0.5, 1] {
                let delay = huge.delay(afterFailures: failures, jitter: jitter)
                #expect(delay > .hours(1_000_000))
                #expect(NIODeadline.now() + delay > NIODeadline.now())
            }
        }
        let wide = Backoff(base: .nanoseconds(1), maximum: .nanoseconds(.max), attempts: 0)
        var last = TimeAmount.zero
        for failures in 1...100 {
            let delay = wide.delay(afterFailures: failures, jitter: 0.5)
            #expect(delay >= last)
            last = delay
        }
    }

    @Test func noFailureYetIsTheBaseDelay() {
        #expect(backoff.delay(afterFailures: 0, jitter: 0.5) == .seconds(1))
        #expect(backoff.delay(afterFailures: -3, jitter: 0.5) == .seconds(1))
    }
}
