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

package import Multiformats
package import PeerIdentity

/// What a library above the host is told, and asked.
///
/// Calls about one connection come on its event loop, in order.
package protocol HostObserver: AnyObject, Sendable {
    /// Whether to talk to whoever is at an address, asked before anything is said; the error says why not.
    func hostAdmits(_ address: Multiaddr, direction: Connection.Direction) -> HostError?
    /// Whether to talk to a peer at all; the error says why not.
    func hostAdmits(_ peer: PeerID, at address: Multiaddr, direction: Connection.Direction) -> HostError?
    /// A connection can carry streams.
    func hostOpened(_ connection: Connection)
    /// The other side has been seen to have finished the upgrade as well.
    func hostConfirmed(_ connection: Connection)
    /// A peer has said something of itself.
    func hostIdentified(_ connection: Connection, _ info: IdentifyInfo)
    /// A connection is over.
    func hostClosed(_ connection: Connection, reason: ConnectionCloseReason)
    /// What to do with an incoming stream; nil if the protocol is none of the observer's.
    func hostRoutes(_ protocolID: String, on connection: Connection) -> StreamRoute?
    /// The protocols that the observer takes streams for.
    var hostProtocols: [String] { get }
}

extension HostObserver {
    package func hostAdmits(_ address: Multiaddr, direction: Connection.Direction) -> HostError? { nil }
    package func hostIdentified(_ connection: Connection, _ info: IdentifyInfo) {}
}
