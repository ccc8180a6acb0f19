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

/// A yamux session as a value: bytes, commands and the time go in; events, bytes and the next deadline come out.
///
/// Follows the yamux specification as libp2p publishes it (`yamux/README.md` of `libp2p/specs`, revision r0). The value
/// holds no socket, clock or randomness. A driver owns it and
/// - gives received bytes to ``receive(_:)``, then asks ``nextEvent(now:)`` until it returns nothing: frames are parsed on
///   demand, one event at a time, and payload is handed out without a copy, as it arrives;
/// - gives commands such as ``write(_:on:)``, then calls ``writeOutput(into:limit:)`` while ``hasOutput``, then asks
///   ``nextEvent(now:)`` again, since framing makes `written` and `closed` events;
/// - calls ``handleTimeout(now:)`` at ``nextDeadline``, which may change with any call, and asks for events afterwards.
///
/// All calls use one source of time, and the time never goes back.
///
/// ## Flow control
/// Each stream starts with 256 KiB each way. Data beyond a granted window ends the session. Credit goes back to the peer
/// when half of a window was consumed; a window that holds the peer up for less than four round trips is doubled, within
/// the limits of the configuration. The driver bounds what it queues with `write`; the session frames no more than the
/// peer has granted.
///
/// ## Decisions where the specification is silent
/// - A frame without ACK on a stream of ours acknowledges it too: the peer knows the stream.
/// - Data for a stream that is not open is dropped. Each stream that we reset or refuse allows for as much as the peer
///   could still send on it; what goes beyond is counted as an oddity for each frame and each 4096 bytes.
/// - Data after the peer's FIN is dropped and counted likewise: a peer whose threads write and finish at once sends it.
/// - Stream IDs may come out of order, but a second SYN for an ID ends the session, open or not.
/// - A stream that the peer opens and resets in one frame is not reported.
/// - A window update with RST carries an error code and no credit; a data frame with RST counts as code 0.
///
/// ## go-yamux
/// go-yamux ends its whole session on any GoAway, so ``goAway(code:)`` is the last thing to do, never a way to drain. Its
/// `Close` stops reading without telling us: what we send afterwards is dropped there, and our send window on that
/// stream does not open again. Only a time-out and ``reset(_:code:)`` end such a stream if data is still queued.
public struct YamuxSession: Sendable {
    /// Which side of the connection this is; it decides who uses which stream IDs.
    public enum Role: Hashable, Sendable {
        /// The side that dialled: odd IDs.
        case client
        /// The side that was dialled: even IDs.
        case server
    }

    enum Phase: Sendable {
        case active
        case failed(YamuxError)
    }

    /// What the next received byte belongs to.
    enum Inbound: Sendable {
        case header
        /// Payload of an open stream; `finishes` if the frame carries FIN.
        case payload(id: UInt32, left: UInt32, finishes: Bool)
        /// Payload of nobody.
        case drain(left: UInt32)
    }

    let role: Role
    let configuration: YamuxConfiguration

    var phase = Phase.active
    var streams = StreamTable()
    var scheduler: OutboundScheduler
    var budget: OddityBudget
    var keepAlive: KeepAlive
    /// The time of the latest call that had one.
    var clock: NIODeadline

    var input = ByteBuffer()
    /// The first bytes of a header whose rest has not arrived: kept apart, so that `input` need never be extended.
    var partialHeader = ByteBuffer()
    var inbound = Inbound.header
    /// Whether bytes came since the last call that had the time.
    var bytesArrived = false

    /// Events that came up beside the one that was returned, or outside of `nextEvent`.
    var events = Deque<YamuxEvent>()
    /// Streams with framed bytes that were not reported.
    var reports = Deque<UInt32>()

    /// The ID of our next stream; nothing when they are used up.
    var nextStreamID: UInt32?
    var peerStreamIDs: PeerStreamIDs
    var unacknowledgedCount = 0
    var isLocalGoingAway = false
    /// Whether the peer has said that it ends the session.
    public internal(set) var isRemoteGoingAway = false
    /// Bytes that may still be on their way for streams that we reset or refused.
    var drainAllowance: UInt64 = 0
    /// How much streams were granted beyond their initial windows.
    var windowGrowth = 0

    /// Creates a session over a connection on which nothing of yamux was sent or received yet.
    ///
    /// - Parameters:
    ///   - role: Whether this side dialled.
    ///   - configuration: Limits and intervals.
    ///   - now: The current time, from which the first keep-alive ping is counted.
    public init(role: Role, configuration: YamuxConfiguration = YamuxConfiguration(), now: NIODeadline) {
        self.role = role
        self.configuration = configuration
        self.scheduler = OutboundScheduler(configuration)
        self.budget = OddityBudget(configuration.oddityBudget, now: now)
        self.keepAlive = KeepAlive(
            interval: configuration.keepAliveInterval,
            timeout: configuration.keepAliveTimeout,
            now: now
        )
        self.clock = now
        switch role {
        case .client:
            self.nextStreamID = 1
            self.peerStreamIDs = PeerStreamIDs(first: 2)
        case .server:
            self.nextStreamID = 2
            self.peerStreamIDs = PeerStreamIDs(first: 1)
        }
    }

    // MARK: State

    /// How many streams are open, of either side; a stream counts until it is reset or `closed`.
    public var streamCount: Int { self.streams.count }

    /// How many streams that the peer opened are open.
    public var inboundStreamCount: Int { self.streams.inboundCount }

    /// The smoothed round trip time; nothing before the first answered ping.
    public var roundTripTime: TimeAmount? { self.keepAlive.roundTripTime }

    /// Whether a ping is under way.
    public var isPinging: Bool { self.keepAlive.isWaiting }

    /// When the last byte of the peer came.
    public var lastHeard: NIODeadline { self.keepAlive.lastHeard }

    /// How much all streams together are granted beyond their initial windows, in bytes.
    public var grownWindows: Int { self.windowGrowth }

    /// How many bytes given to ``write(_:on:)`` are not framed yet; 0 for a stream that is not open.
    public func queuedBytes(on stream: YamuxStreamID) -> Int {
        self.streams.stream(stream.rawValue)?.queuedBytes ?? 0
    }

    /// Whether ``writeOutput(into:limit:)`` would append anything.
    public var hasOutput: Bool { self.scheduler.hasOutput }

    /// When ``handleTimeout(now:)`` is to be called; nothing when there is nothing to wait for.
    public var nextDeadline: NIODeadline? {
        switch self.phase {
        case .active:
            return self.keepAlive.nextDeadline
        case .failed:
            return nil
        }
    }

    // MARK: Time

    /// Does what is due: sends a keep-alive ping, or fails the session because the peer is silent.
    ///
    /// A ping goes out 10 s after the last was answered, and a peer of which nothing is heard in the 5 s after a ping is
    /// given up (the defaults). Any byte counts as life. So a lost connection is noticed within 15 s of the last byte. A
    /// call before ``nextDeadline`` does nothing.
    public mutating func handleTimeout(now: NIODeadline) {
        guard case .active = self.phase else { return }
        self.advanceClock(to: now)
        switch self.keepAlive.handleTimeout(now: self.clock) {
        case .nothing:
            break
        case .ping(let value):
            self.scheduler.queuePing(value: value)
        case .fail:
            self.fail(YamuxError(code: .keepAliveTimeout, message: "nothing was heard from the peer after a ping"))
        }
    }

    mutating func advanceClock(to now: NIODeadline) {
        self.clock = max(self.clock, now)
        if self.bytesArrived {
            self.bytesArrived = false
            self.keepAlive.heard(now: self.clock)
        }
    }

    // MARK: Commands

    /// Opens a stream; its SYN is queued, and data may be written at once.
    ///
    /// - Throws: ``YamuxError/Code/goingAway``, ``YamuxError/Code/tooManyUnacknowledgedStreams``,
    ///   ``YamuxError/Code/streamIDsExhausted`` or ``YamuxError/Code/sessionFailed``.
    public mutating func openStream(now: NIODeadline) throws(YamuxError) -> YamuxStreamID {
        if case .failed(let error) = self.phase { throw Self.sessionFailed(error) }
        self.advanceClock(to: now)
        guard !self.isLocalGoingAway, !self.isRemoteGoingAway else {
            let side = self.isRemoteGoingAway ? "the peer" : "this side"
            throw YamuxError(code: .goingAway, message: "\(side) has announced the end of the session")
        }
        guard self.unacknowledgedCount < max(self.configuration.maximumUnacknowledgedStreams, 1) else {
            throw YamuxError(
                code: .tooManyUnacknowledgedStreams,
                message: "the peer has \(self.unacknowledgedCount) streams yet to acknowledge"
            )
        }
        guard let id = self.nextStreamID else {
            throw YamuxError(code: .streamIDsExhausted, message: "every stream ID of this side was used")
        }
        let (following, overflow) = id.addingReportingOverflow(2)
        self.nextStreamID = overflow ? nil : following
        self.unacknowledgedCount += 1
        let slot = self.streams.insert(
            MultiplexedStream(
                id: id,
                isInbound: false,
                machine: .opened(now: self.clock),
                owedFlags: .synchronize
            )
        )
        self.scheduler.queueControl(for: &self.streams[slot])
        return YamuxStreamID(rawValue: id)
    }

    /// Queues data on a stream; several pieces may share a frame.
    ///
    /// The queue has no bound of its own: the driver looks at ``queuedBytes(on:)`` and the `written` events. Data of no
    /// length does nothing.
    ///
    /// - Throws: ``YamuxError/Code/unknownStream``, ``YamuxError/Code/streamFinished`` after ``finish(_:)``, or
    ///   ``YamuxError/Code/sessionFailed``.
    public mutating func write(_ data: ByteBuffer, on stream: YamuxStreamID) throws(YamuxError) {
        if case .failed(let error) = self.phase { throw Self.sessionFailed(error) }
        guard let slot = self.streams.slot(of: stream.rawValue) else {
            throw YamuxError(code: .unknownStream, message: "no stream \(stream) is open")
        }
        guard self.streams[slot].machine.acceptsData else {
            throw YamuxError(code: .streamFinished, message: "stream \(stream) was finished")
        }
        let size = data.readableBytes
        guard size > 0 else { return }
        self.streams[slot].queue.append(data)
        // A sum of sizes in memory; buffers that share memory could pass 2^63 only after 2^31 calls.
        self.streams[slot].queuedBytes &+= size
        self.scheduler.queueDataIfReady(for: &self.streams[slot])
    }

    /// Says how the data of a stream stands to that of others, from the next frame on.
    ///
    /// While a more urgent stream is open, others are granted no larger windows than the round trip needs.
    ///
    /// Does nothing if the stream is not open.
    public mutating func prioritize(_ stream: YamuxStreamID, _ priority: YamuxStreamPriority) {
        guard let slot = self.streams.slot(of: stream.rawValue) else { return }
        let old = self.streams[slot].priority
        self.scheduler.prioritize(&self.streams[slot], priority)
        self.streams.countMoved(from: old.urgency, to: priority.urgency)
    }

    /// How the data of a stream stands to that of others; nil if it is not open.
    public func priority(of stream: YamuxStreamID) -> YamuxStreamPriority? {
        self.streams.stream(stream.rawValue)?.priority
    }

    /// Ends our data: FIN follows what is queued.
    ///
    /// Does nothing if done before or if the stream is not open.
    public mutating func finish(_ stream: YamuxStreamID) {
        guard let slot = self.streams.slot(of: stream.rawValue) else { return }
        self.streams[slot].machine.finish()
        self.scheduler.queueDataIfReady(for: &self.streams[slot])
    }

    /// Ends a stream at once, both ways: what is queued is dropped, the stream is forgotten, no event follows.
    ///
    /// Nothing is sent if the peer was not told of the stream yet. To reset a stream that the peer opened is counted as
    /// an oddity of the peer, since it made us do so; see ``YamuxOddityBudget``.
    ///
    /// - Parameters:
    ///   - stream: The stream; nothing happens if it is not open.
    ///   - code: The reason that the peer sees; see ``YamuxErrorCode/Stream``.
    public mutating func reset(_ stream: YamuxStreamID, code: UInt32) {
        guard let slot = self.streams.slot(of: stream.rawValue) else { return }
        let isInbound = self.streams[slot].isInbound
        let isUnannounced = self.streams[slot].owedFlags.contains(.synchronize)
        self.allowDrain(self.streams[slot].machine.receivable)
        self.forget(slot: slot)
        if !isUnannounced {
            self.queueReset(id: stream.rawValue, code: code)
        }
        if isInbound {
            self.charge()
        }
    }

    /// Notes that the consumer is done with bytes of `data` events: the peer gets credit for them.
    ///
    /// - Parameters:
    ///   - bytes: How many; more than were delivered is taken as all of them.
    ///   - stream: The stream; nothing happens if it is not open or the peer has finished.
    ///   - room: By how much windows may grow now, if that is less than the configuration allows; for a driver that shares
    ///     a budget among several sessions.
    ///   - now: The current time, for tuning the window.
    public mutating func consumed(
        _ bytes: Int, on stream: YamuxStreamID, growingBy room: Int = .max, now: NIODeadline
    ) {
        guard bytes > 0, let slot = self.streams.slot(of: stream.rawValue) else { return }
        self.clock = max(self.clock, now)
        let urgency = self.streams[slot].priority.urgency
        let change = self.streams[slot].machine.consumed(
            bytes,
            tuning: WindowTuning(
                roundTripTime: self.keepAlive.roundTripTime,
                unloadedRoundTripTime: self.keepAlive.unloadedRoundTripTime,
                isYielding: self.streams.containsMoreUrgent(than: urgency)),
            limit: self.configuration.receiveWindowLimit,
            budget: min(max(self.configuration.receiveMemoryBudget, 0) - self.windowGrowth, max(room, 0)),
            now: self.clock
        )
        guard let change else { return }
        // Bounded by the budget that was passed; a window shrinks by no more than it has grown.
        self.windowGrowth += change
        self.streams[slot].windowGrowth += change
        self.scheduler.queueControl(for: &self.streams[slot])
        if self.keepAlive.roundTripTime == nil, self.configuration.keepAliveInterval > .zero {
            // Tuning needs a round trip; the first keep-alive ping may be seconds away.
            self.sendPing(now: now)
        }
    }

    /// Sends a ping out of turn; its answer comes as `roundTrip`.
    ///
    /// One that is under way already serves as well. The session fails if it is not answered, as with a keep-alive ping.
    public mutating func sendPing(now: NIODeadline) {
        guard case .active = self.phase else { return }
        self.advanceClock(to: now)
        if case .ping(let value) = self.keepAlive.pingNow(now: self.clock) {
            self.scheduler.queuePing(value: value)
        }
    }

    /// Sends a ping as ``sendPing(now:)`` does, and three more in the tenths of a second after it is answered.
    ///
    /// Those only measure: they are no event, and the session does not fail if they are not answered.
    ///
    /// For a driver to call when a connection is made: both sides are busy then, and the first round trip tells more of that
    /// than of the way between them. The pings that follow need ``handleTimeout(now:)``, as keep-alive does.
    public mutating func measureRoundTrip(now: NIODeadline) {
        guard case .active = self.phase else { return }
        self.advanceClock(to: now)
        if case .ping(let value) = self.keepAlive.measure(now: self.clock) {
            self.scheduler.queuePing(value: value)
        }
    }

    /// Tells the peer that the session ends: no more streams are opened or taken.
    ///
    /// The frame goes out ahead of queued data; a driver that wants its data delivered waits for that first. What is
    /// open goes on as far as the peer plays along, and the driver closes the connection. Sent once.
    ///
    /// - Parameter code: The reason that the peer sees; see ``YamuxErrorCode/Session``.
    public mutating func goAway(code: UInt32) {
        guard case .active = self.phase else { return }
        self.isLocalGoingAway = true
        self.keepAlive.endMeasuring()
        self.scheduler.queueGoAway(code: code)
    }

    // MARK: Output

    /// Appends frames to `output` until nothing is left or it holds `limit` readable bytes or more.
    ///
    /// Control frames first, then data of the streams by their priorities and in turn; see ``prioritize(_:_:)``. The last
    /// frame may go beyond the limit.
    ///
    /// - Parameters:
    ///   - output: Where the frames are appended.
    ///   - limit: The number of readable bytes in `output` from which no frame is begun.
    /// - Returns: Whether more is ready.
    public mutating func writeOutput(into output: inout ByteBuffer, limit: Int) -> Bool {
        while output.readableBytes < limit {
            guard let written = self.scheduler.writeFrame(into: &output, streams: &self.streams) else { return false }
            switch written {
            case .control:
                break
            case .data(let slot, let count):
                self.budget.note(usefulBytes: count)
                self.streams[slot].unreportedBytes &+= count
                if !self.streams[slot].isInReportQueue {
                    self.streams[slot].isInReportQueue = true
                    self.reports.append(self.streams[slot].id)
                }
            case .finish(_, .halfClosed):
                break
            case .finish(let slot, .closed):
                self.close(slot: slot)
            }
        }
        return self.scheduler.hasOutput
    }

    // MARK: Ends

    /// Both sides have finished.
    mutating func close(slot: Int) {
        let id = YamuxStreamID(rawValue: self.streams[slot].id)
        let unreported = self.streams[slot].unreportedBytes
        if unreported > 0 {
            self.events.append(.written(id, unreported))
        }
        self.forget(slot: slot)
        self.events.append(.closed(id))
    }

    mutating func forget(slot: Int) {
        self.scheduler.forget(self.streams[slot])
        if self.streams[slot].isInReportQueue {
            let id = self.streams[slot].id
            self.reports.removeAll { $0 == id }
        }
        if self.streams[slot].machine.awaitsAcknowledgement {
            self.unacknowledgedCount -= 1
        }
        self.windowGrowth -= self.streams[slot].windowGrowth
        self.streams.remove(slot: slot)
    }

    mutating func allowDrain(_ bytes: UInt32) {
        let (sum, overflow) = self.drainAllowance.addingReportingOverflow(UInt64(bytes))
        self.drainAllowance = overflow ? .max : sum
    }

    mutating func queueReset(id: UInt32, code: UInt32) {
        guard !self.scheduler.queueReset(id: id, code: code) else { return }
        self.fail(YamuxError(code: .tooManyControlFrames, message: "the peer does not read the resets of its streams"))
    }

    mutating func charge(_ oddities: Int = 1) {
        guard !self.budget.spend(oddities, now: self.clock) else { return }
        self.fail(YamuxError(code: .tooManyOddities, message: "the peer has sent too many useless frames"))
    }

    mutating func fail(_ error: YamuxError) {
        guard case .active = self.phase else { return }
        self.phase = .failed(error)
        let code =
            error.code == .keepAliveTimeout
            ? YamuxErrorCode.Session.internalError : YamuxErrorCode.Session.protocolError
        self.scheduler.failed(code: code)
        self.streams.removeAll()
        self.reports = Deque()
        self.unacknowledgedCount = 0
        self.windowGrowth = 0
        self.input = ByteBuffer()
        self.partialHeader = ByteBuffer()
        self.inbound = .header
        self.events.append(.failed(error))
    }

    private static func sessionFailed(_ error: YamuxError) -> YamuxError {
        YamuxError(code: .sessionFailed, message: "the session has failed (\(error.message))")
    }
}
