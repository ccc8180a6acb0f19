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
import Multiformats
import NIOCore
import PeerIdentity

/// What the control loop knows of one peer; confined to it.
final class PeerEntry {
    let peer: PeerID
    var lifecycle: PeerLifecycle
    var addresses: [Multiaddr] = []
    var isInBook = false
    var connections: [Connection] = []
    var session: PeerSession?
    var dial: DialHandle?
    var dialed: Connection?
    var timer: Scheduled<Void>?
    var timerDeadline: NIODeadline?
    var key: PairKey?
    var handshake: StandardHandshakeRun?
    var verification: Task<Void, Never>?
    var publishedState = ConnectionState.disconnected
    /// Who waits until there is a session, and until it is established.
    var connectWaiters = PeerWaiters()
    var establishedWaiters = PeerWaiters()
    /// What begins the next session: whether this side opens its handshake stream, and on which connections it runs.
    var beginning: (isOutbound: Bool, connections: [Connection]) = (true, [])
    /// The other side's handshake stream, which the next session begins with.
    var pendingStream: NIOLoopBound<FrameStream>?
    /// The session that the effects being performed have ended, for the event that says so.
    var ended: (generation: UInt64, unwritten: [String: Int])?
    var history = ConnectionHistory()
    var spans: PeerSpans
    /// When the dial and the handshake that run began.
    var dialBegan: NIODeadline?
    var handshakeBegan: NIODeadline?

    init(peer: PeerID, settings: PeerLifecycle.Settings, floor: UInt64, tracing: NodeTracing?) {
        self.peer = peer
        self.spans = PeerSpans(tracing, peer: peer)
        self.lifecycle = PeerLifecycle(settings: settings, floor: floor)
    }
}
