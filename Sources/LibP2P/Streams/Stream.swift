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

/// A stream of bytes in both directions that several tasks can use at once.
///
/// Reads take from what has arrived and give it back to the flow-control window; what nobody reads holds the other
/// side up, on this stream only. Writes wait while more than the write buffer (256 KiB) is queued. A stream that is
/// let go of without being finished is reset.
public final class Stream: Sendable {
    private struct State {
        var driver: NIOLoopBound<StreamDriver>?
        var protocolID = ""
        var inbound: Deque<ByteBuffer> = []
        var inboundBytes = 0
        var isInboundFinished = false
        var isOutboundFinished = false
        var closed: StreamCloseReason?
        var reader: Reader?
        var outboundBytes = 0
        var writers: Deque<Writer> = []
        var opened: Settlement<Stream, HostError>?
        var isAbandoned = false
    }

    private struct Reader {
        let minimum: Int
        let wake: Settlement<Void, HostError>
    }

    private struct Writer {
        let bytes: Int
        let wake: Settlement<Void, HostError>
    }

    /// The connection that carries the stream.
    public let connection: Connection
    private let writeBuffer: Int
    private let state = Locked(State())

    init(connection: Connection, writeBuffer: Int) {
        self.connection = connection
        self.writeBuffer = writeBuffer
    }

    deinit {
        let driver = self.state.withLock { $0.closed == nil ? $0.driver : nil }
        // The last reference may go away on the event loop itself, with a finish still in its queue.
        if let driver { self.connection.enqueue { driver.value.releaseIfUnfinished() } }
    }

    /// The protocol that the two sides agreed on.
    public var protocolID: String { self.state.withLock { $0.protocolID } }

    /// Reads what has arrived, at most `maximum` bytes; waits until there is something.
    ///
    /// - Returns: Nil once the other side has finished and everything before that has been read.
    /// - Throws: ``HostError`` with code `reset` or `closed` if the stream ended before its end, `cancelled` if the task
    ///   was cancelled (nothing is lost: a later read gets what arrives), `protocolViolation` if another read waits.
    public func read(upTo maximum: Int = .max) async throws(HostError) -> ByteBuffer? {
        try await self.waitForInbound(1)
        return self.take(maximum, atLeast: 1)
    }

    /// Reads exactly `count` bytes.
    ///
    /// - Returns: Nil if the other side finished before the first byte.
    /// - Throws: As ``read(upTo:)``, and `closed` if the other side finished in between.
    public func read(exactly count: Int) async throws(HostError) -> ByteBuffer? {
        // The window is smaller than what may be asked for, so what has arrived is taken piece by piece.
        var result = ByteBuffer()
        while result.readableBytes < count {
            guard var piece = try await self.read(upTo: count - result.readableBytes) else {
                guard result.readableBytes > 0 else { return nil }
                throw HostError(
                    .closed, "the other side finished after \(result.readableBytes) of \(count) expected bytes")
            }
            result.writeBuffer(&piece)
        }
        return result
    }

    /// Sends bytes; returns when they are accepted, which waits while the write buffer is full, first come first served.
    ///
    /// - Throws: ``HostError`` with code `reset` or `closed` if the stream is over, `cancelled` if the task was cancelled
    ///   before the bytes were accepted, in which case none of them is sent.
    public func write(_ bytes: ByteBuffer) async throws(HostError) {
        let count = bytes.readableBytes
        guard count > 0 else { return }
        try await self.connection.eventLoop.awaitHost(
            "writing to a stream", timeout: nil,
            start: { wake in
                let admitted = self.state.withLock { state -> Result<Void, HostError>? in
                    if let closed = state.closed { return .failure(closed.error) }
                    if state.isOutboundFinished {
                        return .failure(HostError(.closed, "this side has finished the stream"))
                    }
                    guard state.writers.isEmpty, self.hasRoom(state, for: count) else {
                        state.writers.append(Writer(bytes: count, wake: wake))
                        return nil
                    }
                    state.outboundBytes += count
                    return .success(())
                }
                guard let admitted, !wake.settle(admitted), case .success = admitted else { return }
                // The task was cancelled meanwhile: nothing is written, and the room goes to others.
                self.state.withLock { $0.outboundBytes -= count }
                self.wakeWriters()
            },
            abandon: { self.wakeWriters() })
        guard let driver = self.state.withLock({ $0.driver }) else {
            throw HostError(.closed, "the stream is not open")
        }
        self.connection.work { driver.value.write(bytes) }
    }

    /// Ends this side's half after everything written so far; the other side reads to the end.
    ///
    /// Doing it twice is harmless.
    public func finish() async {
        let driver = self.state.withLock { state -> NIOLoopBound<StreamDriver>? in
            guard !state.isOutboundFinished else { return nil }
            state.isOutboundFinished = true
            return state.driver
        }
        if let driver { self.connection.work { driver.value.finish() } }
    }

    /// Ends both halves at once.
    ///
    /// What is queued is dropped, and whoever waits gets an error.
    public func reset(code: UInt32 = StreamErrorCode.none) {
        let (driver, opened) = self.state.withLock { state in
            state.isAbandoned = true
            return (state.driver, state.opened)
        }
        opened?.fail(HostError(.cancelled, "the stream was reset while it was being opened"))
        if let driver { self.connection.work { driver.value.reset(code: code) } }
    }

    // MARK: Driver side

    func open(protocols: [String], opened: Settlement<Stream, HostError>) {
        self.state.withLock { $0.opened = opened }
        self.connection.openStream(
            protocols: protocols, consumer: StreamDriver(self), failed: { opened.fail($0) })
    }

    /// The consumer for an incoming stream; on the event loop.
    static func accept(
        on connection: Connection, writeBuffer: Int, handler: @escaping @Sendable (Stream) -> Void
    ) -> any StreamConsumer {
        let stream = Stream(connection: connection, writeBuffer: writeBuffer)
        return StreamDriver(stream, ready: handler)
    }

    fileprivate func ready(_ driver: StreamDriver, _ stream: MuxedStream) {
        let (opened, isAbandoned) = self.state.withLock { state in
            state.driver = NIOLoopBound(driver, eventLoop: stream.eventLoop)
            state.protocolID = stream.protocolID
            defer { state.opened = nil }
            return (state.opened, state.isAbandoned)
        }
        if isAbandoned { stream.reset(code: StreamErrorCode.none) }
        opened?.succeed(self)
    }

    fileprivate func received(_ bytes: ByteBuffer) {
        let bytes = Self.trimmed(bytes)
        let wake = self.state.withLock { state in
            state.inbound.append(bytes)
            state.inboundBytes += bytes.readableBytes
            return Self.readerToWake(&state)
        }
        wake?.succeed()
    }

    fileprivate func inboundFinished() {
        let wake = self.state.withLock { state in
            state.isInboundFinished = true
            return Self.readerToWake(&state)
        }
        wake?.succeed()
    }

    fileprivate func written(_ bytes: Int) {
        self.state.withLock { $0.outboundBytes -= bytes }
        self.wakeWriters()
    }

    fileprivate func closed(_ reason: StreamCloseReason) {
        let (reader, writers, opened) = self.state.withLock { state in
            state.closed = state.closed ?? reason
            if case .finished = reason { state.isInboundFinished = true }
            defer {
                state.reader = nil
                state.writers = []
                state.opened = nil
            }
            return (state.reader, state.writers, state.opened)
        }
        reader?.wake.succeed()
        for writer in writers { writer.wake.fail(reason.error) }
        opened?.fail(reason.error)
    }

    // MARK: State

    /// Bytes that keep no memory alive that is much larger: what waits to be read may do so for long, and lies in what all
    /// connections of an event loop read into.
    private static func trimmed(_ bytes: ByteBuffer) -> ByteBuffer {
        guard bytes.storageCapacity / 4 > max(bytes.readableBytes, 1024) else { return bytes }
        var own = ByteBuffer()
        own.reserveCapacity(bytes.readableBytes)
        own.writeImmutableBuffer(bytes)
        return own
    }

    private static func readerToWake(_ state: inout State) -> Settlement<Void, HostError>? {
        guard let reader = state.reader,
            state.inboundBytes >= reader.minimum || state.isInboundFinished || state.closed != nil
        else { return nil }
        state.reader = nil
        return reader.wake
    }

    private func hasRoom(_ state: State, for bytes: Int) -> Bool {
        // One write that is larger than the buffer passes when nothing else is queued.
        state.outboundBytes == 0 || state.outboundBytes + bytes <= self.writeBuffer
    }

    private func wakeWriters() {
        var isDone = false
        while !isDone {
            let admitted = self.state.withLock { state -> [Writer] in
                var admitted: [Writer] = []
                while let first = state.writers.first {
                    guard !first.wake.isSettled else {
                        state.writers.removeFirst()
                        continue
                    }
                    guard self.hasRoom(state, for: first.bytes) else { break }
                    state.writers.removeFirst()
                    state.outboundBytes += first.bytes
                    admitted.append(first)
                }
                return admitted
            }
            // A cancellation may come between the choice and the waking; its room then goes to the next in line.
            let unused = admitted.reduce(0) { $1.wake.succeed() ? $0 : $0 + $1.bytes }
            if unused > 0 { self.state.withLock { $0.outboundBytes -= unused } }
            isDone = unused == 0
        }
    }

    private func waitForInbound(_ minimum: Int) async throws(HostError) {
        try await self.connection.eventLoop.awaitHost(
            "reading from a stream", timeout: nil,
            start: { wake in
                let settled = self.state.withLock { state -> Result<Void, HostError>? in
                    if state.inboundBytes >= minimum || state.isInboundFinished { return .success(()) }
                    if let closed = state.closed { return .failure(closed.error) }
                    if let reader = state.reader, !reader.wake.isSettled {
                        return .failure(
                            HostError(.protocolViolation, "another task is reading this stream; it has one reader"))
                    }
                    state.reader = Reader(minimum: minimum, wake: wake)
                    return nil
                }
                if let settled { wake.settle(settled) }
            })
        let failure = self.state.withLock { state -> HostError? in
            state.inboundBytes < minimum && !state.isInboundFinished ? state.closed?.error : nil
        }
        if let failure { throw failure }
    }

    private func take(_ maximum: Int, atLeast minimum: Int) -> ByteBuffer? {
        let (bytes, driver) = self.state.withLock { state -> (ByteBuffer?, NIOLoopBound<StreamDriver>?) in
            guard var first = state.inbound.popFirst() else { return (nil, nil) }
            if first.readableBytes > maximum, let piece = first.readSlice(length: maximum) {
                state.inbound.prepend(first)
                first = piece
            }
            state.inboundBytes -= first.readableBytes
            return (first, state.driver)
        }
        if let bytes, let driver {
            let count = bytes.readableBytes
            self.connection.work { driver.value.consumed(count) }
        }
        return bytes
    }
}

/// The part of a ``Stream`` that lives on the event loop.
private final class StreamDriver: StreamConsumer {
    private weak var owner: Stream?
    /// Holds the stream until it is handed to whoever asked for it.
    private var handedOver: Stream?
    private let ready: (@Sendable (Stream) -> Void)?
    private var stream: MuxedStream?
    private var isFinished = false
    private var isPeerFinished = false

    init(_ owner: Stream, ready: (@Sendable (Stream) -> Void)? = nil) {
        self.owner = owner
        self.handedOver = owner
        self.ready = ready
    }

    func write(_ bytes: ByteBuffer) { self.stream?.write(bytes) }

    func finish() {
        self.isFinished = true
        self.stream?.finish()
    }

    func reset(code: UInt32) { self.stream?.reset(code: code) }

    func consumed(_ bytes: Int) { self.stream?.consumed(bytes) }

    func releaseIfUnfinished() {
        if !self.isFinished || !self.isPeerFinished { self.stream?.reset(code: StreamErrorCode.none) }
    }

    func streamReady(_ stream: MuxedStream) {
        self.stream = stream
        guard let owner = self.handedOver else { return }
        self.handedOver = nil
        owner.ready(self, stream)
        self.ready?(owner)
    }

    func streamReceived(_ bytes: ByteBuffer, on stream: MuxedStream) {
        guard let owner = self.owner else {
            stream.consumed(bytes.readableBytes)
            return
        }
        owner.received(bytes)
    }

    func streamFinished(_ stream: MuxedStream) {
        self.isPeerFinished = true
        self.owner?.inboundFinished()
    }

    func streamWritten(_ bytes: Int, on stream: MuxedStream) { self.owner?.written(bytes) }

    func streamClosed(_ reason: StreamCloseReason, stream: MuxedStream) {
        self.handedOver?.closed(reason)
        self.owner?.closed(reason)
        self.handedOver = nil
        self.stream = nil
    }
}
