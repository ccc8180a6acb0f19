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

/// What happens to messages that arrive for a queue that is full because their consumer does not keep up.
public enum ReceivePolicy: String, CaseIterable, Hashable, Sendable, CustomStringConvertible {
    /// The stream is read no further until its consumer has made room, which holds its sender up and loses nothing.
    ///
    /// Other streams and peers are not affected.
    case backpressure
    /// What arrives is dropped until there is room.
    case dropNewest
    /// What arrives is taken, and the messages that have waited longest are dropped for it.
    case dropOldest
    /// What arrives is dropped, and the session with the peer ends.
    case disconnect

    /// The name.
    public var description: String { self.rawValue }
}
