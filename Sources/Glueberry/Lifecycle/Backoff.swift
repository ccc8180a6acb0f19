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

package import NIOCore

/// How long to wait before the next try to reach a peer: the base delay, doubled with every failure up to a maximum, and
/// scattered a little so that many nodes do not try at the same moment.
package struct Backoff: Sendable {
    var base: TimeAmount
    var maximum: TimeAmount
    /// Reconnections before giving up; 0 goes on for ever.
    var attempts: Int

    /// Creates delays that begin with the base, and end with the number of attempts.
    package init(base: TimeAmount, maximum: TimeAmount, attempts: Int) {
        self.base = base
        self.maximum = maximum
        self.attempts = attempts
    }

    /// Whether another reconnection may follow so many.
    func allows(after reconnections: Int) -> Bool { self.attempts == 0 || reconnections < self.attempts }

    /// The delay before the try that follows so many failures.
    ///
    /// `jitter` is from 0 to 1.
    func delay(afterFailures failures: Int, jitter: Double) -> TimeAmount {
        var delay = max(self.base.nanoseconds, 1)
        for _ in 0..<min(max(failures - 1, 0), 62) {
            let (doubled, overflow) = delay.multipliedReportingOverflow(by: 2)
            guard !overflow, doubled < self.maximum.nanoseconds else {
                delay = self.maximum.nanoseconds
                break
            }
            delay = doubled
        }
        let scattered = Double(min(delay, self.maximum.nanoseconds)) * (0.9 + 0.2 * min(max(jitter, 0), 1))
        return .nanoseconds(Int64(min(scattered, Double(Int64.max / 2))))
    }
}
