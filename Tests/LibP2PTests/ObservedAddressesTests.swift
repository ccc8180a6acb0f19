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
import Testing

@testable import LibP2P

@Suite struct ObservedAddressesTests {
    private let peers = (0..<200).map { _ in Identity.generate().peerID }

    @Test func aPeerCountsOnceForAnAddressHoweverManyConnectionsItHas() throws {
        var observed = ObservedAddresses()
        let address = try Multiaddr("/ip4/198.51.100.1/tcp/4001")
        for _ in 0..<5 { observed.add(address, from: peers[0], direction: .inbound) }
        observed.add(address, from: peers[1], direction: .inbound)
        #expect(observed.ranked.map(\.address) == [address])
        #expect(observed.ranked.map(\.peers) == [2])
    }

    @Test func theAddressThatMostAgreeOnComesFirst() throws {
        var observed = ObservedAddresses()
        let (few, many) = (try Multiaddr("/ip4/198.51.100.1/tcp/1"), try Multiaddr("/ip4/198.51.100.2/tcp/1"))
        observed.add(few, from: peers[0], direction: .inbound)
        for peer in peers.prefix(3) { observed.add(many, from: peer, direction: .inbound) }
        #expect(observed.ranked.map(\.address) == [many, few])
    }

    @Test func ofAPeerThatWeDialledOnlyTheIPAddressCounts() throws {
        var observed = ObservedAddresses()
        for (index, peer) in peers.prefix(4).enumerated() {
            observed.add(
                try Multiaddr("/ip4/198.51.100.1/tcp/\(50_000 + index)"), from: peer, direction: .outbound)
        }
        #expect(observed.ranked.map(\.address.description) == ["/ip4/198.51.100.1"])
        #expect(observed.ranked.map(\.peers) == [4])
    }

    @Test func whatNamesNoPlaceIsNotCounted() throws {
        var observed = ObservedAddresses()
        observed.add(Multiaddr(components: []), from: peers[0], direction: .inbound)
        observed.add(try Multiaddr("/ip4/0.0.0.0/tcp/4001"), from: peers[0], direction: .inbound)
        observed.add(try Multiaddr("/dns4/example.org/tcp/4001"), from: peers[0], direction: .outbound)
        #expect(observed.ranked.isEmpty)
    }

    @Test func moreAddressesThanTheLimitAreNotKept() throws {
        var observed = ObservedAddresses()
        for (index, peer) in peers.enumerated() {
            observed.add(try Multiaddr("/ip4/198.51.100.1/tcp/\(index + 1)"), from: peer, direction: .inbound)
        }
        #expect(observed.ranked.count == ObservedAddresses.maximumCount)
    }
}
