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
import Multiformats
import PeerIdentity

/// The way of one node to one established session, measured.
enum Establishment {
    /// Adds a peer, which dials it, and waits until it is established.
    ///
    /// - Throws: ``CommandFailure`` with why it is not, or what cancelled the wait.
    static func measure(
        _ node: Node, with peer: PeerID, at addresses: [Multiaddr], limit: Duration
    ) async throws -> EstablishmentTimes {
        let events = node.subscribeToEvents(of: [peer])
        try await node.addPeer(peer, addresses: addresses)
        return try await TimeLimit.within(limit, orFail: "not established in time") {
            var progress = EstablishmentProgress()
            for await event in events {
                if let times = progress.follow(event.state, at: .now) { return times }
                if event.state == .disconnected || event.state == .cooldown {
                    throw CommandFailure(event.error.map { Explanation.line(for: $0) } ?? "the session ended")
                }
            }
            throw CancellationError()
        }
    }
}
