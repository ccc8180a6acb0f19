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

/// What has passed over one named stream of one peer, over all sessions since the peer was first seen.
public struct StreamStatistics: Sendable, Hashable {
    /// Messages that were accepted to be sent.
    public var messagesSent = 0
    /// The bytes of their payloads.
    public var bytesSent = 0
    /// Messages that arrived and were queued for a consumer.
    public var messagesReceived = 0
    /// The bytes of their payloads.
    public var bytesReceived = 0
    /// Messages that arrived and were dropped, because a queue was full or its session was over.
    public var messagesDropped = 0
    /// Frames that were refused: malformed, too large or not authentic.
    public var messagesRefused = 0
    /// Messages that could not be sealed.
    public var sealingFailures = 0
    /// Streams of the multiplexer that were opened under the name, by either side.
    public var streamsOpened = 0
    /// Streams of the multiplexer that have ended.
    public var streamsClosed = 0
    /// Sends that found no room and had to wait.
    public var sendsThatWaited = 0
    /// How long they waited, all together.
    public var timeWaited: Duration = .zero
    /// When messages were last taken to be written.
    public var lastSent: Timestamp?
    /// When messages last arrived.
    public var lastReceived: Timestamp?

    /// Creates statistics that count nothing yet.
    public init() {}

    init(
        messagesSent: Int, bytesSent: Int, messagesReceived: Int, bytesReceived: Int, messagesDropped: Int,
        messagesRefused: Int, sealingFailures: Int, streamsOpened: Int, streamsClosed: Int, sendsThatWaited: Int,
        timeWaited: Duration, lastSent: Timestamp?, lastReceived: Timestamp?
    ) {
        self.messagesSent = messagesSent
        self.bytesSent = bytesSent
        self.messagesReceived = messagesReceived
        self.bytesReceived = bytesReceived
        self.messagesDropped = messagesDropped
        self.messagesRefused = messagesRefused
        self.sealingFailures = sealingFailures
        self.streamsOpened = streamsOpened
        self.streamsClosed = streamsClosed
        self.sendsThatWaited = sendsThatWaited
        self.timeWaited = timeWaited
        self.lastSent = lastSent
        self.lastReceived = lastReceived
    }

    /// Adds what another stream counted; of two moments the later one stays.
    mutating func add(_ other: StreamStatistics) {
        func later(_ first: Timestamp?, _ second: Timestamp?) -> Timestamp? {
            [first, second].compactMap(\.self).max()
        }
        self.messagesSent += other.messagesSent
        self.bytesSent += other.bytesSent
        self.messagesReceived += other.messagesReceived
        self.bytesReceived += other.bytesReceived
        self.messagesDropped += other.messagesDropped
        self.messagesRefused += other.messagesRefused
        self.sealingFailures += other.sealingFailures
        self.streamsOpened += other.streamsOpened
        self.streamsClosed += other.streamsClosed
        self.sendsThatWaited += other.sendsThatWaited
        self.timeWaited += other.timeWaited
        self.lastSent = later(self.lastSent, other.lastSent)
        self.lastReceived = later(self.lastReceived, other.lastReceived)
    }
}
