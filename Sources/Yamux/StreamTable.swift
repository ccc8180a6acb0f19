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
import NIOCore

/// One stream: its state, its queue of data, and what is owed to the peer on it.
struct MultiplexedStream: Sendable {
    let id: UInt32
    let isInbound: Bool
    var machine: StreamStateMachine

    /// Data given to `write` and not yet framed, with its size.
    var queue = Deque<ByteBuffer>()
    var queuedBytes = 0

    /// Flags that the next window update on this stream carries: SYN or ACK.
    var owedFlags: FrameFlags

    /// Where its data stands among that of other streams.
    var priority = YamuxStreamPriority()

    /// When its next frame begins, in the virtual time of those of its urgency; see ``FairQueue``.
    var virtualStart: UInt64 = 0

    /// What this stream has of the session's budget for larger windows.
    var windowGrowth = 0

    /// Bytes framed and not yet reported as written.
    var unreportedBytes = 0

    /// Whether the ID stands in the scheduler's queue of that name.
    var isInControlQueue = false
    var isInDataQueue = false
    var isInReportQueue = false

    /// Notes that a frame of so many bytes, of 16 MiB at most, was sent.
    mutating func charge(_ bytes: Int) {
        // Saturated after 72 petabytes, whereupon those of the same urgency take turns.
        let weight = UInt64(self.priority.effectiveWeight)
        let (start, overflow) = self.virtualStart.addingReportingOverflow(UInt64(bytes) * 256 / weight)
        self.virtualStart = overflow ? .max : start
    }

    /// Whether a data frame, or the FIN, could go out now.
    var isReadyToSend: Bool {
        self.queuedBytes > 0 ? self.machine.sendable > 0 : self.machine.owesFinish
    }
}

/// The streams of a session, found by ID.
///
/// Streams sit in slots that are reused, so that they are changed in place, and the last one asked for is remembered:
/// frames mostly come in runs of one stream.
struct StreamTable: Sendable {
    private var slots: [MultiplexedStream] = []
    private var freeSlots: [Int] = []
    private var slotsByID: [UInt32: Int] = [:]
    private var lastID: UInt32 = 0
    private var lastSlot = 0

    private(set) var inboundCount = 0
    /// How many streams there are of each urgency.
    private var counts = [Int](repeating: 0, count: YamuxStreamPriority.Urgency.allCases.count)

    var count: Int { self.slotsByID.count }

    /// The slot of a stream, valid until the next insertion or removal.
    mutating func slot(of id: UInt32) -> Int? {
        // ID 0 is no stream's, so the initial value matches nothing.
        if id == self.lastID, id != 0 { return self.lastSlot }
        guard let slot = self.slotsByID[id] else { return nil }
        self.lastID = id
        self.lastSlot = slot
        return slot
    }

    /// Looks a stream up without remembering it.
    func stream(_ id: UInt32) -> MultiplexedStream? {
        self.slotsByID[id].map { self.slots[$0] }
    }

    /// The stream in a slot that ``slot(of:)`` or ``insert(_:)`` has given.
    subscript(slot: Int) -> MultiplexedStream {
        _read { yield self.slots[slot] }
        _modify { yield &self.slots[slot] }
    }

    /// The IDs of all streams, in no order.
    var ids: some Collection<UInt32> { self.slotsByID.keys }

    /// Whether a stream is open that is more urgent than one of `urgency`.
    func containsMoreUrgent(than urgency: YamuxStreamPriority.Urgency) -> Bool {
        for higher in (urgency.rawValue + 1)..<self.counts.count where self.counts[higher] > 0 { return true }
        return false
    }

    /// Notes that a stream was given another priority.
    mutating func countMoved(from old: YamuxStreamPriority.Urgency, to new: YamuxStreamPriority.Urgency) {
        self.counts[old.rawValue] -= 1
        self.counts[new.rawValue] += 1
    }

    mutating func insert(_ stream: MultiplexedStream) -> Int {
        let slot: Int
        if let free = self.freeSlots.popLast() {
            slot = free
            self.slots[slot] = stream
        } else {
            slot = self.slots.count
            self.slots.append(stream)
        }
        self.slotsByID[stream.id] = slot
        if stream.isInbound { self.inboundCount += 1 }
        self.counts[stream.priority.urgency.rawValue] += 1
        self.lastID = stream.id
        self.lastSlot = slot
        return slot
    }

    mutating func remove(slot: Int) {
        let stream = self.slots[slot]
        guard self.slotsByID.removeValue(forKey: stream.id) != nil else { return }
        if stream.isInbound { self.inboundCount -= 1 }
        self.counts[stream.priority.urgency.rawValue] -= 1
        if self.lastID == stream.id { self.lastID = 0 }
        // The slot must not keep the queue's memory.
        self.slots[slot].queue = Deque()
        self.slots[slot].queuedBytes = 0
        self.freeSlots.append(slot)
    }

    mutating func removeAll() {
        self = StreamTable()
    }
}
