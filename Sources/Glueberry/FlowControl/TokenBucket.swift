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

/// A token bucket, as a value: it fills at a steady rate up to its capacity, and whatever passes takes tokens out.
struct TokenBucket {
    /// Tokens per nanosecond.
    private let rate: Double
    private let capacity: Double
    private var tokens: Double
    private var filled: NIODeadline

    /// Creates a full bucket.
    init(tokens: Double, per interval: TimeAmount, capacity: Int, now: NIODeadline) {
        self.rate = tokens / Double(max(1, interval.nanoseconds))
        self.capacity = Double(capacity)
        self.tokens = Double(capacity)
        self.filled = now
    }

    /// Takes tokens out if they are there; else returns how long until they are.
    ///
    /// What costs more than the whole bucket passes when the bucket is full, and leaves a debt.
    mutating func take(_ cost: Int, now: NIODeadline) -> TimeAmount? {
        self.fill(now)
        let needed = min(Double(cost), self.capacity)
        // Sums of fractions miss a whole number by a little.
        guard self.tokens + 1e-6 < needed else {
            self.tokens -= Double(cost)
            return nil
        }
        let wait = ((needed - self.tokens) / self.rate).rounded(.up)
        return .nanoseconds(wait < Double(Int64.max / 4) ? max(1, Int64(wait)) : .max / 4)
    }

    /// Puts tokens back that were taken for nothing.
    mutating func giveBack(_ cost: Int) { self.tokens = min(self.capacity, self.tokens + Double(cost)) }

    private mutating func fill(_ now: NIODeadline) {
        guard now > self.filled else { return }
        self.tokens = min(self.capacity, self.tokens + Double((now - self.filled).nanoseconds) * self.rate)
        self.filled = now
    }
}
