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

import PeerIdentity

@testable import LibP2P

/// A host's place, taken by a log and by closures.
///
/// Unchecked because everything of a test that uses it runs on the one thread of its embedded event loop.
final class FakeDelegate: ConnectionDelegate, @unchecked Sendable {
    let usage: PeerUsage
    var refusal: HostError?
    var routes: (String, Connection) -> StreamRoute = { _, _ in .refuse }
    private(set) var opened: [Connection] = []
    private(set) var confirmedCount = 0
    private(set) var closed: [ConnectionCloseReason] = []
    /// How many streams the peer had open when the connection was said to be over.
    private(set) var streamsLeftAtClose = 0

    init(limits: HostLimits) {
        self.usage = PeerUsage(limits: limits)
    }

    func admit(_ connection: Connection) throws(HostError) {
        if let refusal = self.refusal { throw refusal }
    }

    func connectionOpened(_ connection: Connection) { self.opened.append(connection) }
    func connectionConfirmed(_ connection: Connection) { self.confirmedCount += 1 }

    func connectionClosed(_ connection: Connection, reason: ConnectionCloseReason) {
        self.closed.append(reason)
        self.streamsLeftAtClose = self.usage.streamCount
    }

    func route(_ protocolID: String, on connection: Connection) -> StreamRoute { self.routes(protocolID, connection) }
    func usage(of peer: PeerID) -> PeerUsage { self.usage }
}
