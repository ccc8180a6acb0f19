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

/// How much we may still send on a stream.
struct SendWindow: Hashable, Sendable {
    /// Bytes that may be framed now.
    private(set) var available: UInt32

    /// Bytes that were framed and that the peer has not given back.
    private var outstanding: UInt64 = 0

    init(available: UInt32) {
        self.available = available
    }

    /// What a grant of the peer came to.
    enum Grant: Hashable, Sendable {
        /// It gives back what we sent.
        case returned
        /// It gives more than we sent: growth of the window, or nothing useful if it happens often.
        case enlarged
        /// The window would leave 32 bits.
        case overflow
    }

    mutating func grant(_ delta: UInt32) -> Grant {
        let (sum, overflow) = self.available.addingReportingOverflow(delta)
        guard !overflow else { return .overflow }
        self.available = sum
        guard UInt64(delta) <= self.outstanding else {
            self.outstanding = 0
            return .enlarged
        }
        self.outstanding -= UInt64(delta)
        return .returned
    }

    /// Takes bytes out of the window; never more than there are.
    mutating func take(_ count: UInt32) {
        let taken = min(count, self.available)
        self.available -= taken
        // Below 2^64 for any stream that could be sent in the life of a machine; wrapping would only cost accuracy.
        self.outstanding &+= UInt64(taken)
    }
}
