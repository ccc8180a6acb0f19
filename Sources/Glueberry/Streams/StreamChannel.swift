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

import AEAD
import DequeModule
import LibP2P
import NIOCore
import PeerIdentity
import Synchronization

/// One named stream of one session: what is queued to be sent on it, and where what arrives on it goes.
///
/// Messages are admitted first come, first served, within bounds in messages and bytes. They are framed, and in version 1
/// sealed, on the caller's task, and written on the event loop of the connection, all that is queued at once. Behind the name
/// stand at most two streams of the multiplexer, one opened by each side, both read into one queue. The sender stays on its
/// stream while that lives.
final class StreamChannel: Sendable {
    struct Limits: Sendable {
        var maximumMessage: Int
        var sendBufferBytes: Int
        var sendBufferMessages: Int
        /// Once the queue was full, sends are admitted again when no more than this is left; nil is half of the bound.
        var lowBytes: Int?
        var lowMessages: Int?
        /// Sent messages that are kept until the other side has shown that it reads the stream.
        var retainedBytes = 256 * 1024
        var retention: TimeAmount = .seconds(10)
        /// Whether this side opens streams of the name; that of the handshake is opened by the side that dialled alone.
        var opensStreams = true
        /// Frames of one stream that may fail to open before it is reset.
        var decryptionFailures = 16
        /// The versions of the streams that this side opens, the preferred one first.
        var versions = [StreamVersion.one]
        /// Where what is sent stands among other streams.
        var priority = StreamPriority.normal
    }

    private struct Waiter {
        let id: UInt64
        let bytes: Int
        let admitted: Settlement<Void, GlueberryError>
    }

    private enum Target {
        case none
        case opening
        case stream(NIOLoopBound<FrameStream>, ObjectIdentifier, StreamVersion)
    }

    /// The stream that the other side opened.
    ///
    /// It keeps its place after its end until what came on it has been parsed.
    private struct Incoming {
        let stream: NIOLoopBound<FrameStream>
        let id: ObjectIdentifier
        let version: StreamVersion
        let connection: UInt64
        var hasEnded = false
    }

    /// What a channel that ends leaves behind, to be dealt with outside the lock.
    private struct Leaving {
        var waiters: [Waiter] = []
        var streams: [NIOLoopBound<FrameStream>] = []
        var drained: [Settlement<Void, HostError>] = []
        var retry: Scheduled<Void>?
        var observers: [@Sendable (GlueberryError) -> Void] = []
        var unwritten = 0
    }

    private struct State {
        var closed: GlueberryError?
        /// Who is told of the end.
        var observers: [@Sendable (GlueberryError) -> Void] = []
        var queue: Deque<OutboundMessage> = []
        /// Accepted and not yet written to the transport.
        var pendingBytes = 0
        var pendingMessages = 0
        /// Of the pending messages, those that have room and are not queued yet.
        var reservedMessages = 0
        /// Whether the queue was full and has not come down to its low watermark since.
        var isBlocked = false
        /// Messages that the other side refused before they were wholly written.
        var refusedMessages = 0
        /// Of the queued messages, those that were written on a stream before, which the other side may have read or not.
        var writtenBefore = 0
        var waiters: Deque<Waiter> = []
        var lastWaiter: UInt64 = 0
        var target = Target.none
        var incoming: Incoming?
        /// Streams of ours that have ended and of which something waits to be parsed.
        var draining: [ObjectIdentifier: NIOLoopBound<FrameStream>] = [:]
        var isPumpScheduled = false
        /// Streams of this side that ended, one after another, without any sign that the other side read them.
        var failures = 0
        /// Whether a pause after a failure is under way: until it is over this side opens no stream, whatever is queued.
        var isBackingOff = false
        var retry: Scheduled<Void>?
        var drained: [Settlement<Void, HostError>] = []

        var usableIncoming: Incoming? { self.incoming.flatMap { $0.hasEnded ? nil : $0 } }

        /// Whether nothing can be written before a pause is over.
        var mustPause: Bool {
            guard self.isBackingOff, case .none = self.target else { return false }
            return self.usableIncoming == nil
        }
    }

    let peer: PeerID
    let name: String
    let session: UInt64
    let limits: Limits
    /// Nil on the handshake stream.
    let key: PairKey?
    let inbound: any InboundSink
    let unfinished: UnfinishedFrames
    let instruments: StreamInstruments
    private let nonces: NonceSource
    private let eventLoop: any EventLoop
    /// Opens a stream of the multiplexer for the consumer; answers false if the session has no connection.
    private let open: @Sendable (StreamChannel) -> Bool
    private let state = Locked(State())
    /// The version of the stream in use, or of the last one; 0 before there was any.
    ///
    /// Only a guess for whoever makes a frame outside the lock: one of the wrong version is made anew when it is written.
    private let version = Atomic<UInt8>(0)

    init(
        peer: PeerID, name: String, session: UInt64, key: PairKey?, limits: Limits, inbound: any InboundSink,
        unfinished: UnfinishedFrames, nonces: NonceSource, eventLoop: any EventLoop,
        instruments: StreamInstruments = StreamInstruments(),
        open: @escaping @Sendable (StreamChannel) -> Bool
    ) {
        self.peer = peer
        self.name = name
        self.session = session
        self.key = key
        self.limits = limits
        self.inbound = inbound
        self.unfinished = unfinished
        self.instruments = instruments
        self.nonces = nonces
        self.eventLoop = eventLoop
        self.open = open
    }

    /// What is proposed to the other side for a stream on a connection.
    func protocolIDs(on connection: Connection) -> [String] {
        self.limits.versions.filter { $0 == .one || connection.provesPeer }
            .map { StreamName.protocolID(of: self.name, version: $0) }
    }

    /// Messages that were accepted and have not been written to the transport.
    var unwrittenMessages: Int { self.state.withLock { $0.pendingMessages } }

    /// The memory that what is queued keeps alive, in bytes.
    var queuedMemory: Int { self.state.withLock { $0.queue.reduce(0) { $0 + $1.bytes.storageCapacity } } }

    /// Whether no stream is opened before a pause after a failure is over, whose end is scheduled.
    var isBackingOff: Bool { self.state.withLock { $0.isBackingOff && $0.retry != nil } }

    /// Sends that wait for room.
    var waitingSends: Int { self.state.withLock { $0.waiters.count } }

    /// How full the queue is.
    var sending: (direction: FlowControl.Direction, waitingSends: Int) {
        self.state.withLock { state in
            (
                FlowControl.Direction(
                    pendingMessages: state.pendingMessages, pendingBytes: state.pendingBytes,
                    isBlocked: state.isBlocked && !self.isLow(state)), state.waiters.count
            )
        }
    }

    // MARK: Sending, from any task

    /// Sends a message; returns when the bounded queue has taken it.
    func send(_ payload: ByteBuffer, timeout: TimeAmount?) async throws(GlueberryError) {
        try self.check(payload)
        let bytes = self.frameLength(payload)
        if try !self.reserve(bytes) {
            let peer = self.peer
            let name = self.name
            self.instruments.backpressureEngaged()
            self.instruments.pendingChanged(to: self.unwrittenMessages)
            let began = self.eventLoop.now
            defer { self.instruments.backpressureEnded(after: self.eventLoop.now - began) }
            let waiter = self.state.withLock { state in
                state.lastWaiter += 1
                return state.lastWaiter
            }
            try await self.eventLoop.await(
                timeout: timeout,
                ended: { code -> GlueberryError in
                    code == .timedOut
                        ? GlueberryError(
                            .sendTimedOut, "the send queue stayed full until the deadline",
                            hint: "the peer reads too slowly, or not at all", peer: peer, stream: name)
                        : GlueberryError(
                            .cancelled, "the send was cancelled; nothing was sent", peer: peer, stream: name)
                },
                start: { (admitted: Settlement<Void, GlueberryError>) in self.wait(waiter, bytes, admitted) },
                abandon: { self.withdraw(waiter) })
        }
        try self.enqueue(payload, reserved: bytes)
    }

    /// Sends a message if the queue has room at once.
    func trySend(_ payload: ByteBuffer) throws(GlueberryError) {
        try self.check(payload)
        let bytes = self.frameLength(payload)
        guard try self.reserve(bytes) else {
            throw GlueberryError(
                .sendQueueFull, "the send queue is full", hint: "use send to wait for room", peer: self.peer,
                stream: self.name)
        }
        try self.enqueue(payload, reserved: bytes)
    }

    /// Returns when everything accepted so far has been written, or the channel has ended.
    func flush(timeout: TimeAmount) async {
        _ = try? await self.eventLoop.await(
            timeout: timeout, ended: { HostError($0, "flushing") },
            start: { (settlement: Settlement<Void, HostError>) in
                let isDone = self.state.withLock { state in
                    guard state.pendingMessages > 0, state.closed == nil else { return true }
                    state.drained.append(settlement)
                    return false
                }
                if isDone { settlement.succeed() }
            })
    }

    private func check(_ payload: ByteBuffer) throws(GlueberryError) {
        guard payload.readableBytes <= self.limits.maximumMessage else {
            throw GlueberryError(
                .messageTooLarge,
                "a message of \(payload.readableBytes) bytes exceeds the maximum of \(self.limits.maximumMessage)",
                hint: "split it, or raise maximumMessageSize on both sides", peer: self.peer, stream: self.name)
        }
    }

    private func frameLength(_ payload: ByteBuffer) -> Int {
        Frame.length(ofPayload: payload.readableBytes + (self.key == nil ? 0 : Frame.sealOverhead))
    }

    /// True if room was taken, false if there is none.
    private func reserve(_ bytes: Int) throws(GlueberryError) -> Bool {
        let result = self.state.withLock { state -> Result<Bool, GlueberryError> in
            if let closed = state.closed { return .failure(closed) }
            guard state.waiters.isEmpty else { return .success(false) }
            return .success(self.takeRoom(bytes, in: &state))
        }
        return try result.get()
    }

    private func takeRoom(_ bytes: Int, in state: inout State) -> Bool {
        if state.isBlocked, self.isLow(state) { state.isBlocked = false }
        // A message that is larger than the whole buffer passes when nothing else is queued.
        guard
            state.pendingMessages == 0
                || !state.isBlocked && state.pendingMessages < self.limits.sendBufferMessages
                    && bytes <= self.limits.sendBufferBytes - state.pendingBytes
        else {
            state.isBlocked = true
            return false
        }
        state.pendingBytes += bytes
        state.pendingMessages += 1
        state.reservedMessages += 1
        return true
    }

    private func isLow(_ state: State) -> Bool {
        state.pendingMessages == 0
            || state.pendingMessages <= self.limits.lowMessages ?? self.limits.sendBufferMessages / 2
                && state.pendingBytes <= self.limits.lowBytes ?? self.limits.sendBufferBytes / 2
    }

    /// Frees room; returns who waited until nothing is pending any more, if that is so now.
    private static func free(
        bytes: Int, messages: Int, in state: inout State
    ) -> [Settlement<Void, HostError>] {
        state.pendingBytes -= bytes
        state.pendingMessages -= messages
        guard state.pendingMessages == 0 else { return [] }
        defer { state.drained = [] }
        return state.drained
    }

    private func wait(_ id: UInt64, _ bytes: Int, _ admitted: Settlement<Void, GlueberryError>) {
        let closed = self.state.withLock { state -> GlueberryError? in
            if state.closed == nil { state.waiters.append(Waiter(id: id, bytes: bytes, admitted: admitted)) }
            return state.closed
        }
        if let closed {
            admitted.fail(closed)
        } else if admitted.isSettled {
            // The deadline or the cancellation came before there was anything to withdraw.
            self.withdraw(id)
        } else {
            self.admitWaiters()
        }
    }

    /// Whoever has given up leaves its place, and may have stood in the way of others.
    private func withdraw(_ id: UInt64) {
        self.state.withLock { state in
            if let index = state.waiters.firstIndex(where: { $0.id == id }) { state.waiters.remove(at: index) }
        }
        self.admitWaiters()
    }

    private func admitWaiters() {
        var isDone = false
        while !isDone {
            let chosen = self.state.withLock { state -> [Waiter] in
                var chosen: [Waiter] = []
                while let first = state.waiters.first, self.takeRoom(first.bytes, in: &state) {
                    state.waiters.removeFirst()
                    chosen.append(first)
                }
                return chosen
            }
            // Whoever gave up between the choice and the waking leaves its room to the next in line.
            let late = chosen.filter { !$0.admitted.succeed() }
            for waiter in late { self.giveUpRoom(waiter.bytes) }
            isDone = late.isEmpty
        }
    }

    /// Gives back room that was taken and not used.
    private func giveUpRoom(_ bytes: Int) {
        let drained = self.state.withLock { state in
            state.reservedMessages -= 1
            return Self.free(bytes: bytes, messages: 1, in: &state)
        }
        for waiter in drained { waiter.succeed() }
    }

    private func enqueue(_ payload: ByteBuffer, reserved bytes: Int) throws(GlueberryError) {
        let message: OutboundMessage
        let size = payload.readableBytes
        do {
            // With one version alone there is nothing to wait for.
            let version =
                self.limits.versions.count == 1
                ? self.limits.versions.first : StreamVersion(rawValue: self.version.load(ordering: .relaxed))
            message = OutboundMessage(
                bytes: try version.map { version throws(AEADError) in try self.frame(payload, version) }
                    ?? Self.trimmed(payload),
                version: version, cost: bytes)
        } catch {
            self.giveUpRoom(bytes)
            self.admitWaiters()
            throw GlueberryError(
                .encryptionFailed, "the message could not be sealed", peer: self.peer, stream: self.name, cause: error)
        }
        self.instruments.tracing?.queued(size)
        let (closed, needsPump) = self.state.withLock { state -> (GlueberryError?, Bool) in
            state.reservedMessages -= 1
            if let closed = state.closed {
                state.pendingBytes -= bytes
                state.pendingMessages -= 1
                return (closed, false)
            }
            state.queue.append(message)
            let needsPump = !state.isPumpScheduled && !state.mustPause
            if needsPump { state.isPumpScheduled = true }
            return (nil, needsPump)
        }
        if let closed {
            self.instruments.tracing?.abandoned(closed)
            throw closed
        }
        self.instruments.sent(bytes: size)
        if needsPump { self.pump() }
    }

    // MARK: Writing

    /// Brings what is queued to a stream: the one in use, else the one that the other side opened, else a new one.
    private func pump() {
        enum Step {
            case write(NIOLoopBound<FrameStream>)
            case open
            case wait
        }
        let step = self.state.withLock { state -> Step in
            guard state.closed == nil else { return .wait }
            switch state.target {
            case .stream(let stream, _, _): return .write(stream)
            case .opening: return .wait
            case .none where !state.draining.isEmpty:
                state.isPumpScheduled = false
                return .wait
            case .none:
                if let incoming = state.usableIncoming {
                    state.target = .stream(incoming.stream, incoming.id, incoming.version)
                    self.version.store(incoming.version.rawValue, ordering: .relaxed)
                    return .write(incoming.stream)
                }
                guard self.limits.opensStreams else {
                    state.isPumpScheduled = false
                    return .wait
                }
                state.target = .opening
                return .open
            }
        }
        switch step {
        case .write(let stream): stream.eventLoop.execute { stream.value.pump() }
        case .open:
            if !self.open(self) {
                // The connection is gone, and another may be on its way into the session.
                self.openFailed(HostError(.notConnected, "the session has no connection"))
            }
        case .wait: break
        }
    }

    /// Negotiates the stream without sending anything on it.
    func openEagerly() {
        let needsPump = self.state.withLock { state in
            guard state.closed == nil, case .none = state.target, state.usableIncoming == nil, !state.isBackingOff
            else { return false }
            state.isPumpScheduled = true
            return true
        }
        if needsPump { self.pump() }
    }

    /// What is queued, for the stream that is in use; on its event loop.
    func takeQueued(for id: ObjectIdentifier) -> Deque<OutboundMessage> {
        self.state.withLock { state in
            guard case .stream(_, id, _) = state.target else { return [] }
            state.isPumpScheduled = false
            state.writtenBefore = 0
            defer { state.queue = [] }
            return state.queue
        }
    }

    /// A payload that keeps no memory alive that is much larger.
    private static func trimmed(_ payload: ByteBuffer) -> ByteBuffer {
        payload.storageCapacity / 2 > max(payload.readableBytes, 256) ? Frame.copy(payload) : payload
    }

    /// A message with the frame of a version; what cannot be sealed is counted, and counts as unwritten.
    func message(_ message: OutboundMessage, as version: StreamVersion) -> OutboundMessage? {
        guard message.version != version else { return message }
        if let payload = self.payload(of: message), let frame = try? self.frame(payload, version, isTraced: false) {
            return OutboundMessage(bytes: frame, version: version, cost: message.cost)
        }
        let drained = self.state.withLock { state in
            state.refusedMessages += 1
            return Self.free(bytes: message.cost, messages: 1, in: &state)
        }
        for waiter in drained { waiter.succeed() }
        self.admitWaiters()
        self.instruments.tracing?.written(1)
        return nil
    }

    /// The frame of a payload; sealed under the span of the call that sends it, unless that is over.
    private func frame(
        _ payload: ByteBuffer, _ version: StreamVersion, isTraced: Bool = true
    ) throws(AEADError) -> ByteBuffer {
        guard version == .one, let key = self.key else { return Frame.encode(payload, version: version) }
        let span = isTraced ? self.instruments.tracing?.encrypting(payload.readableBytes) : nil
        do throws(AEADError) {
            let frame = try Frame.seal(payload, with: key.cipher, nonces: self.nonces)
            span?.end()
            self.instruments.sealed()
            return frame
        } catch {
            span?.fail(error)
            self.instruments.sealingFailed()
            throw error
        }
    }

    /// The payload of a message of this side's own, whatever its frame.
    private func payload(of message: OutboundMessage) -> ByteBuffer? {
        guard let version = message.version else { return message.bytes }
        var frame = message.bytes
        let decoder = FrameDecoder(maximumPayload: frame.readableBytes, version: version)
        guard let payload = try? decoder.next(&frame) else { return nil }
        guard version == .one, let key = self.key else { return payload }
        return Frame.open(payload, with: key.cipher)
    }

    /// Frees the room of messages that have been written.
    func release(bytes: Int, messages: Int) {
        let drained = self.state.withLock { Self.free(bytes: bytes, messages: messages, in: &$0) }
        for waiter in drained { waiter.succeed() }
        self.admitWaiters()
    }

    /// The other side refused what came on a stream, and ended it; a message that was half-written by then is given up.
    func refusedByPeer(halfWritten: OutboundMessage?) {
        if let halfWritten {
            let drained = self.state.withLock { state in
                state.refusedMessages += 1
                return Self.free(bytes: halfWritten.cost, messages: 1, in: &state)
            }
            for waiter in drained { waiter.succeed() }
            self.admitWaiters()
        }
        self.inbound.refusedByPeer()
    }

    // MARK: Streams, on their event loops

    /// A stream that this side opened can be written.
    func opened(_ stream: NIOLoopBound<FrameStream>, _ id: ObjectIdentifier, _ version: StreamVersion) -> Bool {
        self.state.withLock { state in
            guard state.closed == nil, case .opening = state.target else { return false }
            state.target = .stream(stream, id, version)
            self.version.store(version.rawValue, ordering: .relaxed)
            return true
        }
    }

    /// Takes a stream that the other side opened; false if there is one already, or the session is over.
    func accept(
        _ stream: NIOLoopBound<FrameStream>, _ id: ObjectIdentifier, _ version: StreamVersion, on connection: Connection
    ) -> Bool {
        let isTaken = self.state.withLock { state in
            guard state.closed == nil, state.incoming == nil else { return false }
            state.incoming = Incoming(stream: stream, id: id, version: version, connection: connection.id)
            return true
        }
        if isTaken { self.pumpAgain() }
        return isTaken
    }

    /// Takes back what a stream that has ended did not bring to the other side, or may not have.
    ///
    /// It goes to the next stream, in order and before anything newer. The stream itself is kept until what came on it has
    /// been parsed, see ``drained(_:)``; until then the name has no successor, so that a peer which ends one stream after
    /// the other fills no memory.
    func ended(
        _ stream: NIOLoopBound<FrameStream>, _ id: ObjectIdentifier, unwritten: Deque<OutboundMessage>,
        retained: Deque<OutboundMessage>, madeProgress: Bool
    ) {
        let pause = self.state.withLock { state -> TimeAmount? in
            if state.incoming?.id == id { state.incoming?.hasEnded = true }
            guard case .stream(_, id, _) = state.target else { return nil }
            state.target = .none
            state.isPumpScheduled = false
            guard state.closed == nil else { return nil }
            if state.incoming?.id != id { state.draining[id] = stream }
            state.writtenBefore += retained.count
            for message in retained {
                state.pendingBytes += message.cost
                state.pendingMessages += 1
            }
            var queue = retained
            queue.append(contentsOf: unwritten)
            queue.append(contentsOf: state.queue)
            state.queue = queue
            guard madeProgress else { return self.backOff(&state) }
            state.failures = 0
            return nil
        }
        if let pause { self.pumpAgain(after: pause) }
        self.pumpAgain()
    }

    /// Everything that came on a stream that has ended is parsed.
    func drained(_ id: ObjectIdentifier) {
        self.state.withLock { state in
            state.draining[id] = nil
            if state.incoming?.id == id { state.incoming = nil }
        }
        self.pumpAgain()
    }

    /// Whether the other side has a stream of this name open.
    var hasIncoming: Bool { self.state.withLock { $0.incoming != nil } }

    /// Whether the other side has a stream of this name open on another connection.
    func hasIncoming(besides connection: Connection) -> Bool {
        self.state.withLock { $0.incoming.map { $0.connection != connection.id } ?? false }
    }

    /// A stream that this side wanted to open did not come about: the other side may prepare it a moment later, or has
    /// opened its own meanwhile.
    func openFailed(_ error: HostError) {
        let pause = self.state.withLock { state in
            if case .opening = state.target { state.target = .none }
            state.isPumpScheduled = false
            return self.backOff(&state)
        }
        if let pause { self.pumpAgain(after: pause) }
        self.pumpAgain()
    }

    /// Counts a failure; answers the pause that begins with it, if none is under way.
    ///
    /// Pauses grow as long as the other side refuses, so that a peer that resets everything is not asked in a loop, neither
    /// for what was queued before nor for what is sent meanwhile.
    private func backOff(_ state: inout State) -> TimeAmount? {
        state.failures += 1
        guard state.closed == nil, self.limits.opensStreams, !state.isBackingOff else { return nil }
        state.isBackingOff = true
        return .milliseconds(min(5000, 25 << Int64(min(state.failures, 10))))
    }

    /// Goes on with what is queued if there is a stream to use, or one may be opened.
    private func pumpAgain() {
        let canPump = self.state.withLock { state -> Bool in
            guard state.closed == nil, !state.queue.isEmpty, !state.isPumpScheduled, state.draining.isEmpty,
                case .none = state.target, !state.mustPause, self.limits.opensStreams || state.usableIncoming != nil
            else { return false }
            state.isPumpScheduled = true
            return true
        }
        if canPump { self.pump() }
    }

    private func pumpAgain(after pause: TimeAmount) {
        let retry = self.eventLoop.scheduleTask(in: pause) {
            self.state.withLock { state in
                state.isBackingOff = false
                state.retry = nil
            }
            self.pumpAgain()
        }
        let isClosed = self.state.withLock { state in
            // It may have run already, on another thread.
            if state.isBackingOff { state.retry = retry }
            return state.closed != nil
        }
        if isClosed { retry.cancel() }
    }

    // MARK: End

    /// Calls the observer once when the channel ends, at once if it has.
    func onClose(_ observer: @escaping @Sendable (GlueberryError) -> Void) {
        let closed = self.state.withLock { state in
            if state.closed == nil { state.observers.append(observer) }
            return state.closed
        }
        if let closed { observer(closed) }
    }

    /// Ends the channel: whoever waits gets the error.
    ///
    /// Returns how many accepted messages were not written.
    @discardableResult
    func close(_ error: GlueberryError) -> Int {
        let leaving = self.state.withLock { state -> Leaving in
            guard state.closed == nil else { return Leaving() }
            state.closed = error
            var leaving = Leaving()
            if case .stream(let stream, _, _) = state.target { leaving.streams.append(stream) }
            if let incoming = state.incoming { leaving.streams.append(incoming.stream) }
            leaving.streams += state.draining.values
            // Not `Array(…)`: of an empty deque that writes to the storage which all empty arrays share, and the thread
            // sanitizer sees it.
            leaving.waiters = state.waiters.map(\.self)
            leaving.drained = state.drained
            leaving.retry = state.retry
            leaving.observers = state.observers
            // A message that is being sealed will fail; one that the other side refused half-written is not there.
            leaving.unwritten =
                state.pendingMessages - state.writtenBefore - state.reservedMessages + state.refusedMessages
            state.waiters = []
            state.queue = []
            state.target = .none
            state.incoming = nil
            state.draining = [:]
            state.drained = []
            state.retry = nil
            state.observers = []
            return leaving
        }
        leaving.retry?.cancel()
        self.instruments.flush()
        self.instruments.pendingChanged(to: 0)
        self.instruments.released()
        self.instruments.tracing?.abandoned(error)
        for waiter in leaving.waiters { waiter.admitted.fail(error) }
        for waiter in leaving.drained { waiter.succeed() }
        for stream in leaving.streams { stream.eventLoop.execute { stream.value.channelClosed() } }
        for observer in leaving.observers { observer(error) }
        return leaving.unwritten
    }
}

/// Where the messages of a stream go.
///
/// Calls come on the event loops of connections.
protocol InboundSink: AnyObject, Sendable {
    /// Takes what one read brought, and says whether more may follow.
    func deliver(_ batch: [ReceivedMessage], from stream: NIOLoopBound<FrameStream>) -> InboundRoom
    /// Whether anything may be parsed now; if not, the stream is told to resume later.
    func isOpen(for stream: NIOLoopBound<FrameStream>) -> Bool
    /// A message was refused: too large, malformed or not authentic.
    func refused(_ reason: RefusedMessage)
    /// Messages that had come when the session ended found no room any more.
    func abandoned(_ messages: Int)
    /// The other side refused what this side sent.
    func refusedByPeer()
}

extension InboundSink {
    func abandoned(_ messages: Int) {}
    func refusedByPeer() {}
}

/// Whether a consumer's queue takes more.
enum InboundRoom {
    /// It does.
    case now
    /// It is full; the stream is told to resume when there is room.
    case soon
    /// It is so full that even what a session leaves behind is dropped.
    case none
}

/// A message on its way to a consumer.
struct ReceivedMessage: Sendable {
    let message: Message
    /// Bytes of the flow-control window to be given back when a consumer takes the message.
    let credit: Int
}

/// Why a received message was not handed on.
enum RefusedMessage: Sendable {
    case malformed(FrameError)
    case notAuthentic

    /// The same in public terms.
    var refusal: MessageRefusal {
        switch self {
        case .malformed(.tooLarge(let announced, let maximum)): .tooLarge(announced: announced, maximum: maximum)
        case .malformed: .malformed
        case .notAuthentic: .notAuthentic
        }
    }
}
