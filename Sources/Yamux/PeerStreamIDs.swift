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

import DequeModule

/// Which stream IDs the peer has used.
///
/// An ID is used once. Peers open in ascending order, but one whose threads open streams side by side may send a higher
/// ID before a lower one, so the IDs that were jumped over are remembered, as ranges, and may still be opened. Their
/// number is bounded: when there are too many ranges the oldest is forgotten, and its IDs then count as used.
struct PeerStreamIDs: Sendable {
    private static let maximumRanges = 256

    /// The lowest ID above all that were seen; nothing once the last was used.
    private var next: UInt32?

    /// Ascending; both ends belong to the range and have the peer's parity.
    private var skipped = Deque<ClosedRange<UInt32>>()

    /// - Parameter first: The peer's first ID: 1 for a client, 2 for a server.
    init(first: UInt32) {
        self.next = first
    }

    /// Marks an ID of the peer's parity as used.
    ///
    /// - Returns: Whether it was free; if not, nothing has changed.
    mutating func use(_ id: UInt32) -> Bool {
        if let next = self.next, id >= next {
            if id > next {
                // `id` has the parity of `next`, so it is at least 2 above.
                if self.skipped.count == Self.maximumRanges {
                    self.skipped.removeFirst()
                }
                self.skipped.append(next...(id - 2))
            }
            let (following, overflow) = id.addingReportingOverflow(2)
            self.next = overflow ? nil : following
            return true
        }
        guard let index = self.skipped.lastIndex(where: { $0.contains(id) }) else { return false }
        let range = self.skipped.remove(at: index)
        // Inserted from the back, so that the same index serves both.
        if id < range.upperBound {
            self.skipped.insert((id + 2)...range.upperBound, at: index)
        }
        if id > range.lowerBound {
            self.skipped.insert(range.lowerBound...(id - 2), at: index)
        }
        if self.skipped.count > Self.maximumRanges {
            self.skipped.removeFirst()
        }
        return true
    }

    /// Whether the peer has used an ID of its parity, as far as is remembered.
    func isUsed(_ id: UInt32) -> Bool {
        if let next = self.next, id >= next { return false }
        return !self.skipped.contains { $0.contains(id) }
    }
}
