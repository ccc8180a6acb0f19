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

import LibP2P

/// Waits for a moment of the calendar's time, so that two processes can do something at once.
enum DialTime {
    /// Before the moment, waiting goes over from sleeping to looking at the clock.
    private static let precision = Duration.milliseconds(3)

    /// Waits until a moment in milliseconds of Unix time, or not at all for nil; false if the task was cancelled.
    static func reached(_ milliseconds: UInt64?) async -> Bool {
        guard let milliseconds else { return !Task.isCancelled }
        while let remaining = self.remaining(until: milliseconds, now: WallClock.nanosecondsSince1970()) {
            if Task.isCancelled { return false }
            if remaining > self.precision {
                // In pieces, because the calendar's clock may be set meanwhile.
                try? await Task.sleep(for: min(remaining - self.precision, .seconds(1)), tolerance: .zero)
            } else {
                await Task.yield()
            }
        }
        return !Task.isCancelled
    }

    /// The time that is left; nil if the moment has come.
    static func remaining(until milliseconds: UInt64, now: UInt64) -> Duration? {
        let (moment, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let due = overflow ? UInt64.max : moment
        return due > now ? .nanoseconds(Int64(clamping: due - now)) : nil
    }
}
