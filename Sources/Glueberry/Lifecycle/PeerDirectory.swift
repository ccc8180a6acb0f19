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
import PeerIdentity

/// What everybody may look up about peers without asking the control loop: their states and sessions.
///
/// The control loop writes it after each change; each part has a lock of its own.
final class PeerDirectory: Sendable {
    let states = Locked<[PeerID: ConnectionState]>([:])
    let sessions = Locked<[PeerID: PeerSession]>([:])

    func state(of peer: PeerID) -> ConnectionState { self.states.withLock { $0[peer] ?? .disconnected } }

    func session(with peer: PeerID) -> PeerSession? { self.sessions.withLock { $0[peer] } }

    var allSessions: [PeerSession] { self.sessions.withLock { Array($0.values) } }

    var peers: [PeerID: ConnectionState] { self.states.withLock { $0 } }

    func set(_ state: ConnectionState?, of peer: PeerID) { self.states.withLock { $0[peer] = state } }

    func set(_ session: PeerSession?, with peer: PeerID) { self.sessions.withLock { $0[peer] = session } }
}
