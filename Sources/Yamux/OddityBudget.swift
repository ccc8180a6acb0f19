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

/// Counts what a peer sends in vain against a budget that time and useful traffic refill.
///
/// Kept in thousandths of an oddity, so that short times and few bytes are not lost in rounding. Time is passed in.
struct OddityBudget: Sendable {
    private static let unit: UInt64 = 1000

    private let capacity: UInt64
    private let regainedPerSecond: UInt64
    private let usefulBytesPerOddity: UInt64
    private var left: UInt64
    private var usefulBytes: UInt64 = 0
    private var refilledAt: NIODeadline

    init(_ limits: YamuxOddityBudget, now: NIODeadline) {
        // Bounded so that no product below can leave 64 bits.
        self.capacity = UInt64(min(max(limits.capacity, 0), 1 << 30)) * Self.unit
        self.regainedPerSecond = UInt64(min(max(limits.regainedPerSecond, 0), 1 << 20))
        self.usefulBytesPerOddity = UInt64(max(limits.usefulBytesPerOddity, 1))
        self.left = self.capacity
        self.refilledAt = now
    }

    /// Notes stream data, sent or received; it is turned into budget at the next spending.
    mutating func note(usefulBytes: Int) {
        let (sum, overflow) = self.usefulBytes.addingReportingOverflow(UInt64(max(usefulBytes, 0)))
        self.usefulBytes = overflow ? .max : sum
    }

    /// Spends from the budget.
    ///
    /// - Returns: Whether there was enough; if not, the budget is empty afterwards.
    mutating func spend(_ oddities: Int = 1, now: NIODeadline) -> Bool {
        self.refill(now: now)
        let cost = UInt64(clamping: min(max(Int64(oddities), 0), 1 << 40)) * Self.unit
        guard cost <= self.left else {
            self.left = 0
            return false
        }
        self.left -= cost
        return true
    }

    private mutating func refill(now: NIODeadline) {
        let earned = self.usefulBytes / self.usefulBytesPerOddity
        self.usefulBytes %= self.usefulBytesPerOddity
        self.add(min(earned, 1 << 30) * Self.unit)

        let elapsed = (now - self.refilledAt).nanoseconds
        guard elapsed > 0 else { return }
        // A day refills any budget; the cap keeps the product below within 64 bits.
        let milliseconds = min(UInt64(elapsed) / 1_000_000, 86_400_000)
        guard milliseconds > 0 else { return }
        self.refilledAt = now
        self.add(milliseconds * self.regainedPerSecond)
    }

    private mutating func add(_ amount: UInt64) {
        // Both are below 2^51.
        self.left = min(self.capacity, self.left + amount)
    }
}
