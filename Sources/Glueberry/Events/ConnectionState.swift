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

/// Where a peer stands.
///
/// `Disconnected → Connecting → Connected → Established → Disconnected`, with `Reconnecting` while the node waits for its
/// next try and `Cooldown` after a handshake that did not come to an end.
public enum ConnectionState: String, Sendable, CaseIterable, CustomStringConvertible {
    /// No connection, and none is being made.
    case disconnected = "Disconnected"
    /// A connection is being made.
    case connecting = "Connecting"
    /// Connected: the application's handshake runs.
    case connected = "Connected"
    /// The handshake is complete: encrypted messages flow.
    case established = "Established"
    /// The connection was lost or could not be made; the next try is scheduled.
    case reconnecting = "Reconnecting"
    /// The handshake was not completed in time; the peer is left alone for a while.
    case cooldown = "Cooldown"

    /// The name of the state.
    public var description: String { self.rawValue }

    /// Whether a peer can go from this state to another.
    public func canBecome(_ next: ConnectionState) -> Bool {
        switch (self, next) {
        case (.disconnected, .connecting), (.disconnected, .reconnecting),
            (.connecting, .connected), (.connecting, .disconnected),
            (.connected, .established), (.connected, .disconnected), (.connected, .cooldown),
            (.established, .disconnected),
            (.reconnecting, .connecting), (.reconnecting, .disconnected),
            (.cooldown, .disconnected), (.cooldown, .reconnecting):
            true
        default: false
        }
    }
}
