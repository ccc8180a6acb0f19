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

public import PeerIdentity

/// A change of a peer's state.
public struct ConnectionEvent: Sendable {
    /// The peer.
    public let peer: PeerID
    /// The state that it has now.
    public let state: ConnectionState
    /// The state that it had before.
    public let previous: ConnectionState
    /// When it happened, as the system's clock says.
    public let timestamp: Timestamp
    /// The number of the session that the event belongs to; 0 before the first.
    public let session: UInt64
    /// Whether this side dialled; nil while there is no connection.
    public let isOutbound: Bool?
    /// Why, for a state that something led to: a failed dial, a loss, a time-out.
    public let error: GlueberryError?
    /// In a `Disconnected` event that ends a session: per stream, how many accepted messages were not written.
    public let unwrittenMessages: [String: Int]
    /// How many events before this one were not delivered because the buffer was full; each peer's latest is kept.
    public internal(set) var missed: Int

    /// Creates an event; for tests of what an application does with it.
    public init(
        peer: PeerID, state: ConnectionState, previous: ConnectionState, timestamp: Timestamp = .now, session: UInt64,
        isOutbound: Bool? = nil, error: GlueberryError? = nil, unwrittenMessages: [String: Int] = [:], missed: Int = 0
    ) {
        self.peer = peer
        self.state = state
        self.previous = previous
        self.timestamp = timestamp
        self.session = session
        self.isOutbound = isOutbound
        self.error = error
        self.unwrittenMessages = unwrittenMessages
        self.missed = missed
    }
}
