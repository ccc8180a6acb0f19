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

/// How much the peer may still send on a stream, and what of it was consumed.
///
/// At any time `available`, what is under way in the current frame, `unconsumed`, `returnable` and `owed` add up to `size`,
/// so no sum in here can leave 32 bits. Credit counts as the peer's only when it is framed: one that never reads cannot
/// use it. What was granted is never taken back.
struct ReceiveWindow: Hashable, Sendable {
    /// All that may be with us, or under way to us, at a time.
    private(set) var size: UInt32

    /// Bytes that the peer may still announce in data frames.
    private(set) var available: UInt32

    /// Bytes delivered and not yet consumed.
    private(set) var unconsumed: UInt32 = 0

    /// Bytes consumed and not yet given back to the peer.
    private var returnable: UInt32 = 0

    /// Credit that waits to be framed.
    private(set) var owed: UInt32 = 0

    private var lastGrant: NIODeadline

    init(now: NIODeadline) {
        self.size = UInt32(YamuxConfiguration.initialWindow)
        self.available = self.size
        self.lastGrant = now
    }

    /// Takes the payload of a frame out of the window.
    ///
    /// - Returns: Whether the window had room for it; if not, nothing has changed.
    mutating func accept(_ length: UInt32) -> Bool {
        guard length <= self.available else { return false }
        self.available -= length
        return true
    }

    mutating func delivered(_ count: UInt32) {
        self.unconsumed += min(count, self.size - self.unconsumed)
    }

    /// Notes that the consumer is done with some bytes.
    ///
    /// Credit goes back when half of the window has gathered: while the consumer keeps up, the peer always has at least
    /// the other half, so frames of any size get through. If the half was gone in less than two round trips, the window
    /// may be what holds the peer up, and it is doubled: it comes to rest at two to four times what the way holds, and what
    /// is urgent does not wait behind more.
    ///
    /// - Parameters:
    ///   - count: Bytes consumed; more than were delivered is taken as all of them.
    ///   - roundTripTime: The one of a way on which nothing waits, if known; without it there is no growth.
    ///   - limit: The largest size of this window.
    ///   - budget: How much growth the session can still afford.
    ///   - now: The current time.
    /// - Returns: How much the window has grown if credit is owed now, or nothing if it is not yet time.
    mutating func consumed(
        _ count: Int,
        roundTripTime: TimeAmount?,
        limit: UInt32,
        budget: Int,
        now: NIODeadline
    ) -> UInt32? {
        let taken = min(UInt32(clamping: count), self.unconsumed)
        self.unconsumed -= taken
        self.returnable += taken
        guard taken > 0, self.returnable >= self.size / 2 else { return nil }

        var growth: UInt32 = 0
        if let roundTripTime, self.size < limit {
            let (twoTrips, overflow) = roundTripTime.nanoseconds.multipliedReportingOverflow(by: 2)
            if overflow || (now - self.lastGrant).nanoseconds < twoTrips {
                growth = min(self.size, limit - self.size, UInt32(clamping: budget))
            }
        }
        self.owed += self.returnable + growth
        self.returnable = 0
        self.size += growth
        self.lastGrant = now
        return growth
    }

    /// Takes the credit that is owed, to be framed.
    mutating func takeOwed() -> UInt32 {
        let delta = self.owed
        self.available += delta
        self.owed = 0
        return delta
    }
}
