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
import NIOCore

/// A session in the life of a peer: connected, established, lost, and dialled again when it is time.
struct PeerLifecycleWorkload: Workload {
    let name = "peer-lifecycle"

    func run(_ count: Int) throws {
        var life = PeerLifecycle(
            settings: PeerLifecycle.Settings(
                handshakeTimeout: .seconds(30), cooldown: .seconds(60),
                backoff: Backoff(base: .seconds(1), maximum: .seconds(300), attempts: 10)))
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        keep(life.connect())
        for _ in 0..<count {
            keep(life.connected(now: now))
            keep(life.finalized(generation: life.generation, now: now))
            try check(life.state == .established, "a session is \(life.state) after its handshake")
            // Long enough for the loss not to count as a failure; after some of those it would give up.
            now = now + .seconds(20)
            keep(life.lost(generation: life.generation, .closedByPeer(code: nil), now: now, jitter: 0.5))
            guard let deadline = life.deadline else { throw WrongResult("no try follows the loss of a session") }
            now = deadline
            keep(life.timeout(now: now, jitter: 0.5))
            try check(life.state == .connecting, "a peer is \(life.state) when it is time for a try")
        }
        try check(life.generation == UInt64(count), "\(life.generation) sessions have begun")
    }
}
