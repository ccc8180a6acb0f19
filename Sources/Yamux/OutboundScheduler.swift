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

/// What waits to be sent, and in which order it goes.
///
/// Control frames go first: GoAway of a failed session alone, else the ping reply, our ping, resets, window updates (with
/// SYN and ACK), GoAway. Data follows: of the most urgent streams first, shared among streams of one urgency by weight (see
/// ``FairQueue``), and a stream's FIN behind its data. Lower urgencies are not starved: when sixteen frames have passed
/// over the streams of an urgency, one of them has the next. While streams compete their frames are small, so that none
/// waits long for another's.
///
/// Everything is bounded. One ping reply is held: a newer request takes the place of one that is still waiting, since a
/// peer that measures looks for its latest, and one that floods without reading costs four bytes. Window updates gather
/// in their stream. Resets are at most one per stream and limited in number.
struct OutboundScheduler: Sendable {
    fileprivate enum GoAway: Sendable {
        case none
        case queued(code: UInt32)
        case written
    }

    /// The frames that a stream may have to wait for because others are more urgent.
    private static let maximumPassedOver = 16
    /// The most payload, in bytes, of a frame while other streams wait.
    private static let sharedFramePayload = 16 * 1024

    private let framePayloadLimit: Int
    private let maximumResets: Int

    private var goAway = GoAway.none
    private var pingReply: UInt32?
    private var ping: UInt32?
    private var resets = Deque<(id: UInt32, code: UInt32)>()
    /// Streams that owe a window update.
    private var control = Deque<UInt32>()
    /// Streams that could send, by their urgency.
    private var data = [FairQueue](repeating: FairQueue(), count: YamuxStreamPriority.Urgency.allCases.count)

    init(_ configuration: YamuxConfiguration) {
        self.framePayloadLimit = configuration.framePayloadLimit
        self.maximumResets = max(configuration.maximumBufferedResets, 1)
    }

    var hasOutput: Bool {
        self.hasData || !self.control.isEmpty || self.pingReply != nil || self.ping != nil
            || !self.resets.isEmpty || self.isGoAwayQueued
    }

    private var hasData: Bool {
        // By index: to look at an element through a closure would retain its storage, for every frame.
        for urgency in self.data.indices where !self.data[urgency].isEmpty { return true }
        return false
    }

    /// How many streams wait to send data.
    var waitingStreams: Int {
        self.data.reduce(0) { $0 + $1.count }
    }

    private var isGoAwayQueued: Bool {
        if case .queued = self.goAway { return true }
        return false
    }

    // MARK: Queueing

    /// Queues a GoAway; the session sends one at most.
    mutating func queueGoAway(code: UInt32) {
        guard case .none = self.goAway else { return }
        self.goAway = .queued(code: code)
    }

    /// Drops all but a GoAway with this code, unless one is already out.
    mutating func failed(code: UInt32) {
        self.pingReply = nil
        self.ping = nil
        self.resets = Deque()
        self.control = Deque()
        for urgency in self.data.indices { self.data[urgency] = FairQueue() }
        switch self.goAway {
        case .none, .queued:
            self.goAway = .queued(code: code)
        case .written:
            break
        }
    }

    mutating func queuePingReply(value: UInt32) {
        self.pingReply = value
    }

    mutating func queuePing(value: UInt32) {
        self.ping = value
    }

    /// - Returns: Whether there was room.
    mutating func queueReset(id: UInt32, code: UInt32) -> Bool {
        guard self.resets.count < self.maximumResets else { return false }
        self.resets.append((id, code))
        return true
    }

    /// To be called when a stream has come to owe a window update.
    mutating func queueControl(for stream: inout MultiplexedStream) {
        guard !stream.isInControlQueue else { return }
        stream.isInControlQueue = true
        self.control.append(stream.id)
    }

    /// To be called when a stream may have become ready to send.
    mutating func queueDataIfReady(for stream: inout MultiplexedStream) {
        guard !stream.isInDataQueue, stream.isReadyToSend else { return }
        stream.isInDataQueue = true
        self.data[stream.priority.urgency.rawValue].insert(&stream)
    }

    /// Gives a stream another priority; with another urgency it begins anew among its new competitors.
    mutating func prioritize(_ stream: inout MultiplexedStream, _ priority: YamuxStreamPriority) {
        let old = stream.priority
        stream.priority = priority
        guard old.urgency != priority.urgency else { return }
        stream.virtualStart = 0
        guard stream.isInDataQueue else { return }
        self.data[old.urgency.rawValue].remove(stream.id)
        self.data[priority.urgency.rawValue].insert(&stream)
    }

    /// Takes a stream that is about to be forgotten out of the queues.
    mutating func forget(_ stream: MultiplexedStream) {
        if stream.isInControlQueue {
            self.control.removeAll { $0 == stream.id }
        }
        if stream.isInDataQueue {
            self.data[stream.priority.urgency.rawValue].remove(stream.id)
        }
    }

    // MARK: Writing

    enum Written: Sendable {
        case control
        case data(slot: Int, count: Int)
        case finish(slot: Int, StreamStateMachine.FinishFramed)
    }

    /// Appends the next frame to `output`.
    ///
    /// - Returns: What it was, or nothing if no frame is ready.
    mutating func writeFrame(into output: inout ByteBuffer, streams: inout StreamTable) -> Written? {
        if self.writeControlFrame(into: &output, streams: &streams) { return .control }
        while let urgency = self.nextUrgency(), let id = self.data[urgency].popFirst() {
            guard let slot = streams.slot(of: id) else { continue }
            let written = self.writeStreamFrame(of: &streams[slot], slot: slot, into: &output)
            if streams[slot].isReadyToSend {
                self.data[urgency].insert(&streams[slot])
            } else {
                streams[slot].isInDataQueue = false
            }
            if let written { return written }
        }
        return nil
    }

    /// The urgency whose turn it is: the highest of which a stream waits, unless a lower one was passed over too often.
    private mutating func nextUrgency() -> Int? {
        var next: Int?
        for urgency in self.data.indices where !self.data[urgency].isEmpty {
            next = urgency
            if self.data[urgency].passedOver >= Self.maximumPassedOver { break }
        }
        guard let next else { return nil }
        self.data[next].passedOver = 0
        for urgency in 0..<next where !self.data[urgency].isEmpty {
            self.data[urgency].passedOver += 1
        }
        return next
    }

    private mutating func writeControlFrame(into output: inout ByteBuffer, streams: inout StreamTable) -> Bool {
        if let value = self.pingReply {
            self.pingReply = nil
            FrameHeader(.ping, .acknowledge, streamID: 0, value: value).write(to: &output)
            return true
        }
        if let value = self.ping {
            self.ping = nil
            FrameHeader(.ping, .synchronize, streamID: 0, value: value).write(to: &output)
            return true
        }
        if let reset = self.resets.popFirst() {
            FrameHeader(.windowUpdate, .reset, streamID: reset.id, value: reset.code).write(to: &output)
            return true
        }
        while let id = self.control.popFirst() {
            guard let slot = streams.slot(of: id) else { continue }
            streams[slot].isInControlQueue = false
            let flags = streams[slot].owedFlags
            let delta = streams[slot].machine.takeOwedCredit()
            guard delta > 0 || !flags.isEmpty else { continue }
            streams[slot].owedFlags = []
            FrameHeader(.windowUpdate, flags, streamID: id, value: delta).write(to: &output)
            return true
        }
        if case .queued(let code) = self.goAway {
            self.goAway = .written
            FrameHeader(.goAway, streamID: 0, value: code).write(to: &output)
            return true
        }
        return false
    }

    private func writeStreamFrame(
        of stream: inout MultiplexedStream,
        slot: Int,
        into output: inout ByteBuffer
    ) -> Written? {
        guard stream.queuedBytes > 0 else {
            guard stream.machine.owesFinish else { return nil }
            FrameHeader(.windowUpdate, .finish, streamID: stream.id, value: 0).write(to: &output)
            stream.charge(FrameHeader.length)
            return .finish(slot: slot, stream.machine.finishFramed())
        }
        // At most 16 MiB, so it fits 32 bits of either sign.
        let limit = self.hasData ? min(self.framePayloadLimit, Self.sharedFramePayload) : self.framePayloadLimit
        let count = min(stream.queuedBytes, limit, Int(clamping: stream.machine.sendable))
        guard count > 0 else { return nil }
        output.reserveCapacity(minimumWritableBytes: FrameHeader.length + count)
        FrameHeader(.data, streamID: stream.id, value: UInt32(count)).write(to: &output)
        Self.move(count, from: &stream.queue, to: &output)
        stream.queuedBytes -= count
        stream.machine.dataFramed(UInt32(count))
        stream.charge(FrameHeader.length + count)
        return .data(slot: slot, count: count)
    }

    /// Moves bytes from the front of a queue that holds at least so many: small messages share a frame.
    private static func move(_ count: Int, from queue: inout Deque<ByteBuffer>, to output: inout ByteBuffer) {
        var left = count
        while left > 0, let size = queue.first?.readableBytes {
            if size <= left {
                output.writeImmutableBuffer(queue.removeFirst())
                left -= size
            } else {
                let part = left
                queue[queue.startIndex].readWithUnsafeReadableBytes { bytes in
                    output.writeBytes(UnsafeRawBufferPointer(rebasing: bytes.prefix(part)))
                    return part
                }
                left = 0
            }
        }
    }
}
