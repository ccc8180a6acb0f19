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

import LibP2P
import Logging
import Metrics
import NIOCore
import PeerIdentity
import Synchronization

/// Is told what happens on one named stream of one peer, over all sessions.
///
/// What comes for every message is an addition to an atomic number; metrics, the count of the pair's key and time stamps
/// follow once per batch.
final class StreamInstruments: Sendable {
    let name: String
    /// Nil for a stream that belongs to no node.
    let peer: PeerID?
    /// Nil without a tracer.
    let tracing: StreamTracing?
    private let metrics: StreamMetrics?
    private let node: NodeMetrics?
    private let pair: PairMessageCounter?
    private let logger: Logger?
    private let wallClock: (@Sendable () -> UInt64)?

    private let sentMessages = Atomic<Int>(0)
    private let sentBytes = Atomic<Int>(0)
    private let sealedMessages = Atomic<Int>(0)
    /// Of those, what metrics and the count of the pair's key know of.
    private let reportedSealedMessages = Atomic<Int>(0)
    private let reportedMessages = Atomic<Int>(0)
    private let reportedBytes = Atomic<Int>(0)
    private let receivedMessages = Atomic<Int>(0)
    private let receivedBytes = Atomic<Int>(0)
    private let droppedMessages = Atomic<Int>(0)
    private let refusedMessages = Atomic<Int>(0)
    private let sealingFailures = Atomic<Int>(0)
    private let streamsOpened = Atomic<Int>(0)
    private let streamsClosed = Atomic<Int>(0)
    private let waits = Atomic<Int>(0)
    private let waitNanoseconds = Atomic<Int64>(0)
    private let pending = Atomic<Int>(0)
    private let lastSent = Atomic<UInt64>(0)
    private let lastReceived = Atomic<UInt64>(0)
    /// When the stream was held up because nobody reads; 0 while it is not.
    private let heldUpAt = Atomic<UInt64>(0)

    /// Instruments that only count, for a stream that belongs to no node.
    convenience init() {
        self.init(
            name: "", peer: nil, metrics: nil, node: nil, tracing: nil, pair: nil, logger: nil, wallClock: nil)
    }

    init(
        name: String, peer: PeerID?, metrics: StreamMetrics?, node: NodeMetrics?, tracing: NodeTracing?,
        pair: PairMessageCounter?, logger: Logger?, wallClock: (@Sendable () -> UInt64)?
    ) {
        self.name = name
        self.peer = peer
        self.metrics = metrics
        self.node = node
        self.tracing =
            if let tracing, let peer { StreamTracing(tracing, peer: peer, stream: name) } else { nil }
        self.pair = pair
        self.logger = logger
        self.wallClock = wallClock
    }

    // MARK: Streams of the multiplexer

    /// A stream of the multiplexer was opened, by either side.
    func opened() {
        self.streamsOpened.add(1, ordering: .relaxed)
        self.metrics?.opened.increment()
    }

    func closed() {
        self.streamsClosed.add(1, ordering: .relaxed)
        self.metrics?.closed.increment()
    }

    // MARK: Sending

    /// A message was accepted; `bytes` is the length of its payload.
    ///
    /// ``flush()`` is due when a batch of them is taken to be written.
    func sent(bytes: Int) {
        self.sentMessages.add(1, ordering: .relaxed)
        self.sentBytes.add(bytes, ordering: .relaxed)
    }

    /// A message was sealed with the key of the pair.
    func sealed() { self.sealedMessages.add(1, ordering: .relaxed) }

    /// Reports what was sent since the last time.
    func flush() {
        let sealed = Self.claim(self.sealedMessages, reported: self.reportedSealedMessages)
        if sealed > 0 { self.pair?.add(sealed) }
        let messages = Self.claim(self.sentMessages, reported: self.reportedMessages)
        guard messages > 0 else { return }
        let bytes = Self.claim(self.sentBytes, reported: self.reportedBytes)
        self.metrics?.sent(messages: messages, bytes: bytes)
        if let wallClock { self.lastSent.store(wallClock(), ordering: .relaxed) }
    }

    /// Takes what is above the number reported so far; of several at once each takes another part.
    private static func claim(_ counted: borrowing Atomic<Int>, reported: borrowing Atomic<Int>) -> Int {
        let total = counted.load(ordering: .relaxed)
        var before = reported.load(ordering: .relaxed)
        while before < total {
            let (exchanged, original) = reported.compareExchange(
                expected: before, desired: total, ordering: .relaxed)
            if exchanged { return total - before }
            before = original
        }
        return 0
    }

    func sealingFailed() {
        self.sealingFailures.add(1, ordering: .relaxed)
        self.node?.encryptionErrors.increment()
        self.logger?.warning("message not sealed", metadata: self.metadata)
    }

    /// A send found no room and began to wait.
    func backpressureEngaged() {
        self.waits.add(1, ordering: .relaxed)
        self.metrics?.backpressureEngaged.increment()
    }

    /// A send that had waited got room, or gave up.
    func backpressureEnded(after duration: TimeAmount) {
        self.waitNanoseconds.wrappingAdd(duration.nanoseconds, ordering: .relaxed)
        self.metrics?.waited(seconds: duration.inSeconds)
    }

    /// Messages that are accepted and not yet written; told once per batch.
    ///
    /// Nothing is counted while metrics are off.
    func pendingChanged(to count: @autoclosure () -> Int) {
        guard let metrics = self.metrics else { return }
        let count = count()
        let before = self.pending.exchange(count, ordering: .relaxed)
        if before != count { metrics.pendingChanged(by: count - before) }
    }

    // MARK: Receiving

    /// Messages were queued for the application; `bytes` is the length of their payloads, and `areSealed` says whether they
    /// were opened with the key of the pair.
    func received(messages: Int, bytes: Int, areSealed: Bool) {
        self.receivedMessages.add(messages, ordering: .relaxed)
        self.receivedBytes.add(bytes, ordering: .relaxed)
        self.metrics?.received(messages: messages, bytes: bytes)
        if areSealed { self.pair?.add(messages) }
        if let wallClock { self.lastReceived.store(wallClock(), ordering: .relaxed) }
    }

    /// Received messages were dropped because the queue was full.
    func dropped(messages: Int) {
        guard messages > 0 else { return }
        self.droppedMessages.add(messages, ordering: .relaxed)
        self.node?.messagesDropped.increment(by: messages)
    }

    /// A received frame could not be opened with the key of the pair.
    func openingFailed() {
        self.refusedMessages.add(1, ordering: .relaxed)
        self.node?.decryptionErrors.increment()
        self.logger?.debug("frame refused: not authentic", metadata: self.metadata)
    }

    /// What was received is no frame, or too large a one.
    func refused(_ error: FrameError) {
        self.refusedMessages.add(1, ordering: .relaxed)
        self.logger?.debug(
            "frame refused", metadata: self.metadata.merging(["reason": "\(error)"]) { first, _ in first })
    }

    /// Nobody reads what came on the stream, so it is not read any further.
    ///
    /// The handshake stream has a bound of its own, and a handshake that nobody reads times out.
    func heldUp(at now: NIODeadline) {
        guard self.name != StreamName.handshake else { return }
        _ = self.heldUpAt.compareExchange(
            expected: 0, desired: max(now.uptimeNanoseconds, 1), ordering: .relaxed)
    }

    /// The stream is read again, or is over.
    func released() { self.heldUpAt.store(0, ordering: .relaxed) }

    /// Since when nobody reads.
    var heldUpSince: NIODeadline? {
        let since = self.heldUpAt.load(ordering: .relaxed)
        return since == 0 ? nil : .uptimeNanoseconds(since)
    }

    // MARK: Statistics

    var statistics: StreamStatistics {
        func stamp(_ value: UInt64) -> Timestamp? { value == 0 ? nil : Timestamp(nanosecondsSince1970: value) }
        return StreamStatistics(
            messagesSent: self.sentMessages.load(ordering: .relaxed),
            bytesSent: self.sentBytes.load(ordering: .relaxed),
            messagesReceived: self.receivedMessages.load(ordering: .relaxed),
            bytesReceived: self.receivedBytes.load(ordering: .relaxed),
            messagesDropped: self.droppedMessages.load(ordering: .relaxed),
            messagesRefused: self.refusedMessages.load(ordering: .relaxed),
            sealingFailures: self.sealingFailures.load(ordering: .relaxed),
            streamsOpened: self.streamsOpened.load(ordering: .relaxed),
            streamsClosed: self.streamsClosed.load(ordering: .relaxed),
            sendsThatWaited: self.waits.load(ordering: .relaxed),
            timeWaited: .nanoseconds(self.waitNanoseconds.load(ordering: .relaxed)),
            lastSent: stamp(self.lastSent.load(ordering: .relaxed)),
            lastReceived: stamp(self.lastReceived.load(ordering: .relaxed)))
    }

    private var metadata: Logger.Metadata {
        ["peer": "\(self.peer.map(\.description) ?? "")", "stream": "\(self.name)"]
    }
}
