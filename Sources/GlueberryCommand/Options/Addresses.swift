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

import Multiformats
import PeerIdentity

/// Addresses, peer IDs and key files that were given as text, with errors for people.
enum Addresses {
    /// Addresses to listen on, separated by commas.
    static func listening(_ text: String) throws(CommandFailure) -> [Multiaddr] {
        var addresses: [Multiaddr] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: true) {
            addresses.append(try self.parse(String(part), example: "/ip4/127.0.0.1/tcp/9000"))
        }
        return addresses
    }

    /// Any address.
    static func any(_ text: String) throws(CommandFailure) -> Multiaddr {
        try self.parse(text, example: "/ip4/192.0.2.1/tcp/9000")
    }

    /// An address that says who is there.
    static func peer(_ text: String) throws(CommandFailure) -> (address: Multiaddr, peer: PeerID) {
        let address = try self.parse(text, example: "/ip4/192.0.2.1/tcp/9000/p2p/12D3KooW…")
        guard let peer = address.peerID else {
            throw CommandFailure(
                "the address '\(TerminalText.line(text, limit: 200))' does not say who is there; add /p2p/ and the peer ID",
                status: 64)
        }
        return (address, peer)
    }

    /// Addresses that say who is there, separated by commas, by peer in the order given.
    static func peers(_ text: String) throws(CommandFailure) -> [(peer: PeerID, addresses: [Multiaddr])] {
        var peers: [(peer: PeerID, addresses: [Multiaddr])] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: true) {
            let (address, peer) = try self.peer(String(part))
            if let index = peers.firstIndex(where: { $0.peer == peer }) {
                peers[index].addresses.append(address)
            } else {
                peers.append((peer, [address]))
            }
        }
        return peers
    }

    /// A peer ID.
    static func peerID(_ text: String) throws(CommandFailure) -> PeerID {
        do {
            return try PeerID(text)
        } catch {
            throw CommandFailure("\(error.message); a peer ID looks like 12D3KooW…, see 'glueberry id'", status: 64)
        }
    }

    /// The identity in a key file, which is made if it is not there; a fresh identity without a file.
    static func identity(_ keyFile: String?) throws(CommandFailure) -> Identity {
        guard let keyFile else { return .generate() }
        do {
            return try Identity.load(from: keyFile, orCreate: true)
        } catch {
            throw CommandFailure("\(error.message); give another file with --key, or make one with 'glueberry keygen'")
        }
    }

    private static func parse(_ text: String, example: String) throws(CommandFailure) -> Multiaddr {
        do {
            return try Multiaddr(text)
        } catch {
            throw CommandFailure(
                "'\(TerminalText.line(text, limit: 200))' is no address (\(error.message)); write it like \(example)",
                status: 64)
        }
    }
}
