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

import Synchronization

/// What one peer makes this host hold, over all its connections.
///
/// Usable from any thread.
final class PeerUsage: Sendable {
    private let streams = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let limits: HostLimits

    init(limits: HostLimits) {
        self.limits = limits
    }

    /// Streams of this peer that are open to us.
    var streamCount: Int { self.streams.load(ordering: .relaxed) }
    /// Received bytes of this peer that nobody has taken yet.
    var bufferedBytes: Int { self.bytes.load(ordering: .relaxed) }

    /// Counts a stream; false if the limit is reached, in which case nothing is counted.
    func openStream() -> Bool {
        let (_, count) = self.streams.add(1, ordering: .relaxed)
        guard count <= self.limits.streamsPerPeer else {
            self.closeStream()
            return false
        }
        return true
    }

    func closeStream() {
        self.streams.subtract(1, ordering: .relaxed)
    }

    /// Counts received bytes; false if they exceed the limit.
    ///
    /// They are counted in either case and are to be released.
    func hold(bytes count: Int) -> Bool {
        let (_, held) = self.bytes.add(count, ordering: .relaxed)
        return held <= self.limits.bufferedBytesPerPeer
    }

    func release(bytes count: Int) {
        guard count > 0 else { return }
        self.bytes.subtract(count, ordering: .relaxed)
    }
}
