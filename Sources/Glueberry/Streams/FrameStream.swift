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
import Yamux

/// One stream of the multiplexer that carries frames; confined to its connection's event loop.
final class FrameStream: StreamConsumer {
    private enum Attachment {
        /// Nobody knows yet whose the stream is: what arrives is kept, unparsed, within the window.
        case pending(onReady: (FrameStream) -> Void)
        case attached(StreamChannel)
        case detached
    }

    /// Messages that are parsed before other connections of the event loop have their turn.
    private static let messagesPerTurn = 4096
    /// A payload of fewer bytes is copied rather than handed on with the memory that it came in.
    private static let smallestMoved = 16 * 1024
    /// A frame of fewer bytes fits into the smallest window.
    private static let smallestCredited = 64 * 1024

    let connection: Connection
    private let isOutbound: Bool
    /// What the two sides have agreed on; of a stream of this side's it is known when it is ready.
    private var version: StreamVersion
    private var attachment: Attachment
    private var stream: MuxedStream?
    private var endedBeforeAttachment = false

    private var input = ByteBuffer()
    /// Whether nobody else holds the memory of `input`, so that it can be written without a copy of the whole.
    private var ownsInput = false
    private var decoder = FrameDecoder(maximumPayload: 0)
    /// Bytes of the unfinished frame in `input` that have been given back to the window already, so that a frame may be
    /// larger than the window.
    private var creditedOfUnfinished = 0
    private var isPaused = false
    /// Messages that were handed on since the last turn of the event loop: what a read brings is parsed in several calls.
    private var handedOn = 0
    /// The other side has finished, or the stream has closed: nothing more will come.
    private var hasEnded = false
    private var isClosed = false
    private var hasHandedOver = false
    private var decryptionFailures = 0
    /// What has counted the stream as open.
    private var instruments: StreamInstruments?

    private var inFlight: Deque<OutboundMessage> = []
    private var writtenOfFirst = 0
    private var retained: Deque<OutboundMessage> = []
    private var retainedBytes = 0
    private var isRetaining: Bool
    private var hasProgressed = false
    /// Whether a whole message has been written.
    private var hasWritten = false
    /// Whether the consumer's queue was full when it was last asked.
    private var isHeldUp = false
    private var retentionTimer: Scheduled<Void>?

    /// A stream that this side opens for a channel.
    init(outboundFor channel: StreamChannel, on connection: Connection) {
        self.connection = connection
        self.isOutbound = true
        self.version = .one
        self.isRetaining = true
        self.attachment = .attached(channel)
    }

    /// A stream that the other side opened for a channel that is known.
    init(inboundFor channel: StreamChannel, version: StreamVersion = .one, on connection: Connection) {
        self.connection = connection
        self.isOutbound = false
        self.version = version
        self.isRetaining = false
        self.attachment = .attached(channel)
        self.decoder = Self.decoder(for: channel, version)
    }

    /// A stream that the other side opened and that will be attached, or refused, later.
    init(pendingOn connection: Connection, onReady: @escaping (FrameStream) -> Void) {
        self.connection = connection
        self.isOutbound = false
        self.version = .one
        self.isRetaining = false
        self.attachment = .pending(onReady: onReady)
    }

    private static func decoder(for channel: StreamChannel, _ version: StreamVersion) -> FrameDecoder {
        let overhead = version == .one && channel.key != nil ? Frame.sealOverhead : 0
        return FrameDecoder(maximumPayload: channel.limits.maximumMessage + overhead, version: version)
    }

    var id: ObjectIdentifier { ObjectIdentifier(self) }
    /// Where the stream stands among others of its connection; nil while it is not open.
    var priority: YamuxStreamPriority? { self.stream?.priority }
    private var bound: NIOLoopBound<FrameStream> { NIOLoopBound(self, eventLoop: self.connection.eventLoop) }

    private var channel: StreamChannel? {
        if case .attached(let channel) = self.attachment { return channel }
        return nil
    }

    /// Gives a pending stream its channel.
    func attach(to channel: StreamChannel) {
        guard case .pending = self.attachment else { return }
        guard let stream = self.stream, channel.accept(self.bound, self.id, self.version, on: self.connection) else {
            self.refuse(code: StreamErrorCode.supplanted)
            return
        }
        self.attachment = .attached(channel)
        self.decoder = Self.decoder(for: channel, self.version)
        self.prioritize(stream, channel)
        self.countOpened(channel)
        self.parse(stream)
        if self.endedBeforeAttachment, case .attached = self.attachment { self.streamFinished(stream) }
    }

    /// Resets a stream that no channel takes.
    func refuse(code: UInt32) {
        self.attachment = .detached
        self.input = ByteBuffer()
        self.stream?.reset(code: code)
    }

    // MARK: Writing

    /// Writes what the channel has queued.
    func pump() {
        guard let channel = self.channel, let stream = self.stream else { return }
        self.connection.workHere {
            for queued in channel.takeQueued(for: self.id) {
                guard let message = channel.message(queued, as: self.version) else { continue }
                stream.write(message.bytes)
                self.inFlight.append(message)
            }
            channel.instruments.flush()
            channel.instruments.pendingChanged(to: channel.unwrittenMessages)
        }
    }

    func streamWritten(_ bytes: Int, on stream: MuxedStream) {
        var rest = bytes + self.writtenOfFirst
        var releasedBytes = 0
        var releasedMessages = 0
        while let first = self.inFlight.first, rest >= first.bytes.readableBytes {
            rest -= first.bytes.readableBytes
            releasedBytes += first.cost
            releasedMessages += 1
            self.inFlight.removeFirst()
            self.retain(first, on: stream)
        }
        self.writtenOfFirst = rest
        if releasedMessages > 0 { self.hasWritten = true }
        guard releasedMessages > 0, let channel = self.channel else { return }
        channel.release(bytes: releasedBytes, messages: releasedMessages)
        channel.instruments.tracing?.written(releasedMessages)
        channel.instruments.pendingChanged(to: channel.unwrittenMessages)
    }

    /// Keeps what was written on a stream of our own until the other side has shown that it reads it: it may have opened
    /// one of its own at the same moment, and reset ours.
    private func retain(_ message: OutboundMessage, on stream: MuxedStream) {
        guard self.isRetaining, let limits = self.channel?.limits else { return }
        guard self.retainedBytes + message.cost <= limits.retainedBytes else {
            // So much is beyond what can be in doubt for long.
            self.stopRetaining()
            return
        }
        self.retained.append(message)
        self.retainedBytes += message.cost
        guard self.retentionTimer == nil else { return }
        self.retentionTimer = stream.eventLoop.assumeIsolated().scheduleTask(in: limits.retention) {
            self.stopRetaining()
        }
    }

    private func stopRetaining() {
        self.isRetaining = false
        self.retained = []
        self.retentionTimer?.cancel()
        self.retentionTimer = nil
    }

    func streamProgressed(_ stream: MuxedStream) {
        if self.hasWritten { self.hasProgressed = true }
        self.stopRetaining()
    }

    // MARK: Reading

    func streamReady(_ stream: MuxedStream) {
        self.stream = stream
        switch self.attachment {
        case .pending(let onReady): onReady(self)
        case .attached(let channel):
            if self.isOutbound {
                self.version = StreamName.parse(stream.protocolID)?.version ?? .one
                self.decoder = Self.decoder(for: channel, self.version)
                guard channel.opened(self.bound, self.id, self.version) else {
                    self.refuse(code: StreamErrorCode.none)
                    return
                }
                self.prioritize(stream, channel)
                self.countOpened(channel)
                self.pump()
            } else if channel.accept(self.bound, self.id, self.version, on: self.connection) {
                self.prioritize(stream, channel)
                self.countOpened(channel)
            } else {
                self.refuse(code: StreamErrorCode.supplanted)
            }
        case .detached: stream.reset(code: StreamErrorCode.none)
        }
    }

    private func prioritize(_ stream: MuxedStream, _ channel: StreamChannel) {
        guard channel.limits.priority != .normal else { return }
        stream.prioritize(channel.limits.priority.ofMultiplexer)
    }

    private func countOpened(_ channel: StreamChannel) {
        self.instruments = channel.instruments
        channel.instruments.opened()
    }

    private func countClosed() {
        self.instruments?.closed()
        self.instruments = nil
    }

    func streamReceived(_ bytes: ByteBuffer, on stream: MuxedStream) {
        if self.isRetaining { self.stopRetaining() }
        var bytes = bytes
        self.handOnEarly(with: &bytes, stream)
        // That may have been refused, and the stream with it; the memory of the read would be kept for nothing.
        guard !self.isClosed else { return }
        if self.input.readableBytes == 0 {
            self.input = bytes
            self.ownsInput = false
        } else if bytes.readableBytes > 0 {
            self.makeRoom(for: bytes.readableBytes)
            self.input.writeImmutableBuffer(bytes)
        }
    }

    /// Hands on what is much, or a large frame with what it lacked, before anything is put behind it.
    ///
    /// So the bytes of a large frame are moved once, into the memory in which they are handed on, and what follows stays
    /// where the read has brought it.
    private func handOnEarly(with bytes: inout ByteBuffer, _ stream: MuxedStream) {
        // The second turn is for the beginning of another frame that the first has left.
        for _ in 0..<2 {
            guard self.input.readableBytes > 0, !self.isPaused, !self.hasEnded, self.channel != nil,
                let length = try? self.decoder.frameLength(self.input)
            else { return }
            let missing = max(0, length - self.input.readableBytes)
            if missing > 0 {
                guard length >= Self.smallestMoved, let part = bytes.readSlice(length: missing) else { return }
                self.makeRoom(for: missing)
                self.input.writeImmutableBuffer(part)
            } else if self.input.readableBytes < Self.smallestMoved {
                return
            }
            self.parse(stream)
        }
    }

    /// Sees to it that the memory of what waits is the stream's own and takes so many bytes more.
    private func makeRoom(for count: Int) {
        guard !self.ownsInput || count > self.input.writableBytes else { return }
        // Once a good part of a frame is there, room for the rest is made at once; an announcement alone gets none.
        var capacity = self.input.readableBytes + count
        if let length = try? self.decoder.frameLength(self.input), length / 4 <= capacity {
            capacity = max(length, capacity)
        }
        if self.ownsInput {
            self.input.discardReadBytes()
            self.input.reserveCapacity(capacity)
        } else {
            var own = ByteBufferAllocator().buffer(capacity: capacity)
            own.writeImmutableBuffer(self.input)
            self.input = own
            self.ownsInput = true
        }
    }

    /// Keeps no more memory than what waits to be parsed needs.
    ///
    /// What was handed on has memory of its own. A read that is used up belongs to the connection, and a large frame that
    /// is complete has left a large buffer behind.
    private func trimInput() {
        if self.input.readableBytes == 0 {
            self.input = ByteBuffer()
        } else if !self.ownsInput || self.input.storageCapacity / 8 > max(self.input.readableBytes, 2048) {
            // Of a frame of which a quarter is there the rest has room, in memory that is rounded up to twice as much.
            self.ownsInput = false
            self.makeRoom(for: 0)
        }
    }

    func streamReadComplete(_ stream: MuxedStream) {
        self.parse(stream)
        self.handedOn = 0
    }

    /// Goes on after the consumer has made room.
    func resume() {
        guard self.isPaused, let stream = self.stream else { return }
        self.isPaused = false
        self.handedOn = 0
        self.consumerMadeRoom()
        self.connection.workHere {
            self.parse(stream)
            self.detachIfDrained()
        }
    }

    /// Gives bytes back to the window after a consumer has taken their messages.
    func giveCredit(_ bytes: Int) {
        self.stream?.consumed(bytes)
    }

    /// Hands on every message that is complete, until the consumer's queue is full.
    ///
    /// What is not parsed then stays here and counts against the window, also when the stream ends meanwhile. At the end
    /// of a session (`isFinal`) nothing is kept back but what is beyond all measure.
    private func parse(_ stream: MuxedStream, isFinal: Bool = false) {
        defer { self.trimInput() }
        guard case .attached(let channel) = self.attachment, isFinal || !self.isPaused else { return }
        guard channel.inbound.isOpen(for: self.bound) else {
            self.isPaused = true
            return
        }
        var batch: [ReceivedMessage] = []
        let isSealed = self.version == .one && channel.key != nil
        let tracing = channel.instruments.tracing
        do {
            while true {
                let before = self.input.readableBytes
                let began = tracing?.now
                guard let payload = try self.decoder.next(&self.input) else { break }
                let length = before - self.input.readableBytes
                let credit = length - self.creditedOfUnfinished
                self.unfinishedEnded(channel)
                let receipt = began.flatMap {
                    tracing?.received(payload.readableBytes, isSealed: isSealed, since: $0)
                }
                guard let opened = self.open(payload, channel) else {
                    stream.consumed(credit)
                    receipt?.fail(Self.notAuthentic(channel))
                    channel.instruments.openingFailed()
                    self.decryptionFailures += 1
                    channel.inbound.refused(.notAuthentic)
                    guard self.decryptionFailures < channel.limits.decryptionFailures else {
                        self.deliver(batch, channel)
                        self.end(code: StreamErrorCode.protocolViolation, stream)
                        return
                    }
                    continue
                }
                receipt?.end()
                batch.append(
                    ReceivedMessage(
                        message: Message(
                            peer: channel.peer, stream: channel.name, payload: opened, session: channel.session),
                        credit: credit))
                if batch.count >= 256 {
                    let room = self.deliver(batch, channel)
                    self.handedOn += batch.count
                    batch.removeAll(keepingCapacity: true)
                    if room == .none || room == .soon && !isFinal { return }
                    if self.handedOn >= Self.messagesPerTurn, !isFinal {
                        self.isPaused = true
                        let bound = self.bound
                        self.connection.eventLoop.execute { bound.value.resume() }
                        return
                    }
                }
            }
        } catch {
            channel.instruments.refused(error)
            channel.inbound.refused(.malformed(error))
            self.deliver(batch, channel)
            self.end(code: StreamErrorCode.protocolViolation, stream)
            return
        }
        guard self.deliver(batch, channel) == .now, !self.hasEnded else { return }
        self.creditUnfinished(stream, channel)
    }

    /// The frame that is not complete may be larger than the window: what has come of it is given back.
    private func creditUnfinished(_ stream: MuxedStream, _ channel: StreamChannel) {
        let length = self.input.readableBytes
        // A frame that fits into the window needs nothing.
        guard length >= Self.smallestCredited, length > self.creditedOfUnfinished,
            channel.unfinished.admit(length, of: self.id, self.bound)
        else { return }
        stream.consumed(length - self.creditedOfUnfinished)
        self.creditedOfUnfinished = length
    }

    /// Asks again whether the unfinished frame may grow.
    func resumeUnfinished() {
        guard let channel = self.channel, let stream = self.stream, !self.isPaused else { return }
        self.connection.workHere { self.creditUnfinished(stream, channel) }
    }

    private func unfinishedEnded(_ channel: StreamChannel) {
        guard self.creditedOfUnfinished > 0 else { return }
        self.creditedOfUnfinished = 0
        channel.unfinished.finished(self.id)
    }

    /// The stream ends; it may also be waiting for its turn, with nothing admitted yet.
    private func unfinishedAbandoned(_ channel: StreamChannel) {
        self.creditedOfUnfinished = 0
        channel.unfinished.finished(self.id)
    }

    private static func notAuthentic(_ channel: StreamChannel) -> GlueberryError {
        GlueberryError(
            .decryptionFailed, "a received frame is not authentic", peer: channel.peer, stream: channel.name)
    }

    private func open(_ payload: ByteBuffer, _ channel: StreamChannel) -> ByteBuffer? {
        guard self.version == .one, let key = channel.key else { return self.ownCopy(of: payload) }
        return Frame.open(payload, with: key.cipher)
    }

    /// A payload in memory that is hardly larger, and nobody else's.
    ///
    /// A large one most often has the memory of `input` to itself already; `input` then gets another for what follows.
    private func ownCopy(of payload: ByteBuffer) -> ByteBuffer {
        guard self.ownsInput, payload.readableBytes >= Self.smallestMoved,
            payload.storageCapacity / 2 <= payload.readableBytes
        else { return Frame.copy(payload) }
        self.ownsInput = false
        return payload
    }

    @discardableResult
    private func deliver(_ batch: [ReceivedMessage], _ channel: StreamChannel) -> InboundRoom {
        guard !batch.isEmpty else { return .now }
        self.hasProgressed = true
        channel.instruments.received(
            messages: batch.count, bytes: batch.reduce(0) { $0 + $1.message.payload.readableBytes },
            areSealed: self.version == .one && channel.key != nil)
        let room = channel.inbound.deliver(batch, from: self.bound)
        if room != .now {
            self.isPaused = true
            self.isHeldUp = true
            channel.instruments.heldUp(at: self.connection.eventLoop.now)
        }
        return room
    }

    // MARK: End

    func streamFinished(_ stream: MuxedStream) {
        switch self.attachment {
        case .pending: self.endedBeforeAttachment = true
        case .attached(let channel):
            // A peer that ends its half does not read any more either: what is left goes to another stream.
            self.hasEnded = true
            self.parse(stream)
            self.handOver(to: channel, stream)
            self.detachIfDrained()
        case .detached: stream.finish()
        }
    }

    func streamClosed(_ reason: StreamCloseReason, stream: MuxedStream) {
        self.countClosed()
        let wasReady = self.stream != nil
        guard case .attached(let channel) = self.attachment else {
            self.attachment = .detached
            self.stream = nil
            return
        }
        if self.isOutbound, !wasReady {
            self.attachment = .detached
            channel.openFailed(reason.error)
            return
        }
        self.hasEnded = true
        self.isClosed = true
        self.parse(stream)
        if case .resetByPeer(code: StreamErrorCode.protocolViolation) = reason { self.dropRefused(channel) }
        self.handOver(to: channel, stream)
        self.detachIfDrained()
    }

    /// Lets go of the channel once the stream is closed and nothing of it waits to be parsed.
    private func detachIfDrained() {
        guard self.hasEnded, !self.isPaused || self.input.readableBytes == 0,
            case .attached(let channel) = self.attachment
        else { return }
        channel.drained(self.id)
        if self.isClosed { self.detach() }
    }

    /// The other side has read the stream and refused what was on it, for example a message that is too large there:
    /// sent again it would be refused again.
    ///
    /// What was begun is given up; what was not goes to the next stream.
    private func dropRefused(_ channel: StreamChannel) {
        self.stopRetaining()
        self.hasProgressed = true
        let halfWritten = self.writtenOfFirst > 0 ? self.inFlight.popFirst() : nil
        self.writtenOfFirst = 0
        channel.refusedByPeer(halfWritten: halfWritten)
    }

    /// Of two streams of the name that are held up, the first that goes on ends it for both.
    private func consumerMadeRoom() {
        guard self.isHeldUp else { return }
        self.isHeldUp = false
        self.channel?.instruments.released()
    }

    private func detach() {
        self.consumerMadeRoom()
        self.attachment = .detached
        self.input = ByteBuffer()
        self.stream = nil
    }

    /// The session is over: what was received is handed on, and the stream ends.
    func channelClosed() {
        if case .attached(let channel) = self.attachment {
            if let stream = self.stream {
                self.parse(stream, isFinal: true)
                self.abandonInput(channel)
            }
            self.unfinishedAbandoned(channel)
        }
        self.stopRetaining()
        let isWritten = self.inFlight.isEmpty
        self.inFlight = []
        let stream = self.stream
        self.detach()
        // What has been written is not taken back by a reset.
        if isWritten { stream?.finish() } else { stream?.reset(code: StreamErrorCode.none) }
    }

    /// Counts the messages that came and that the queue, many times full, takes no more of.
    private func abandonInput(_ channel: StreamChannel) {
        var count = 0
        while (try? self.decoder.next(&self.input)) != nil { count += 1 }
        if count > 0 { channel.inbound.abandoned(count) }
    }

    private func end(code: UInt32, _ stream: MuxedStream) {
        self.input = ByteBuffer()
        stream.reset(code: code)
    }

    /// Gives the channel back what it queued here and is not known to have arrived; once.
    private func handOver(to channel: StreamChannel, _ stream: MuxedStream) {
        guard !self.hasHandedOver else { return }
        self.hasHandedOver = true
        self.unfinishedAbandoned(channel)
        let unwritten = self.inFlight
        let retained = self.isRetaining ? self.retained : []
        self.inFlight = []
        self.writtenOfFirst = 0
        self.stopRetaining()
        channel.ended(
            self.bound, self.id, unwritten: unwritten, retained: retained, madeProgress: self.hasProgressed)
        if unwritten.isEmpty {
            stream.finish()
        } else {
            // What goes to another stream must not be sent on this one as well.
            stream.reset(code: StreamErrorCode.none)
        }
    }
}
