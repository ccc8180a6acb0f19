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

import HeapModule

/// The streams of one urgency that could send, in the order of their next frames: start-time fair queueing (Goyal, Vin
/// and Cheng, 1996).
///
/// Each stream has a virtual time at which its next frame begins; a frame moves it on by its bytes divided by the stream's
/// weight. The least goes first, and a stream that comes anew begins no earlier than the frame that was taken last. So
/// shares are shares of bytes, frames are interleaved however unequal the weights, and a stream that sends little waits
/// for no more than one frame of each other one.
struct FairQueue: Sendable {
    private struct Turn: Comparable, Sendable {
        var start: UInt64
        /// Who came first, among those that start at the same time.
        var order: UInt64
        var id: UInt32

        static func < (left: Turn, right: Turn) -> Bool {
            left.start == right.start ? left.order < right.order : left.start < right.start
        }
    }

    private var turns = Heap<Turn>()
    /// When the frame that was taken last began.
    private var virtualTime: UInt64 = 0
    private var nextOrder: UInt64 = 0

    /// Frames of more urgent streams since one of these was taken, or since the queue was empty.
    var passedOver = 0

    var isEmpty: Bool { self.turns.isEmpty }

    var count: Int { self.turns.count }

    mutating func insert(_ stream: inout MultiplexedStream) {
        stream.virtualStart = max(stream.virtualStart, self.virtualTime)
        self.turns.insert(Turn(start: stream.virtualStart, order: self.nextOrder, id: stream.id))
        self.nextOrder &+= 1
    }

    mutating func popFirst() -> UInt32? {
        guard let turn = self.turns.popMin() else { return nil }
        self.virtualTime = turn.start
        return turn.id
    }

    mutating func remove(_ id: UInt32) {
        self.turns.removeAll { $0.id == id }
        if self.turns.isEmpty { self.passedOver = 0 }
    }
}
