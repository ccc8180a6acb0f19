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
import LibP2P
import PeerIdentity

/// The peers that events have told of, in the order in which they came.
final class PeerRoster: Sendable {
    private struct State {
        var order: [PeerID] = []
        var progress: [PeerID: EstablishmentProgress] = [:]
    }

    /// Peers that are remembered.
    private static let maximum = 4096

    private let state = Locked(State())

    /// The peers.
    var peers: [PeerID] { self.state.withLock { $0.order } }

    /// Takes an event; the times once its peer is established.
    func follow(_ event: ConnectionEvent, at now: ContinuousClock.Instant) -> EstablishmentTimes? {
        self.state.withLock { state in
            if state.progress[event.peer] == nil {
                guard state.order.count < Self.maximum else {
                    var progress = EstablishmentProgress()
                    return progress.follow(event.state, at: now)
                }
                state.order.append(event.peer)
            }
            return state.progress[event.peer, default: EstablishmentProgress()].follow(event.state, at: now)
        }
    }
}
