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
import Yamux

/// What one peer makes this host hold, over all its connections.
///
/// Usable from any thread.
final class PeerUsage: Sendable {
    private let streams = Atomic<Int>(0)
    private let windows = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let growth = Atomic<Int>(0)
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

    /// Counts an open stream of either side: the peer may fill its initial window.
    func openWindow() { self.windows.add(1, ordering: .relaxed) }

    func closeWindow() { self.windows.subtract(1, ordering: .relaxed) }

    /// Takes all that windows of the peer may still grow by beyond their initial size, over all its connections; what is
    /// not used is to be released at once.
    func reserveGrowth() -> Int {
        var granted = self.growth.load(ordering: .relaxed)
        while true {
            let room = max(self.limits.bufferedBytesPerPeer - granted, 0)
            guard room > 0 else { return 0 }
            let (exchanged, original) = self.growth.weakCompareExchange(
                expected: granted, desired: granted + room, ordering: .relaxed)
            if exchanged { return room }
            granted = original
        }
    }

    func releaseGrowth(_ count: Int) {
        guard count > 0 else { return }
        self.growth.subtract(count, ordering: .relaxed)
    }

    /// Counts received bytes; false if they exceed the limit.
    ///
    /// What the peer was granted is never beyond it: the initial windows of its open streams count in addition, and all
    /// that windows grow by comes out of the limit. What exceeds it comes of streams that were ended unread.
    ///
    /// The bytes are counted in either case and are to be released.
    func hold(bytes count: Int) -> Bool {
        let (_, held) = self.bytes.add(count, ordering: .relaxed)
        return held <= self.limits.bufferedBytesPerPeer
            + max(self.windows.load(ordering: .relaxed), 0) * YamuxConfiguration.initialWindow
    }

    func release(bytes count: Int) {
        guard count > 0 else { return }
        self.bytes.subtract(count, ordering: .relaxed)
    }
}
