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

/// Whether a receive window should be larger or smaller.
///
/// A window is large enough when half of it lasts for a round trip: while the credit for one half is on its way, the peer
/// sends the other. Two cases differ in what "enough" is worth:
///
/// - As a rule throughput is what counts, and windows grow early: while half of one lasts for less than four round trips,
///   as they are measured now. What waits in a window that is too large delays nobody who is in a hurry.
/// - While a more urgent stream is open, each byte in flight is one that something urgent may wait behind. The round trip
///   that counts is then the one of a way on which nothing waits, a window grows only while half of it lasts for less than
///   that, and one of which half lasts four times as long is halved.
struct WindowTuning: Sendable {
    enum Advice: Sendable {
        case keep
        case grow
        case shrink
    }

    /// As measured, smoothed; without one nothing grows.
    var roundTripTime: TimeAmount?
    /// The one of a way on which nothing waits.
    var unloadedRoundTripTime: TimeAmount?
    /// Whether a more urgent stream is open.
    var isYielding: Bool

    func advice(halfLasted time: TimeAmount) -> Advice {
        if self.isYielding {
            guard let trip = self.unloadedRoundTripTime else { return .keep }
            if time < trip { return .grow }
            return time.nanoseconds / 4 >= trip.nanoseconds ? .shrink : .keep
        }
        guard let trip = self.roundTripTime else { return .keep }
        return time.nanoseconds / 4 < trip.nanoseconds ? .grow : .keep
    }
}
