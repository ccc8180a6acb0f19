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

import Yamux

/// How what a node sends on a named stream stands to what it sends on other streams to the same peer.
///
/// Each side orders what it sends itself, from ``NodeConfiguration/streamPriorities``; nothing of it is agreed on with the
/// peer. Priorities hold within one connection, for what waits in the node. What has left it goes before: about 320 KiB that
/// are sealed or in the system's hands, and what is on the way, which is a receive window of each stream at most. So the
/// receiving node should have the same priorities: while a more urgent stream is open, it grants the others no more than the
/// way needs. The libp2p protocols' own streams, and the handshake, are ``Urgency/normal``.
public struct StreamPriority: Hashable, Sendable {
    /// Which streams go first.
    public enum Urgency: String, Hashable, Sendable, CaseIterable {
        /// After everything else: bulk that nobody waits for.
        case low
        /// What a stream has unless it is given another.
        case normal
        /// Before everything else: a few small messages that many wait for, such as votes.
        case high
    }

    /// The weights that a stream may have.
    public static let weights = YamuxStreamPriority.weights

    /// Which streams go first.
    ///
    /// Messages of a higher urgency go before all that waits with a lower one; yet nothing is starved: when streams of an
    /// urgency wait, one of them has a frame, of at most 16 KiB, after every sixteen that went before. Default
    /// ``Urgency/normal``.
    public var urgency: Urgency

    /// The share of a stream among those of the same urgency, in ``weights``: while both have something to send, one of
    /// weight 4 sends four times as many bytes as one of weight 1, in frames that take turns.
    ///
    /// Default 1.
    public var weight: Int

    /// Creates a priority; without arguments it is the one that every stream has unless it is given another.
    public init(urgency: Urgency = .normal, weight: Int = 1) {
        self.urgency = urgency
        self.weight = weight
    }

    /// Before everything else.
    public static let high = StreamPriority(urgency: .high)
    /// As every stream is unless it is given another.
    public static let normal = StreamPriority()
    /// After everything else.
    public static let low = StreamPriority(urgency: .low)
}
