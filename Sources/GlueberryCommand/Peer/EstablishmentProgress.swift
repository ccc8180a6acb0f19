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

import Glueberry

/// How long a session took to come about.
struct EstablishmentTimes: Sendable {
    /// From the beginning of the dial to the secured connection.
    var connect: Duration
    /// From there to the end of the handshake.
    var handshake: Duration

    var total: Duration { self.connect + self.handshake }
}

/// How far a session with a peer has come, as its events tell.
struct EstablishmentProgress {
    private var connecting: ContinuousClock.Instant?
    private var connected: ContinuousClock.Instant?

    /// Takes a state; the times once the peer is established.
    mutating func follow(_ state: ConnectionState, at now: ContinuousClock.Instant) -> EstablishmentTimes? {
        switch state {
        case .connecting: self = EstablishmentProgress(connecting: now)
        case .connected: self.connected = now
        case .disconnected, .reconnecting, .cooldown: self = EstablishmentProgress()
        case .established:
            defer { self = EstablishmentProgress() }
            // An event that was missed leaves its time out: then there is no interval before it.
            let connected = self.connected ?? now
            return EstablishmentTimes(
                connect: connected - (self.connecting ?? connected), handshake: now - connected)
        }
        return nil
    }
}
