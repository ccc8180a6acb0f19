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

import Testing

@testable import Multiformats

@Suite struct IPv6TextTests {
    @Test(arguments: [
        ("::", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("2001:DB8::1", "2001:db8::1"),
        ("2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("::ffff:c000:201", "::ffff:192.0.2.1"),
        ("::192.0.2.1", "::c000:201"),
        ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"),
        ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("fe80::", "fe80::"),
        ("0:0:0:0:0:0:0:0", "::"),
    ])
    func isPrintedInCanonicalForm(text: String, canonical: String) throws {
        let bytes = try #require(IPv6Text.parse(text.utf8))
        #expect(bytes.count == 16)
        #expect(IPv6Text.format(bytes) == canonical)
    }

    @Test(arguments: [
        "", ":", ":::", "1", "1:2", "1:", ":1", "1::2::3", "::1::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "12345::",
        "g::", "::g", "fe80::1%eth0", "::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "::01.2.3.4", "1.2.3.4", "1.2.3.4::",
        "::1.2.3.4:1", "1:2:3:4:5:6:7:1.2.3.4", " ::1", "::1 ", "[::1]", "::-1", "::+1", "::1/64", "::\u{0}",
        "00000000000000000000000000000000000000000000000000::1",
    ])
    func malformedTextIsRefused(text: String) {
        #expect(IPv6Text.parse(text.utf8) == nil)
    }

    @Test func everyPatternOfZeroGroupsRoundTrips() throws {
        for pattern in 0..<256 {
            var bytes: [UInt8] = []
            for group in 0..<8 {
                bytes += pattern >> group & 1 == 1 ? [0xab, UInt8(group)] : [0, 0]
            }
            let text = IPv6Text.format(bytes)
            #expect(IPv6Text.parse(text.utf8) == bytes)
            #expect(text.split(separator: "::", omittingEmptySubsequences: false).count <= 2)
        }
    }

    @Test func randomAddressesRoundTrip() throws {
        var random = SplitMix64(seed: 7)
        for _ in 0..<2000 {
            var bytes = random.bytes(16)
            for index in bytes.indices where Bool.random(using: &random) { bytes[index] = 0 }
            #expect(IPv6Text.parse(IPv6Text.format(bytes).utf8) == bytes)
        }
    }

    @Test func randomTextIsReadAsWhatPrintsCanonicallyOrRefused() throws {
        var random = SplitMix64(seed: 8)
        let characters = [UInt8]("::::0123456789abcdefF.".utf8)
        for _ in 0..<20_000 {
            let length = Int.random(in: 0...20, using: &random)
            let text = (0..<length).map { _ in characters[Int.random(in: characters.indices, using: &random)] }
            guard let bytes = IPv6Text.parse(text) else { continue }
            #expect(IPv6Text.parse(IPv6Text.format(bytes).utf8) == bytes)
        }
    }
}
