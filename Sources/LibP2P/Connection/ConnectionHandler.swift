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

import Multiformats
import NIOCore
import Noise
import PeerIdentity
import Yamux

/// The driver of one connection: socket bytes in, security, multiplexer and streams back to back, on the event loop.
///
/// It owns the values that know the protocols, gives them bytes and the event loop's time, and does what they say.
/// Everything that one read brings is worked off before anything is written, and what is queued by then goes out in
/// few large writes; sealing happens in the same step as writing, so the order of the records is the order on the wire.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Boxed, since what an open connection looks at for every event would be as large otherwise.
        indirect case upgrading(ConnectionUpgrade)
        case open(Connection)
        /// The last words are on their way; input is still read, so that they are not cut off by a reset.
        case closing
        case closed
    }

    /// How much plaintext goes into one write.
    private static let writeLimit = 128 * 1024
    /// How much is written before other work of the event loop has its turn.
    ///
    /// A more urgent message that another thread sends comes in between.
    private static let writeBudgetPerTick = 256 * 1024

    let timeouts: HostTimeouts
    private let isDialer: Bool
    private let eventLoop: any EventLoop
    private let remoteAddress: Multiaddr
    private let delegate: any ConnectionDelegate
    private let ticket: ConnectionTicket
    private let streamWriteBuffer: Int
    /// Nil once it is kept: its future holds the connection, which holds this.
    private var secured: EventLoopPromise<Connection>?
    /// Whoever dials may want to know how far the upgrade has got.
    private let progress: DialProgress?
    /// When the channel got its driver, which is before the other side can have said anything.
    let began: NIODeadline
    private var phase: Phase
    private var context: ChannelHandlerContext?
    private var input = ByteBuffer()
    private var records = RecordLayer.plaintext
    private var session: YamuxSession
    private var streams: [YamuxStreamID: MuxedStream] = [:]
    private var touched: [MuxedStream] = []
    private var isConfirmed = false
    /// The delegate knows the connection, and is to be told of its end.
    private var isRegistered = false
    /// How much of the peer's account the windows of this connection have grown into.
    private var grownWindows = 0
    private var canSeal = true
    private var isWorking = false
    private var isFlushScheduled = false
    private var emptyReads = 0
    private var remoteGoAway: UInt32?
    /// Whether the other side has sent anything since the upgrade.
    private var hasHeard = false
    /// Who waits for the answer to the ping that is under way, and who came after it was sent.
    private var roundTripWaiters: [() -> Void] = []
    private var nextRoundTripWaiters: [() -> Void] = []
    private var closeReason: ConnectionCloseReason?
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture
    private var overallDeadline: NIODeadline

    init(
        isDialer: Bool, handshake: NoiseHandshake, remoteAddress: Multiaddr, configuration: HostConfiguration,
        ticket: ConnectionTicket, delegate: any ConnectionDelegate, eventLoop: any EventLoop,
        secured: EventLoopPromise<Connection>, progress: DialProgress? = nil
    ) {
        let now = eventLoop.now
        self.began = now
        self.progress = progress
        self.isDialer = isDialer
        let timeouts = configuration.timeouts
        self.timeouts = timeouts
        self.ticket = ticket
        self.streamWriteBuffer = configuration.streamWriteBuffer
        self.remoteAddress = remoteAddress
        self.delegate = delegate
        self.eventLoop = eventLoop
        self.secured = secured
        self.phase = .upgrading(
            ConnectionUpgrade(isDialer: isDialer, handshake: handshake, timeouts: timeouts, now: now))
        self.session = YamuxSession(role: isDialer ? .client : .server, configuration: configuration.yamux, now: now)
        self.overallDeadline = now + (isDialer ? timeouts.dialAttempt : timeouts.accept)
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { self.start() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.end(self.closeReason ?? .closedByPeer(code: self.remoteGoAway))
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        self.start()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end(self.closeReason ?? .closedByPeer(code: self.remoteGoAway))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.fail(HostError(.ioFailed, "the transport failed", cause: error))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = self.unwrapInboundIn(data)
        self.isWorking = true
        self.receive(&bytes)
        self.isWorking = false
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.work {}
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.scheduleFlush() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: For streams and the connection, on the event loop

    var isOpen: Bool {
        if case .open = self.phase { return true }
        return false
    }

    /// The connection is closing and its last words are on their way.
    var isLeaving: Bool {
        if case .closing = self.phase { return true }
        return false
    }

    var roundTripTime: TimeAmount? { self.session.roundTripTime }

    /// Looks at the session in place: a property of it that is read through this object copies all of it.
    private func withSession<Result>(_ body: (inout YamuxSession) -> Result) -> Result { body(&self.session) }

    private var hasOutput: Bool { self.withSession { $0.hasOutput } }

    func openStream(protocols: [String], consumer: any StreamConsumer, connection: Connection) throws(HostError) {
        guard case .open = self.phase else {
            throw self.closeReason?.error ?? HostError(.closed, "the connection is closed")
        }
        let id: YamuxStreamID
        do {
            id = try self.session.openStream(now: self.eventLoop.now)
        } catch {
            switch error.code {
            case .goingAway:
                throw HostError(.closed, "the other side is closing the connection", cause: error)
            case .sessionFailed:
                throw self.closeReason?.error ?? HostError(.closed, "the connection is closed", cause: error)
            default:
                throw HostError(.limitExceeded, "no further stream can be opened on this connection", cause: error)
            }
        }
        let stream = MuxedStream.outbound(
            id, protocols: protocols, consumer: consumer, handler: self, connection: connection)
        self.streams[id] = stream
        connection.usage.openWindow()
        stream.start()
        self.scheduleFlush()
    }

    func write(_ bytes: ByteBuffer, on id: YamuxStreamID) {
        do {
            try self.session.write(bytes, on: id)
            self.scheduleFlush()
        } catch {
            // The stream has ended: its consumer hears of that by itself, in its turn.
        }
    }

    func prioritize(_ id: YamuxStreamID, _ priority: YamuxStreamPriority) {
        self.session.prioritize(id, priority)
    }

    func priority(of id: YamuxStreamID) -> YamuxStreamPriority? { self.session.priority(of: id) }

    func finish(_ id: YamuxStreamID) {
        self.session.finish(id)
        self.scheduleFlush()
    }

    func reset(_ id: YamuxStreamID, code: UInt32) {
        self.session.reset(id, code: code)
        self.scheduleFlush()
    }

    func consumed(_ bytes: Int, on id: YamuxStreamID) {
        self.giveCredit(bytes, on: id, now: self.eventLoop.now)
        // Most credit is gathered until there is much of it.
        if self.hasOutput { self.scheduleFlush() }
    }

    func forget(_ id: YamuxStreamID) {
        guard let stream = self.streams.removeValue(forKey: id) else { return }
        if stream.isInbound { stream.connection.usage.closeStream() }
        stream.connection.usage.closeWindow()
    }

    /// Gives credit back; a window may grow by what no other connection of the peer has been granted.
    private func giveCredit(_ bytes: Int, on id: YamuxStreamID, now: NIODeadline) {
        guard case .open(let connection) = self.phase else {
            self.session.consumed(bytes, on: id, growingBy: 0, now: now)
            return
        }
        self.settleGrowth(connection)
        let room = connection.usage.reserveGrowth()
        self.session.consumed(bytes, on: id, growingBy: room, now: now)
        let grown = self.withSession { $0.grownWindows }
        connection.usage.releaseGrowth(room - (grown - self.grownWindows))
        self.grownWindows = grown
    }

    /// Gives back what windows of streams that are gone had grown by.
    private func settleGrowth(_ connection: Connection) {
        let grown = self.withSession { $0.grownWindows }
        connection.usage.releaseGrowth(self.grownWindows - grown)
        self.grownWindows = grown
    }

    func touch(_ stream: MuxedStream) {
        self.touched.append(stream)
        self.scheduleFlush()
    }

    /// Ends the connection with a libp2p error code; what is queued is sent first, within the close timeout.
    func close(code: UInt32) {
        guard !self.isEnded else { return }
        self.settleReason(.closedHere(code: code))
        guard case .open = self.phase else {
            self.end(.closedHere(code: code))
            self.context?.close(promise: nil)
            return
        }
        // What is queued goes first: the other side may drop everything that comes after the last word.
        self.writeEverything()
        self.session.goAway(code: code)
        self.leave()
    }

    /// Calls back when everything that was written before has arrived at the other side, as far as a round trip tells.
    func afterRoundTrip(_ body: @escaping () -> Void) {
        guard case .open = self.phase else {
            body()
            return
        }
        // The answer to an earlier ping would tell nothing of what was written after it.
        self.nextRoundTripWaiters.append(body)
        self.pingForWaiters()
    }

    private func pingForWaiters() {
        guard !self.session.isPinging, !self.roundTripWaiters.isEmpty || !self.nextRoundTripWaiters.isEmpty else {
            return
        }
        self.roundTripWaiters += self.nextRoundTripWaiters
        self.nextRoundTripWaiters = []
        self.session.sendPing(now: self.eventLoop.now)
        self.scheduleFlush()
    }

    /// Notes why the connection ends: the first reason counts, but for what the other side has said.
    private func settleReason(_ reason: ConnectionCloseReason) {
        guard self.closeReason == nil else { return }
        self.closeReason = self.remoteGoAway.map { .closedByPeer(code: $0) } ?? reason
    }

    /// Probes the connection: an answer shows that it lives, and any other byte; silence for longer than `timeout` ends it.
    func probe(timeout: TimeAmount) {
        guard case .open = self.phase else { return }
        let began = self.eventLoop.now
        let deadline = self.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            guard self.session.lastHeard <= began else { return }
            self.work { self.lose(HostError(.timedOut, "the other side does not answer a probe")) }
        }
        self.afterRoundTrip { deadline.cancel() }
    }

    /// Ends the connection because the other side is gone.
    private func lose(_ error: HostError) {
        guard case .open = self.phase else { return }
        self.settleReason(.lost(error))
        self.leave()
    }

    /// Runs `body` and then everything that follows from it: events, writes, timers.
    func work(_ body: () -> Void) {
        guard !self.isWorking else {
            body()
            return
        }
        self.isWorking = true
        body()
        self.drain()
        self.isWorking = false
    }

    // MARK: Upgrade

    private func start() {
        guard case .upgrading(var upgrade) = self.phase else { return }
        var output = ByteBuffer()
        upgrade.start(into: &output)
        self.phase = .upgrading(upgrade)
        self.progress?.reach(upgrade.stage)
        self.context?.writeAndFlush(self.wrapOutboundOut(output), promise: nil)
        self.updateTimer()
    }

    private func receive(_ bytes: inout ByteBuffer) {
        switch self.phase {
        case .upgrading(var upgrade):
            if self.input.readableBytes == 0 {
                self.input = bytes
            } else {
                // What was used is let go of, or the buffer would grow with all that comes.
                if bytes.readableBytes > self.input.writableBytes { self.input.discardReadBytes() }
                self.input.writeBuffer(&bytes)
            }
            var output = ByteBuffer()
            let secured: SecuredConnection?
            do {
                secured = try upgrade.receive(&self.input, into: &output, now: self.eventLoop.now)
            } catch {
                self.phase = .upgrading(upgrade)
                self.progress?.reach(upgrade.stage)
                self.fail(error)
                return
            }
            self.phase = .upgrading(upgrade)
            self.progress?.reach(upgrade.stage)
            if output.readableBytes > 0 {
                self.context?.writeAndFlush(self.wrapOutboundOut(output), promise: nil)
            }
            guard let secured else { return }
            self.open(secured)
            if case .open = self.phase, self.input.readableBytes > 0 {
                var rest = self.input
                self.input = ByteBuffer()
                self.receive(&rest)
            }
        case .open:
            let buffers = ConnectionBuffers.current
            buffers.plaintext.clear(minimumCapacity: self.input.readableBytes + bytes.readableBytes)
            do {
                let count = try self.open(&bytes, into: &buffers.plaintext)
                if buffers.plaintext.readableBytes == 0 {
                    self.emptyReads += count
                    guard self.emptyReads <= RecordLayer.maximumEmpty else {
                        self.fail(HostError(.protocolViolation, "too many empty records"))
                        return
                    }
                } else {
                    self.emptyReads = 0
                }
            } catch {
                // Whoever sent it does not share our state any more; nothing sealed would be understood.
                self.canSeal = false
                self.fail(HostError(.protocolViolation, "a record does not open", cause: error))
                return
            }
            if self.remoteGoAway != nil { self.overallDeadline = self.eventLoop.now + self.timeouts.close }
            if buffers.plaintext.readableBytes > 0 { self.hasHeard = true }
            self.session.receive(buffers.plaintext)
            buffers.trim()
            self.handleEvents()
            // Not every byte makes an event.
            self.confirmIfHeard()
        case .closing, .closed: break
        }
    }

    /// Opens the records of a read; returns how many there were.
    ///
    /// Records do not end where reads do. One that an earlier read began is completed in memory of its own, and what is
    /// left of another at the end is moved there, so that no more than these is copied, and the memory of the read is free
    /// for the next.
    private func open(_ bytes: inout ByteBuffer, into plaintext: inout ByteBuffer) throws(NoiseError) -> Int {
        var count = 0
        while self.input.readableBytes > 0, bytes.readableBytes > 0 {
            let missing = self.records.missing(in: self.input)
            // Room for the rest is made at once when a good part of it is there; an announcement alone gets none.
            if bytes.readableBytes >= missing / 4 { self.input.reserveCapacity(minimumWritableBytes: missing) }
            guard var part = bytes.readSlice(length: min(missing, bytes.readableBytes)) else { break }
            self.input.writeBuffer(&part)
            count += try self.records.open(&self.input, into: &plaintext)
        }
        if bytes.readableBytes > 0 { count += try self.records.open(&bytes, into: &plaintext) }
        if self.input.readableBytes == 0 {
            self.input = ByteBuffer()
            if bytes.readableBytes > 0 { self.input.writeImmutableBuffer(bytes) }
        }
        return count
    }

    private func open(_ secured: SecuredConnection) {
        let connection = Connection(
            secured, direction: self.isDialer ? .outbound : .inbound, address: self.remoteAddress,
            handler: self, eventLoop: self.eventLoop, delegate: self.delegate,
            streamWriteBuffer: self.streamWriteBuffer)
        self.ticket.authenticated()
        self.records = secured.records
        self.overallDeadline = .distantFuture
        do {
            try self.delegate.admit(connection)
        } catch {
            self.phase = .open(connection)
            self.settle(.failure(UpgradeFailure(stage: .secured, error: error)))
            self.close(
                code: error.code == .limitExceeded
                    ? ConnectionErrorCode.resourceLimitExceeded
                    : ConnectionErrorCode.gated)
            return
        }
        self.phase = .open(connection)
        self.session.measureRoundTrip(now: self.eventLoop.now)
        // Registered first: whoever waited for the connection finds it.
        self.isRegistered = true
        self.delegate.connectionOpened(connection)
        self.settle(.success(connection))
        if !self.isDialer || !secured.earlyMuxer { self.confirm() }
        self.session.receive(secured.plaintext)
        self.handleEvents()
        self.updateTimer()
        self.scheduleFlush()
    }

    /// A dialer has finished before it can learn that it was refused; the first bytes from the other side settle it, unless
    /// they are a farewell.
    private func confirmIfHeard() {
        if self.hasHeard, !self.session.isRemoteGoingAway { self.confirm() }
    }

    private func confirm() {
        guard !self.isConfirmed, case .open(let connection) = self.phase else { return }
        self.isConfirmed = true
        self.delegate.connectionConfirmed(connection)
    }

    // MARK: Events and writes

    private func handleEvents() {
        guard case .open(let connection) = self.phase else { return }
        let now = self.eventLoop.now
        while case .open = self.phase, let event = self.session.nextEvent(now: now) {
            self.confirmIfHeard()
            switch event {
            case .data(let id, let bytes):
                if let stream = self.streams[id] {
                    stream.received(bytes)
                    self.touched.append(stream)
                } else {
                    self.giveCredit(bytes.readableBytes, on: id, now: now)
                }
            case .streamOpened(let id):
                guard connection.usage.openStream() else {
                    self.session.reset(id, code: StreamErrorCode.resourceLimitExceeded)
                    continue
                }
                let stream = MuxedStream.inbound(id, handler: self, connection: connection)
                self.streams[id] = stream
                connection.usage.openWindow()
                stream.start()
            case .written(let id, let bytes): self.streams[id]?.written(bytes)
            case .windowOpened(let id): self.streams[id]?.progressed()
            case .streamAcknowledged: break
            case .finished(let id):
                // What came before the end is handed over as a batch first.
                self.streams[id]?.readComplete()
                self.streams[id]?.peerFinished()
            case .reset(let id, let code):
                self.streams[id]?.readComplete()
                self.streams[id]?.close(.resetByPeer(code: code))
            case .closed(let id): self.streams[id]?.close(.finished)
            case .roundTrip:
                let waiters = self.roundTripWaiters
                self.roundTripWaiters = []
                self.pingForWaiters()
                for waiter in waiters { waiter() }
            case .goAway(let code):
                self.remoteGoAway = code
                // The other side is leaving: what it still sends is read, but not for ever.
                self.overallDeadline = now + self.timeouts.close
                self.updateTimer()
            case .failed(let error):
                self.settleReason(
                    .lost(
                        HostError(
                            error.code == .keepAliveTimeout ? .timedOut : .protocolViolation,
                            "the multiplexer ended the connection", cause: error)))
                self.leave()
            }
        }
    }

    private func drain() {
        self.handleEvents()
        self.completeReads()
        self.flush()
        self.updateTimer()
    }

    private func completeReads() {
        while !self.touched.isEmpty {
            let touched = self.touched
            self.touched.removeAll(keepingCapacity: true)
            for stream in touched { stream.readComplete() }
        }
    }

    private func flush() {
        guard let context = self.context, case .open = self.phase else { return }
        var budget = Self.writeBudgetPerTick
        while self.hasOutput, context.channel.isWritable, case .open = self.phase {
            guard budget > 0 else {
                self.scheduleFlush(evenWhileWorking: true)
                return
            }
            guard let count = self.writeOnce(context) else { return }
            budget -= count
            self.handleEvents()
            self.completeReads()
        }
    }

    /// Frames, seals and writes one batch; nil if the connection failed.
    private func writeOnce(_ context: ChannelHandlerContext) -> Int? {
        let buffers = ConnectionBuffers.current
        buffers.frames.clear(minimumCapacity: Self.writeLimit / 8)
        _ = self.session.writeOutput(into: &buffers.frames, limit: Self.writeLimit)
        let count = buffers.frames.readableBytes
        guard count > 0 else { return nil }
        let output: ByteBuffer
        do {
            output = try self.sealed(buffers, count)
        } catch {
            self.canSeal = false
            self.fail(HostError(.protocolViolation, "the security layer is used up", cause: error))
            return nil
        }
        context.writeAndFlush(self.wrapOutboundOut(output), promise: nil)
        return count
    }

    /// The records of what has been framed; small ones in memory of their own, which a full socket may hold for long.
    private func sealed(_ buffers: ConnectionBuffers, _ count: Int) throws -> ByteBuffer {
        let capacity = count + count / 1024 + 64
        guard count > Self.writeLimit / 8 else {
            var output = ByteBuffer()
            output.reserveCapacity(capacity)
            try self.records.seal(&buffers.frames, into: &output)
            return output
        }
        defer { buffers.trim() }
        buffers.records.clear(minimumCapacity: capacity)
        try self.records.seal(&buffers.frames, into: &buffers.records)
        return buffers.records
    }

    private func scheduleFlush(evenWhileWorking: Bool = false) {
        guard !self.isFlushScheduled, evenWhileWorking || !self.isWorking else { return }
        self.isFlushScheduled = true
        self.eventLoop.assumeIsolated().execute {
            self.isFlushScheduled = false
            self.work {}
        }
    }

    // MARK: Time

    private func updateTimer() {
        var deadline = self.overallDeadline
        switch self.phase {
        case .upgrading(let upgrade): deadline = min(deadline, upgrade.deadline)
        case .open: deadline = min(deadline, self.withSession { $0.nextDeadline } ?? .distantFuture)
        case .closing: break
        case .closed: return
        }
        // A timer that comes too early only looks again, which is cheaper than to set a new one for every frame.
        guard deadline < self.timerDeadline else { return }
        self.timer?.cancel()
        self.timerDeadline = deadline
        self.timer = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timeout() }
    }

    private func timeout() {
        self.timerDeadline = .distantFuture
        self.timer = nil
        let now = self.eventLoop.now
        switch self.phase {
        case .upgrading(let upgrade):
            if now >= min(self.overallDeadline, upgrade.deadline) {
                self.fail(HostError(.timedOut, "no answer in time during \(upgrade.stage.rawValue)"))
            }
        case .open:
            if now >= self.overallDeadline {
                self.close(code: ConnectionErrorCode.none)
            } else {
                self.work {
                    self.session.handleTimeout(now: now)
                    // A ping whose answer waits behind much else is given up; whoever waits for one needs another.
                    self.pingForWaiters()
                }
            }
        case .closing:
            if now >= self.overallDeadline { self.context?.close(promise: nil) }
        case .closed: break
        }
        self.updateTimer()
    }

    // MARK: End

    private var isEnded: Bool {
        switch self.phase {
        case .closing, .closed: true
        case .upgrading, .open: false
        }
    }

    private func fail(_ error: HostError) {
        guard !self.isEnded else { return }
        self.settleReason(.lost(error))
        if case .open = self.phase {
            if self.canSeal { self.session.goAway(code: ConnectionErrorCode.protocolViolation) }
            self.leave()
        } else {
            self.end(.lost(error))
            self.context?.close(promise: nil)
        }
    }

    /// Sends what is queued, shuts the sending half down and waits a moment for the other side to do likewise: closing
    /// a socket with unread input would reset it, and the other side might never see the reason that was just sent.
    private func leave() {
        guard case .open = self.phase, let context = self.context else { return }
        self.writeEverything()
        self.finishStreams()
        self.overallDeadline = self.eventLoop.now + self.timeouts.close
        context.close(mode: .output, promise: nil)
        self.updateTimer()
    }

    /// Writes what is queued and may be sent, without regard for how much the socket takes at once.
    private func writeEverything() {
        guard let context = self.context else { return }
        while self.hasOutput, self.canSeal {
            guard self.writeOnce(context) != nil else { break }
            self.handleEvents()
        }
    }

    private func settle(_ result: Result<Connection, UpgradeFailure>) {
        let secured = self.secured
        self.secured = nil
        switch result {
        case .success(let connection): secured?.succeed(connection)
        case .failure(let failure): secured?.fail(failure)
        }
    }

    private func finishStreams() {
        guard case .open(let connection) = self.phase else { return }
        self.phase = .closing
        let waiters = self.roundTripWaiters + self.nextRoundTripWaiters
        self.roundTripWaiters = []
        self.nextRoundTripWaiters = []
        for waiter in waiters { waiter() }
        let reason = self.closeReason ?? .closedByPeer(code: self.remoteGoAway)
        self.completeReads()
        for stream in self.streams.values.sorted(by: { $0.id.rawValue < $1.id.rawValue }) {
            stream.close(.connectionClosed(reason.error))
        }
        connection.usage.releaseGrowth(self.grownWindows)
        self.grownWindows = 0
        connection.closed(reason)
        if self.isRegistered { self.delegate.connectionClosed(connection, reason: reason) }
    }

    private func end(_ reason: ConnectionCloseReason) {
        if case .closed = self.phase { return }
        self.settleReason(reason)
        if case .open = self.phase {
            self.handleEvents()
            self.finishStreams()
        }
        if case .upgrading(let upgrade) = self.phase {
            self.settle(.failure(UpgradeFailure(stage: upgrade.stage, error: reason.error)))
        }
        self.phase = .closed
        self.timer?.cancel()
        self.timer = nil
        self.input = ByteBuffer()
        self.records = .plaintext
    }
}

/// Why an upgrade ended, and in which step.
struct UpgradeFailure: Error {
    let stage: DialAttempt.Stage
    let error: HostError
}
