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
import Testing

@Suite struct TCPEndpointTests {
    typealias Host = Multiaddr.TCPEndpoint.Host

    @Test(
        arguments: [
            ("/ip4/192.0.2.1/tcp/9000", .ip4("192.0.2.1"), 9000),
            ("/ip6/2001:db8::1/tcp/0", .ip6("2001:db8::1", zone: nil), 0),
            ("/ip6zone/eth0/ip6/fe80::1/tcp/65535", .ip6("fe80::1", zone: "eth0"), 65_535),
            ("/dns/example.com/tcp/80", .dns("example.com"), 80),
            ("/dns4/example.com/tcp/80", .dns4("example.com"), 80),
            ("/dns6/example.com/tcp/80", .dns6("example.com"), 80),
        ] as [(String, Host, UInt16)])
    func tcpAddressesNameAnEndpointWithAndWithoutPeer(text: String, host: Host, port: UInt16) throws {
        let address = try Multiaddr(text)
        let expected = Multiaddr.TCPEndpoint(host: host, port: port)
        #expect(address.tcpEndpoint == expected)
        #expect(try Multiaddr("\(text)/p2p/\(MultiaddrTests.peerText)").tcpEndpoint == expected)
    }

    @Test(arguments: [
        "/ip4/192.0.2.1", "/tcp/1", "/ip4/192.0.2.1/udp/1", "/ip4/192.0.2.1/tcp/1/ws", "/ip4/192.0.2.1/tcp/1/tls",
        "/ip4/192.0.2.1/tcp/1/tcp/2", "/ip4/192.0.2.1/ip4/192.0.2.1/tcp/1", "/ip6zone/eth0/tcp/1",
        "/ip6zone/eth0/ip4/192.0.2.1/tcp/1", "/ip6zone/eth0/dns/a/tcp/1", "/dnsaddr/example.com/tcp/1",
        "/ip4/10.0.0.0/ipcidr/8/tcp/1", "/unix/a", "/memory/1", "/tcp/1/ip4/192.0.2.1",
        "/ip4/192.0.2.1/tcp/1/p2p/\(MultiaddrTests.peerText)/p2p-circuit",
        "/ip4/192.0.2.1/tcp/1/p2p/\(MultiaddrTests.peerText)/p2p/\(MultiaddrTests.peerText)",
        "/p2p/\(MultiaddrTests.peerText)",
    ])
    func otherAddressesNameNone(text: String) throws {
        #expect(try Multiaddr(text).tcpEndpoint == nil)
    }

    @Test(arguments: [
        ("192.0.2.1", "/ip4/192.0.2.1/tcp/9000"),
        ("::1", "/ip6/::1/tcp/9000"),
        ("2001:DB8:0::1", "/ip6/2001:db8::1/tcp/9000"),
        ("fe80::1%eth0", "/ip6zone/eth0/ip6/fe80::1/tcp/9000"),
    ])
    func anIPAddressAndAPortMakeAnAddress(ipAddress: String, expected: String) throws {
        #expect(try Multiaddr(ipAddress: ipAddress, tcpPort: 9000).description == expected)
    }

    @Test(arguments: ["", "localhost", "1.2.3", "1.2.3.4/8", "::1%", "fe80::1%a/b", "1.2.3.4%eth0", "%eth0", ":"])
    func whatIsNoIPAddressIsRefused(ipAddress: String) {
        let error = #expect(throws: MultiaddrError.self) { try Multiaddr(ipAddress: ipAddress, tcpPort: 1) }
        #expect(error?.code == .invalidValue)
    }
}
