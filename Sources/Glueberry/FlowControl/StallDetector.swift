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

/// Tells, as a value, whether anybody still reads a queue in which something waits.
struct StallDetector {
    private var takes: UInt64
    private var undelivered: Int
    private var since: NIODeadline
    private var isReported = false

    init(_ pending: InboundQueue.Pending, now: NIODeadline) {
        self.takes = pending.takes
        self.undelivered = pending.undelivered
        self.since = now
    }

    /// Looks at the queue again; true, once, when nothing has been read for so long.
    mutating func look(_ pending: InboundQueue.Pending, now: NIODeadline, timeout: TimeAmount) -> Bool {
        guard pending.takes == self.takes, pending.undelivered == self.undelivered else {
            self = StallDetector(pending, now: now)
            return false
        }
        guard !self.isReported, now - self.since >= timeout else { return false }
        self.isReported = true
        return true
    }
}
