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
public import NIOCore

extension YamuxSession {
    /// Takes bytes from the connection; ``nextEvent(now:)`` parses them.
    ///
    /// The buffer is kept as it is if the earlier ones were used up, which they are when events were asked for until
    /// there were none.
    public mutating func receive(_ bytes: ByteBuffer) {
        guard case .active = self.phase, bytes.readableBytes > 0 else { return }
        self.bytesArrived = true
        if self.input.readableBytes == 0 {
            self.input = bytes
        } else {
            self.input.writeImmutableBuffer(bytes)
        }
    }

    /// The next thing that has happened.
    ///
    /// - Parameter now: The current time.
    /// - Returns: One event, or nothing until more bytes, commands or time come.
    public mutating func nextEvent(now: NIODeadline) -> YamuxEvent? {
        self.advanceClock(to: now)
        while true {
            if let event = self.events.popFirst() { return event }
            guard case .active = self.phase else { return nil }
            if let event = self.nextReport() { return event }
            switch self.inbound {
            case .header:
                guard let header = self.readHeader() else { return nil }
                self.handle(header)
            case .payload(let id, let left, let finishes):
                guard self.input.readableBytes > 0 else { return nil }
                if let event = self.readPayload(id: id, left: left, finishes: finishes) { return event }
            case .drain(let left):
                guard self.input.readableBytes > 0 else { return nil }
                self.drainPayload(left: left)
            }
        }
    }

    /// Framed bytes that were not reported yet, of one stream.
    private mutating func nextReport() -> YamuxEvent? {
        while let id = self.reports.popFirst() {
            guard let slot = self.streams.slot(of: id) else { continue }
            let count = self.streams[slot].unreportedBytes
            self.streams[slot].unreportedBytes = 0
            self.streams[slot].isInReportQueue = false
            return .written(YamuxStreamID(rawValue: id), count)
        }
        return nil
    }

    // MARK: Parsing

    private mutating func readHeader() -> FrameHeader? {
        let available = self.input.readableBytes
        guard available > 0 else { return nil }
        if self.partialHeader.readableBytes == 0, available >= FrameHeader.length {
            let header = FrameHeader(readingFrom: &self.input)
            self.releaseInputIfEmpty()
            return header
        }
        let missing = FrameHeader.length - self.partialHeader.readableBytes
        if var part = self.input.readSlice(length: min(missing, available)) {
            self.partialHeader.writeBuffer(&part)
        }
        self.releaseInputIfEmpty()
        guard let header = FrameHeader(readingFrom: &self.partialHeader) else { return nil }
        self.partialHeader.clear()
        return header
    }

    private mutating func readPayload(id: UInt32, left: UInt32, finishes: Bool) -> YamuxEvent? {
        guard let slot = self.streams.slot(of: id) else {
            // We reset it in the middle of a frame, which was within the window.
            self.inbound = .drain(left: left)
            return nil
        }
        let count = min(left, UInt32(clamping: self.input.readableBytes))
        // `count` is at most the readable bytes.
        guard let data = self.input.readSlice(length: Int(count)) else { return nil }
        self.releaseInputIfEmpty()
        self.streams[slot].machine.delivered(count)
        self.budget.note(usefulBytes: Int(count))
        if count < left {
            self.inbound = .payload(id: id, left: left - count, finishes: finishes)
        } else {
            self.inbound = .header
            if finishes { self.receivedFinish(slot: slot) }
        }
        return .data(YamuxStreamID(rawValue: id), data)
    }

    private mutating func drainPayload(left: UInt32) {
        let count = min(left, UInt32(clamping: self.input.readableBytes))
        self.input.moveReaderIndex(forwardBy: Int(count))
        self.releaseInputIfEmpty()
        self.inbound = count < left ? .drain(left: left - count) : .header
    }

    /// Lets go of memory that the consumer may hold slices of, or that waits for the next bytes in vain.
    private mutating func releaseInputIfEmpty() {
        if self.input.readableBytes == 0 {
            self.input = ByteBuffer()
        }
    }

    // MARK: Frames

    private mutating func handle(_ header: FrameHeader) {
        guard header.version == 0 else {
            return self.fail(.protocolViolation("version \(header.version) is not known"))
        }
        switch FrameType(rawValue: header.type) {
        case .data:
            self.handleStreamFrame(header, payload: header.value)
        case .windowUpdate:
            self.handleStreamFrame(header, payload: 0)
        case .ping:
            self.handlePing(header)
        case .goAway:
            self.handleGoAway(header)
        case nil:
            self.fail(.protocolViolation("frame type \(header.type) is not known"))
        }
    }

    private mutating func handlePing(_ header: FrameHeader) {
        guard header.streamID == 0 else {
            return self.fail(.protocolViolation("a ping names stream \(header.streamID)"))
        }
        if header.flags.contains(.synchronize) {
            self.scheduler.queuePingReply(value: header.value)
            self.charge()
            return
        }
        guard header.flags.contains(.acknowledge) else { return self.charge() }
        switch self.keepAlive.replied(value: header.value, now: self.clock) {
        case .roundTrip(let time): self.events.append(.roundTrip(time))
        case .measured: break
        case .unknown: self.charge()
        }
    }

    private mutating func handleGoAway(_ header: FrameHeader) {
        guard header.streamID == 0 else {
            return self.fail(.protocolViolation("a GoAway names stream \(header.streamID)"))
        }
        guard !self.isRemoteGoingAway else {
            return self.charge()
        }
        self.isRemoteGoingAway = true
        self.keepAlive.endMeasuring()
        self.events.append(.goAway(code: header.value))
    }

    /// A data frame or window update: the flags mean the same on both.
    ///
    /// - Parameters:
    ///   - header: The frame's header.
    ///   - payload: How many bytes follow it: none for a window update.
    private mutating func handleStreamFrame(_ header: FrameHeader, payload: UInt32) {
        guard header.streamID != 0 else {
            return self.fail(.protocolViolation("a stream's frame names stream 0"))
        }
        if header.flags.contains(.synchronize) {
            guard self.admitStream(header, payload: payload) else { return }
        }
        guard let slot = self.streams.slot(of: header.streamID) else {
            return self.handleFrameOfUnknownStream(payload: payload)
        }

        // What is illegal is found before anything changes.
        var acceptsPayload = true
        if payload > 0 {
            switch self.streams[slot].machine.receivedData(payload) {
            case .accepted:
                break
            case .exceedsWindow:
                return self.failForExcess(header)
            case .afterFinish:
                acceptsPayload = false
            }
        }
        if header.flags.contains(.reset) {
            return self.receivedReset(slot: slot, header, payload: payload)
        }
        let hadMeaning = self.receivedAcknowledgement(slot: slot, header)
        if header.type == FrameType.windowUpdate.rawValue {
            self.receivedWindowUpdate(slot: slot, header)
        } else if payload == 0 {
            if !hadMeaning, header.flags.isDisjoint(with: [.synchronize, .finish]) { self.charge() }
        } else if acceptsPayload {
            self.inbound = .payload(id: header.streamID, left: payload, finishes: header.flags.contains(.finish))
            return
        } else {
            self.inbound = .drain(left: payload)
            self.chargeDrain(payload)
        }
        if header.flags.contains(.finish), case .active = self.phase {
            self.receivedFinish(slot: slot)
        }
    }

    /// A SYN: makes the stream if it may be made.
    ///
    /// - Returns: Whether the rest of the frame is to be handled.
    private mutating func admitStream(_ header: FrameHeader, payload: UInt32) -> Bool {
        let id = header.streamID
        let isPeers = (id % 2 == 0) == (self.role == .client)
        guard isPeers else {
            self.fail(.protocolViolation("stream \(id) was opened with an ID of this side"))
            return false
        }
        guard !self.peerStreamIDs.isUsed(id) else {
            self.fail(.protocolViolation("stream \(id) was opened twice"))
            return false
        }
        let initialWindow = UInt32(YamuxConfiguration.initialWindow)
        guard payload <= initialWindow else {
            self.failForExcess(header)
            return false
        }
        var sendWindow = initialWindow
        if header.type == FrameType.windowUpdate.rawValue, !header.flags.contains(.reset) {
            let (sum, overflow) = initialWindow.addingReportingOverflow(header.value)
            guard !overflow else {
                self.failForOverflow(header)
                return false
            }
            sendWindow = sum
        }
        _ = self.peerStreamIDs.use(id)

        let isRefused =
            self.isLocalGoingAway || self.streams.inboundCount >= max(self.configuration.maximumInboundStreams, 0)
        guard !isRefused, !header.flags.contains(.reset) else {
            if payload > 0 { self.inbound = .drain(left: payload) }
            if !header.flags.contains(.reset) {
                self.allowDrain(initialWindow - payload)
                let code =
                    self.isLocalGoingAway
                    ? YamuxErrorCode.Stream.shutdown : YamuxErrorCode.Stream.resourceLimitExceeded
                self.queueReset(id: id, code: code)
            }
            self.charge()
            return false
        }
        let slot = self.streams.insert(
            MultiplexedStream(
                id: id,
                isInbound: true,
                machine: .accepted(sendWindow: sendWindow, now: self.clock),
                owedFlags: .acknowledge
            )
        )
        self.scheduler.queueControl(for: &self.streams[slot])
        self.events.append(.streamOpened(YamuxStreamID(rawValue: id)))
        return true
    }

    private mutating func handleFrameOfUnknownStream(payload: UInt32) {
        guard payload > 0 else {
            return self.charge()
        }
        self.inbound = .drain(left: payload)
        guard UInt64(payload) > self.drainAllowance else {
            self.drainAllowance -= UInt64(payload)
            return
        }
        self.chargeDrain(payload)
    }

    private mutating func receivedReset(slot: Int, _ header: FrameHeader, payload: UInt32) {
        let isInbound = self.streams[slot].isInbound
        let code = header.type == FrameType.windowUpdate.rawValue ? header.value : 0
        self.forget(slot: slot)
        self.events.append(.reset(YamuxStreamID(rawValue: header.streamID), code: code))
        if payload > 0 { self.inbound = .drain(left: payload) }
        if isInbound { self.charge() }
    }

    /// - Returns: Whether it told us something.
    private mutating func receivedAcknowledgement(slot: Int, _ header: FrameHeader) -> Bool {
        if self.streams[slot].machine.awaitsAcknowledgement,
            case .acknowledged = self.streams[slot].machine.receivedAcknowledgement()
        {
            self.unacknowledgedCount -= 1
            self.events.append(.streamAcknowledged(YamuxStreamID(rawValue: header.streamID)))
            return true
        }
        if header.flags.contains(.acknowledge) { self.charge() }
        return false
    }

    private mutating func receivedWindowUpdate(slot: Int, _ header: FrameHeader) {
        // The delta of a SYN went into the initial window.
        guard case .active = self.phase, !header.flags.contains(.synchronize) else { return }
        guard header.value > 0 else {
            if header.flags.isDisjoint(with: [.acknowledge, .finish]) { self.charge() }
            return
        }
        switch self.streams[slot].machine.receivedWindowUpdate(header.value) {
        case .overflow:
            return self.failForOverflow(header)
        case .returned:
            break
        case .enlarged:
            if !header.flags.contains(.acknowledge) { self.charge() }
            guard case .active = self.phase else { return }
        }
        self.scheduler.queueDataIfReady(for: &self.streams[slot])
        self.events.append(.windowOpened(YamuxStreamID(rawValue: header.streamID)))
    }

    private mutating func receivedFinish(slot: Int) {
        let id = YamuxStreamID(rawValue: self.streams[slot].id)
        switch self.streams[slot].machine.receivedFinish() {
        case .halfClosed:
            self.events.append(.finished(id))
        case .closed:
            self.events.append(.finished(id))
            self.close(slot: slot)
        case .redundant:
            self.charge()
        }
    }

    private mutating func chargeDrain(_ payload: UInt32) {
        // At most 2^20 and one.
        self.charge(1 + Int(payload / 4096))
    }

    private mutating func failForExcess(_ header: FrameHeader) {
        self.fail(.protocolViolation("stream \(header.streamID) was sent \(header.value) bytes, beyond its window"))
    }

    private mutating func failForOverflow(_ header: FrameHeader) {
        self.fail(.protocolViolation("the window of stream \(header.streamID) would leave 32 bits"))
    }
}
