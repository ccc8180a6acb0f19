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

/// What may be said of a peer.
extension AddressBookEntry {
    /// The addresses without the peer's ID, each once.
    ///
    /// - Throws: ``GlueberryError`` with code `invalidAddress` for one that is another peer's or says nothing but the peer, and
    ///   for more than ``maximumAddresses``.
    package static func checked(_ addresses: [Multiaddr], of peer: PeerID) throws(GlueberryError) -> [Multiaddr] {
        var checked: [Multiaddr] = []
        for address in addresses {
            if let other = address.peer, other != peer.bytes {
                throw GlueberryError(.invalidAddress, "the address \(address) is another peer's", peer: peer)
            }
            let bare = address.withoutPeer
            guard !bare.components.isEmpty else {
                throw GlueberryError(.invalidAddress, "an address says nothing but the peer", peer: peer)
            }
            if !checked.contains(bare) { checked.append(bare) }
            guard checked.count <= self.maximumAddresses else {
                throw GlueberryError(
                    .invalidAddress, "a peer has at most \(self.maximumAddresses) addresses", peer: peer)
            }
        }
        return checked
    }

    /// Throws ``GlueberryError`` with code `metadataTooLarge` for more than ``maximumMetadata`` bytes.
    package static func check(_ metadata: [String: String], of peer: PeerID) throws(GlueberryError) {
        let size = metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard size <= self.maximumMetadata else {
            throw GlueberryError(
                .metadataTooLarge, "\(size) bytes of metadata exceed \(self.maximumMetadata)", peer: peer)
        }
    }
}
