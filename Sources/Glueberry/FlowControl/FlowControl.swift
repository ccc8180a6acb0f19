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

/// How full the queues of one stream of one peer are, at one moment.
public struct FlowControl: Hashable, Sendable {
    /// One direction.
    public struct Direction: Hashable, Sendable {
        /// Messages that wait: to be written when sending, for their consumer when receiving.
        public let pendingMessages: Int
        /// Their bytes; when sending, with what frames and encryption add.
        public let pendingBytes: Int
        /// Whether the queue was full and has not come down to its low watermark since.
        ///
        /// When sending, sends wait; when receiving, the stream is read no further.
        public let isBlocked: Bool
    }

    /// The number of the session; nil if there is none, and messages of earlier ones wait for their consumer.
    public let session: UInt64?
    /// What this side sends.
    public let sending: Direction
    /// How many sends wait for room.
    public let waitingSends: Int
    /// What this side receives.
    public let receiving: Direction
    /// What happens when the queue of received messages is full.
    public let policy: ReceivePolicy
}
