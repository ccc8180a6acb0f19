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

@Suite struct MultiaddrProtocolTests {
    static let table: [(code: UInt64, name: String)] = [
        (4, "ip4"), (6, "tcp"), (41, "ip6"), (42, "ip6zone"), (43, "ipcidr"), (53, "dns"), (54, "dns4"), (55, "dns6"),
        (56, "dnsaddr"), (273, "udp"), (280, "webrtc-direct"), (290, "p2p-circuit"), (400, "unix"), (421, "p2p"),
        (448, "tls"), (449, "sni"), (454, "noise"), (460, "quic"), (461, "quic-v1"), (465, "webtransport"),
        (466, "certhash"), (477, "ws"), (478, "wss"), (777, "memory"),
    ]

    @Test(arguments: table.indices) func isFoundByCodeAndByName(index: Int) throws {
        let (code, name) = Self.table[index]
        let byCode = try #require(MultiaddrProtocol(code: code))
        let byName = try #require(MultiaddrProtocol(name: name))
        #expect(byCode == byName)
        #expect(byCode.name == name)
        #expect(byName.code == code)
    }

    @Test func theTableIsComplete() {
        #expect(MultiaddrProtocol.all.map(\.code) == Self.table.map(\.code))
    }

    @Test func ipfsIsTheOlderNameOfP2P() {
        #expect(MultiaddrProtocol(name: "ipfs") == .p2p)
    }

    @Test func unknownCodesAndNamesAreNotFound() {
        #expect(MultiaddrProtocol(code: 5) == nil)
        #expect(MultiaddrProtocol(code: .max) == nil)
        #expect(MultiaddrProtocol(name: "") == nil)
        #expect(MultiaddrProtocol(name: "TCP") == nil)
    }
}
