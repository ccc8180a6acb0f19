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

/// What has been received, counted.
struct MessageTally {
    private(set) var messages = 0
    private(set) var bytes = 0
    private var first: ContinuousClock.Instant?
    private var last: ContinuousClock.Instant?

    /// Counts a message.
    mutating func take(bytes: Int, at now: ContinuousClock.Instant) {
        self.messages += 1
        self.bytes += bytes
        if self.first == nil { self.first = now }
        self.last = now
    }

    /// From the first message to the last, in seconds.
    var span: Double {
        guard let first = self.first, let last = self.last else { return 0 }
        return (last - first).inSeconds
    }
}
