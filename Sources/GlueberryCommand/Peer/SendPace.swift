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

/// When which message of an even stream is due.
struct SendPace {
    /// Messages per second; nil is without a bound.
    let rate: Double?
    let begin: ContinuousClock.Instant

    /// How long to wait before a message, counted from 0; nil if it is due.
    ///
    /// It follows the schedule and not the message before, so that a late one does not delay all that follow.
    func delay(before index: Int, at now: ContinuousClock.Instant) -> Duration? {
        guard let rate = self.rate, rate > 0 else { return nil }
        let due = self.begin + .seconds(Double(index) / rate)
        return due > now ? due - now : nil
    }
}
