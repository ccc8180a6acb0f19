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

/// At which addresses others see a host, counted by distinct peers, as a value.
///
/// A peer that dialled us has used an address that leads to a listener of ours, port included. One that we dialled sees the
/// port of that one connection, which leads nowhere: of its word only the IP address is kept. Who has several connections
/// counts once.
package struct ObservedAddresses: Sendable {
    /// How many different addresses are kept; more are not counted.
    package static let maximumCount = 64

    private var peers: [Multiaddr: Set<PeerID>] = [:]

    package init() {}

    package mutating func add(_ address: Multiaddr, from peer: PeerID, direction: Connection.Direction) {
        let seen = direction == .inbound ? address.withoutPeer : address.ipPart
        guard !seen.components.isEmpty, !seen.isWildcard else { return }
        guard self.peers[seen] != nil || self.peers.count < Self.maximumCount else { return }
        self.peers[seen, default: []].insert(peer)
    }

    /// The addresses, the one that most peers agree on first.
    package var ranked: [(address: Multiaddr, peers: Int)] {
        self.peers.map { ($0.key, $0.value.count) }.sorted {
            $0.1 != $1.1 ? $0.1 > $1.1 : $0.0.description < $1.0.description
        }
    }
}

extension Multiaddr {
    /// The IP address without what follows it; empty if there is none.
    fileprivate var ipPart: Multiaddr {
        Multiaddr(components: self.components.prefix(1).filter { $0.proto == .ip4 || $0.proto == .ip6 })
    }
}
