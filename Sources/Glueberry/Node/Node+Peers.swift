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
public import Multiformats
public import PeerIdentity

extension Node {
    /// Adds a peer, or replaces what is known of it.
    ///
    /// A running node dials it and keeps connected to it.
    ///
    /// - Throws: ``GlueberryError`` with code `metadataTooLarge` over 4,096 bytes of metadata.
    public func addPeer(
        _ peer: PeerID, addresses: [Multiaddr], metadata: [String: String] = [:]
    ) async throws(GlueberryError) {
        let size = metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard size <= 4096 else {
            throw GlueberryError(.metadataTooLarge, "\(size) bytes of metadata exceed 4096", peer: peer)
        }
        let addresses = addresses.map(\.withoutPeer)
        self.book.withLock { $0[peer] = KnownPeer(addresses: addresses, metadata: metadata) }
        await self.running?.control { $0.add(peer, addresses: addresses) }
    }

    /// Forgets a peer: disconnects it and makes no further tries.
    public func removePeer(_ peer: PeerID) async {
        self.book.withLock { _ = $0.removeValue(forKey: peer) }
        await self.running?.control { $0.remove(peer) }
    }

    /// The peers that were added.
    public var peers: [PeerID] { self.book.withLock { Array($0.keys) } }
}
