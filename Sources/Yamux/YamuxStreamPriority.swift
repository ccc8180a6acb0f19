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

/// How the data of a stream stands to that of the session's other streams.
///
/// Only what this side sends is ordered, and only where streams compete: the protocol itself knows no priorities.
public struct YamuxStreamPriority: Hashable, Sendable {
    /// Which streams go first.
    public enum Urgency: Int, Hashable, Sendable, CaseIterable {
        /// After everything else.
        case low
        /// What a stream has unless it is given another.
        case normal
        /// Before everything else but control frames.
        case high
    }

    /// The weights that a stream may have.
    public static let weights = 1...256

    /// Data of a higher urgency goes first; where streams of a lower one wait, one of them has a frame after sixteen of
    /// others.
    public var urgency: Urgency

    /// The share of the stream, in bytes, among those of the same urgency that have something to send.
    ///
    /// Brought into ``weights`` where it is used.
    public var weight: Int

    var effectiveWeight: Int { min(max(self.weight, Self.weights.lowerBound), Self.weights.upperBound) }

    /// Creates a priority; without arguments it is the one that every stream has at first.
    public init(urgency: Urgency = .normal, weight: Int = 1) {
        self.urgency = urgency
        self.weight = weight
    }
}
