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
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite struct BlacklistValueTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000)

    private func block(_ subject: BlacklistEntry.Subject, until deadline: NIODeadline? = nil) -> BlockList.Block {
        BlockList.Block(
            entry: BlacklistEntry(
                subject: subject, createdAt: Timestamp(seconds: 1), expires: deadline.map { _ in Timestamp(seconds: 2) }
            ),
            deadline: deadline)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("2001:DB8::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
    ])
    func addressesHaveOneText(text: String, canonical: String) throws {
        #expect(try IPAddress(text).description == canonical)
    }

    @Test(arguments: ["", "192.0.2", "192.0.2.256", "example.org", "1::2::3", "192.0.2.1/24", "%", "::g"])
    func whatIsNoAddressIsATypedError(text: String) throws {
        #expect(throws: GlueberryError.self) { try IPAddress(text) }
        do { _ = try IPAddress(text) } catch { #expect(error.code == .invalidAddress) }
    }

    @Test(arguments: [
        ("192.0.2.77/24", "192.0.2.0/24"), ("0.0.0.0/0", "0.0.0.0/0"), ("2001:db8:1234::1/33", "2001:db8::/33"),
        ("10.1.2.3/32", "10.1.2.3/32"), ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
    ])
    func subnetsHaveOneText(text: String, canonical: String) throws {
        #expect(try IPSubnet(text).description == canonical)
    }

    @Test(arguments: [
        "10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "::/129", "10.0.0.0/8/8", "x/8", "::ffff:10.0.0.0/8",
    ])
    func whatIsNoSubnetIsATypedError(text: String) throws {
        do {
            _ = try IPSubnet(text)
            Issue.record("taken")
        } catch { #expect(error.code == .invalidAddress) }
    }

    @Test func aSubnetHoldsTheAddressesThatBeginWithItsBits() throws {
        let subnet = try IPSubnet("192.0.2.128/25")
        #expect(try subnet.contains(IPAddress("192.0.2.128")))
        #expect(try subnet.contains(IPAddress("192.0.2.255")))
        #expect(try !subnet.contains(IPAddress("192.0.2.127")))
        #expect(try !subnet.contains(IPAddress("2001:db8::1")))
        #expect(try IPSubnet("0.0.0.0/0").contains(IPAddress("203.0.113.9")))
        #expect(try !IPSubnet("::/0").contains(IPAddress("203.0.113.9")))
    }

    @Test func theIPAddressOfAMultiaddrIsFound() throws {
        #expect(IPAddress(of: try Multiaddr("/ip4/192.0.2.1/tcp/1")) == (try IPAddress("192.0.2.1")))
        #expect(IPAddress(of: try Multiaddr("/ip6zone/eth0/ip6/fe80::1/tcp/1")) == (try IPAddress("fe80::1")))
        #expect(IPAddress(of: try Multiaddr("/dns4/example.org/tcp/1")) == nil)
    }

    @Test func aBlockHoldsUntilItsDeadline() throws {
        var list = BlockList()
        let peer = Identity.generate().peerID
        list.insert(self.block(.peer(peer), until: self.start + .seconds(5)))
        #expect(list.block(of: peer, now: self.start) != nil)
        #expect(list.block(of: peer, now: self.start + .nanoseconds(4_999_999_999)) != nil)
        #expect(list.block(of: peer, now: self.start + .seconds(5)) == nil)
        let early = list.removeExpired(now: self.start + .seconds(4))
        #expect(early.isEmpty)
        let ended = list.removeExpired(now: self.start + .seconds(5))
        #expect(ended.map(\.subject) == [.peer(peer)])
        #expect(list.count == 0)
        #expect(list.nextDeadline == nil)
    }

    @Test func anAddressIsKeptOutByItselfAndByEverySubnet() throws {
        var list = BlockList()
        let address = try IPAddress("10.1.2.3")
        let wide = BlacklistEntry.Subject.subnet(try IPSubnet("10.0.0.0/8"))
        let narrow = BlacklistEntry.Subject.subnet(try IPSubnet("10.1.2.0/24"))
        let other = BlacklistEntry.Subject.subnet(try IPSubnet("10.1.3.0/24"))
        for subject in [wide, narrow, other, .address(address)] { list.insert(self.block(subject)) }
        #expect(list.block(of: address, now: self.start)?.subject == .address(address))
        list.remove(.address(address))
        #expect(list.block(of: address, now: self.start) != nil)
        list.remove(narrow)
        #expect(list.block(of: address, now: self.start)?.subject == wide)
        list.remove(wide)
        // Another subnet of the same length is left, and is not this address's.
        #expect(list.block(of: address, now: self.start) == nil)
        #expect(try list.block(of: IPAddress("10.1.3.9"), now: self.start)?.subject == other)
    }

    @Test func aSubnetBlockedTwiceIsOneBlock() throws {
        var list = BlockList()
        let subject = BlacklistEntry.Subject.subnet(try IPSubnet("10.0.0.0/8"))
        list.insert(self.block(subject, until: self.start + .seconds(1)))
        list.insert(self.block(subject))
        let ended = list.removeExpired(now: self.start + .seconds(2))
        #expect(ended.isEmpty)
        list.remove(subject)
        #expect(try list.block(of: IPAddress("10.0.0.1"), now: self.start) == nil)
    }
}
