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
    /// the other half, so frames of any size get through. Then the time since the last grant tells whether the size is
    /// right; see ``WindowTuning``. A window shrinks by credit that is kept back.
    ///
    /// - Parameters:
    ///   - count: Bytes consumed; more than were delivered is taken as all of them.
    ///   - tuning: What decides about the size.
    ///   - limit: The largest size of this window.
    ///   - budget: How much growth the session can still afford.
    ///   - now: The current time.
    /// - Returns: By how much the size has changed if it was time for a grant, or nothing if it is not yet.
    mutating func consumed(
        _ count: Int,
        tuning: WindowTuning,
        limit: UInt32,
        budget: Int,
        now: NIODeadline
    ) -> Int? {
        let taken = min(UInt32(clamping: count), self.unconsumed)
        self.unconsumed -= taken
        self.returnable += taken
        guard taken > 0, self.returnable >= self.size / 2 else { return nil }

        var growth: UInt32 = 0
        var shrinkage: UInt32 = 0
        switch tuning.advice(halfLasted: now - self.lastGrant) {
        case .grow where self.size < limit:
            growth = min(self.size, limit - self.size, UInt32(clamping: budget))
        case .shrink where self.size > UInt32(YamuxConfiguration.initialWindow):
            // No more than half, which is what has gathered.
            shrinkage = min(self.size / 2, self.size - UInt32(YamuxConfiguration.initialWindow))
        case .grow, .shrink, .keep:
            break
        }
        self.owed += self.returnable + growth - shrinkage
        self.returnable = 0
        self.size += growth
        self.size -= shrinkage
        self.lastGrant = now
        return Int(growth) - Int(shrinkage)
    }

    /// Takes the credit that is owed, to be framed.
    mutating func takeOwed() -> UInt32 {
        let delta = self.owed
        self.available += delta
        self.owed = 0
        return delta
    }
}
