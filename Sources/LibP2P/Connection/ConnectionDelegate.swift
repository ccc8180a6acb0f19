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

/// What a connection tells its host.
///
/// Every call comes on the connection's event loop.
protocol ConnectionDelegate: Sendable {
    /// The remote peer has been authenticated: count it, or refuse it by throwing.
    func admit(_ connection: Connection) throws(HostError)
    /// The connection can carry streams.
    func connectionOpened(_ connection: Connection)
    /// The other side has been seen to have finished the upgrade as well.
    func connectionConfirmed(_ connection: Connection)
    /// The connection is over; all its streams have ended before.
    func connectionClosed(_ connection: Connection, reason: ConnectionCloseReason)
    /// What to do with an incoming stream that asks for a protocol.
    func route(_ protocolID: String, on connection: Connection) -> StreamRoute
    /// The account of the peer.
    func usage(of peer: PeerID) -> PeerUsage
}
