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

@Suite struct MultiaddrTests {
    static let peerText = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5"
    static let peerHexadecimal = "0024080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
    static let certificateText = "uEiAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw"
    static let certificateHexadecimal = "1220000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

    /// At least one address for each protocol: its text, and its bytes worked out by hand.
    static let known: [(text: String, hexadecimal: String)] = [
        ("/ip4/192.0.2.1", "04c0000201"),
        ("/ip4/127.0.0.1/tcp/7402", "047f000001061cea"),
        ("/ip4/0.0.0.0/tcp/0", "0400000000060000"),
        ("/ip6/2001:db8::1/tcp/65535", "2920010db800000000000000000000000106ffff"),
        ("/ip6zone/eth0/ip6/fe80::1", "2a046574683029fe800000000000000000000000000001"),
        ("/ip4/10.0.0.0/ipcidr/8", "040a0000002b08"),
        ("/dns/example.com/tcp/443", "350b6578616d706c652e636f6d0601bb"),
        ("/dns4/example.com", "360b6578616d706c652e636f6d"),
        ("/dns6/example.com", "370b6578616d706c652e636f6d"),
        ("/dnsaddr/example.com", "380b6578616d706c652e636f6d"),
        ("/ip4/127.0.0.1/udp/1234", "047f000001910204d2"),
        ("/udp/53/webrtc-direct", "910200359802"),
        ("/p2p/\(peerText)/p2p-circuit", "a50326\(peerHexadecimal)a202"),
        ("/unix/run/x.sock", "90030b2f72756e2f782e736f636b"),
        ("/tcp/1/tls", "060001c003"),
        ("/tls/sni/example.com", "c003c1030b6578616d706c652e636f6d"),
        ("/tcp/1/noise", "060001c603"),
        ("/udp/1/quic", "91020001cc03"),
        ("/udp/1/quic-v1", "91020001cd03"),
        ("/quic-v1/webtransport", "cd03d103"),
        ("/certhash/\(certificateText)", "d20322\(certificateHexadecimal)"),
        ("/tcp/1/ws", "060001dd03"),
        ("/tcp/1/wss", "060001de03"),
        ("/memory/258", "89060000000000000102"),
        ("/memory/18446744073709551615", "8906ffffffffffffffff"),
        (
            "/ip6/2001:8a0:7ac5:4201:3ac9:86ff:fe31:7095/tcp/8000/ws/p2p/"
                + "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
            "29200108a07ac542013ac986fffe317095061f40dd03a50322"
                + "12209dff3b17d74cf4d38a50d8b6383e92d181a10395a5e73a726dcccbd21bf6f0b9"
        ),
    ]

    @Test(arguments: known.indices) func textAndBytesStandForEachOther(index: Int) throws {
        let (text, hexadecimal) = Self.known[index]
        let bytes = try Base16.decode(hexadecimal)
        let fromText = try Multiaddr(text)
        let fromBytes = try Multiaddr(bytes: bytes)
        #expect(fromText.bytes == bytes)
        #expect(fromBytes.description == text)
        #expect(fromText == fromBytes)
        #expect(Multiaddr(components: fromText.components) == fromText)
    }

    @Test func everyProtocolOccursInTheKnownAddresses() throws {
        var seen: Set<UInt64> = []
        for (text, _) in Self.known {
            seen.formUnion(try Multiaddr(text).components.map(\.proto.code))
        }
        #expect(seen == Set(MultiaddrProtocol.all.map(\.code)))
    }

    @Test(arguments: known.indices) func everyTruncationIsRefusedOrEndsBetweenTwoComponents(index: Int) throws {
        let bytes = try Base16.decode(Self.known[index].hexadecimal)
        let whole = try Multiaddr(bytes: bytes)
        var boundaries: [[UInt8]] = []
        for count in 1..<whole.components.count {
            boundaries.append(Multiaddr(components: Array(whole.components.prefix(count))).bytes)
        }
        for length in 0..<bytes.count {
            let prefix = [UInt8](bytes.prefix(length))
            if boundaries.contains(prefix) {
                #expect(try Multiaddr(bytes: prefix).bytes == prefix)
            } else {
                let error = #expect(throws: MultiaddrError.self) { try Multiaddr(bytes: prefix) }
                #expect(length == 0 ? error?.code == .empty : error?.code == .truncated)
            }
        }
    }

    @Test(arguments: known.indices) func everyFlippedBitIsRefusedOrMeansAnotherAddress(index: Int) throws {
        let bytes = try Base16.decode(Self.known[index].hexadecimal)
        let original = try Multiaddr(bytes: bytes)
        for position in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[position] ^= 1 << UInt8(bit)
                guard let address = try? Multiaddr(bytes: changed) else { continue }
                #expect(address != original)
                #expect(address.bytes == changed)
                #expect(try Multiaddr(address.description) == address)
            }
        }
    }

    @Test(arguments: [
        ("/ipfs/\(peerText)", "/p2p/\(peerText)"),
        (
            "/p2p/bafzaajaiaejcal72gwuz2or47oyxxn6b3rkwdmmkrxgkjxzy3rqt5kczyn7lcm3l",
            "/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
        ),
        (
            "/p2p/z5AanNVJCxnJ4fhdT9DsSUYvwjgHpsJ4pn4bueg8bvDe6b1tDj9rmdk",
            "/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
        ),
        (
            "/p2p/bafzbeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe",
            "/p2p/QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
        ),
        ("/ip6/2001:0DB8:0:0:0:0:0:1", "/ip6/2001:db8::1"),
        ("/ip6/::FFFF:192.0.2.1", "/ip6/::ffff:192.0.2.1"),
        ("/certhash/f\(certificateHexadecimal)", "/certhash/\(certificateText)"),
        ("/unix/a", "/unix/a"),
        ("/unix/a/tcp/1", "/unix/a/tcp/1"),
        ("/unix//a", "/unix//a"),
        ("/unix/tmp/é ü.sock", "/unix/tmp/é ü.sock"),
    ])
    func otherSpellingsArePrintedInOne(text: String, printed: String) throws {
        let address = try Multiaddr(text)
        #expect(address.description == printed)
        #expect(try Multiaddr(bytes: address.bytes) == address)
    }

    @Test func aUnixPathTakesTheRestOfTheText() throws {
        let address = try Multiaddr("/unix/run/x/tcp/1/p2p-circuit")
        #expect(address.components.count == 1)
        #expect(address.components.first?.text == "/run/x/tcp/1/p2p-circuit")
    }

    static let malformedText: [(text: String, code: MultiaddrError.Code)] = [
        ("", .empty),
        ("/", .empty),
        ("ip4/1.2.3.4", .malformedText),
        (" /ip4/1.2.3.4", .malformedText),
        ("//ip4/1.2.3.4", .malformedText),
        ("/ip4/1.2.3.4/", .malformedText),
        ("/ip4/1.2.3.4//tcp/1", .malformedText),
        ("/tls/", .malformedText),
        ("/ip5/1.2.3.4", .unknownProtocol),
        ("/IP4/1.2.3.4", .unknownProtocol),
        ("/ip4 /1.2.3.4", .unknownProtocol),
        ("/http", .unknownProtocol),
        ("/tls/x", .unknownProtocol),
        ("/ip4", .missingValue),
        ("/ip4/1.2.3.4/tcp", .missingValue),
        ("/unix", .missingValue),
        ("/ip4/", .invalidValue),
        ("/ip4/1.2.3", .invalidValue),
        ("/ip4/1.2.3.4.5", .invalidValue),
        ("/ip4/1.2.3.256", .invalidValue),
        ("/ip4/01.2.3.4", .invalidValue),
        ("/ip4/1.2.3.-4", .invalidValue),
        ("/ip4/::1", .invalidValue),
        ("/ip6/1.2.3.4", .invalidValue),
        ("/ip6/fe80::1%eth0", .invalidValue),
        ("/ip6/", .invalidValue),
        ("/ip6zone/", .invalidValue),
        ("/ip6zone/e h", .invalidValue),
        ("/ip6zone/" + String(repeating: "a", count: 256), .invalidValue),
        ("/ipcidr/256", .invalidValue),
        ("/ipcidr/-1", .invalidValue),
        ("/tcp/65536", .invalidValue),
        ("/tcp/080", .invalidValue),
        ("/tcp/+80", .invalidValue),
        ("/tcp/-1", .invalidValue),
        ("/tcp/8 0", .invalidValue),
        ("/tcp/80\u{0}", .invalidValue),
        ("/tcp/http", .invalidValue),
        ("/tcp/99999999999999999999999999", .invalidValue),
        ("/udp/", .invalidValue),
        ("/dns/", .invalidValue),
        ("/dns/exa mple.com", .invalidValue),
        ("/dns/example.com\n", .invalidValue),
        ("/dns/exämple.com", .invalidValue),
        ("/dns4/" + String(repeating: "a", count: 256), .invalidValue),
        ("/unix/", .invalidValue),
        ("/unix/a/", .invalidValue),
        ("/unix/a\nb", .invalidValue),
        ("/unix/" + String(repeating: "a", count: 255), .invalidValue),
        ("/p2p/", .invalidValue),
        ("/p2p/12D3KooW", .invalidValue),
        ("/p2p/\(peerText)x", .invalidValue),
        ("/p2p/Qm", .invalidValue),
        ("/p2p/0", .invalidValue),
        ("/p2p/" + String(repeating: "1", count: 300), .invalidValue),
        // A CID with the codec dag-pb, not that of a libp2p key.
        ("/p2p/bafybeie5745rpv2m6tjyuugywy4d5ewrqgqqhfnf445he3omzpjbx5xqxe", .invalidValue),
        ("/p2p/b", .invalidValue),
        ("/certhash/", .invalidValue),
        ("/certhash/\(certificateHexadecimal)", .invalidValue),
        ("/certhash/u", .invalidValue),
        ("/certhash/u" + String(repeating: "A", count: 5000), .invalidValue),
        ("/memory/", .invalidValue),
        ("/memory/18446744073709551616", .invalidValue),
        ("/memory/abc", .invalidValue),
        (String(repeating: "/tls", count: 2049), .tooLong),
        (String(repeating: "/ws", count: 2049), .tooLong),
    ]

    @Test(arguments: malformedText.indices) func malformedTextIsRefusedInOneLine(index: Int) {
        let (text, code) = Self.malformedText[index]
        let error = #expect(throws: MultiaddrError.self) { try Multiaddr(text) }
        #expect(error?.code == code)
        let message = error?.message ?? ""
        #expect(message.count < 300)
        #expect(!message.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7f })
    }

    @Test func errorsNameThePartAndWhatWasExpected() {
        func message(_ text: String) -> String? {
            do {
                _ = try Multiaddr(text)
                return nil
            } catch {
                return error.description
            }
        }
        #expect(
            message("/ip4/1.2.3.4/tcp/99999")
                == "multiaddr part 2: value of /tcp is '99999', expected a port from 0 to 65535"
        )
        #expect(message("/ip4/1.2.3.4/tcpp/1") == "multiaddr part 2: 'tcpp' is no known protocol")
        #expect(
            message("/ip4/1.2.3.4/tcp") == "multiaddr part 2: /tcp has no value, expected a port from 0 to 65535"
        )
        #expect(message("1.2.3.4:80") == "multiaddr '1.2.3.4:80' does not begin with '/'")
        #expect(message("/ip4/1.2.3.4/") == "multiaddr ends in '/', expected the name of a protocol after it")
        #expect(message("/a\u{1b}[2J")?.contains("\u{1b}") == false)
    }

    static let malformedBytes: [(hexadecimal: String, code: MultiaddrError.Code)] = [
        ("", .empty),
        ("ff", .truncated),
        ("05", .unknownProtocol),
        ("00", .unknownProtocol),
        ("e00301", .unknownProtocol),
        ("8400c0000201", .malformedVarint),
        ("ffffffffffffffffffff01", .malformedVarint),
        ("04c00002", .truncated),
        ("06ff", .truncated),
        ("3505616263", .truncated),
        ("3500", .invalidValue),
        ("35818000616263", .malformedVarint),
        ("35ffffffffffffffffff01", .invalidValue),
        ("358002" + String(repeating: "61", count: 256), .invalidValue),
        ("3503612f62", .invalidValue),
        ("3503610a62", .invalidValue),
        ("3503610062", .invalidValue),
        ("3502c3a9", .invalidValue),
        ("2a00", .invalidValue),
        ("2a02612f", .invalidValue),
        ("900300", .invalidValue),
        ("9003012f", .invalidValue),
        ("9003026161", .invalidValue),
        ("9003032f612f", .invalidValue),
        ("9003032f6100", .invalidValue),
        ("9003032f61ff", .invalidValue),
        ("9003052f61e280a8", .invalidValue),
        ("a50300", .invalidValue),
        ("a503020000", .invalidValue),
        ("a503031201aa", .invalidValue),
        ("a503031301aa", .invalidValue),
        ("a5032c002b" + String(repeating: "00", count: 42), .invalidValue),
        ("a5032d002b" + String(repeating: "00", count: 43), .invalidValue),
        ("d20300", .invalidValue),
        ("d203021220", .invalidValue),
        ("8906000000", .truncated),
        ("04c0000201ff", .truncated),
    ]

    @Test(arguments: malformedBytes.indices) func malformedBytesAreRefused(index: Int) throws {
        let bytes = try Base16.decode(Self.malformedBytes[index].hexadecimal)
        let error = #expect(throws: MultiaddrError.self) { try Multiaddr(bytes: bytes) }
        #expect(error?.code == Self.malformedBytes[index].code)
        #expect(error?.message.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f } == true)
    }

    @Test func bytesUpToTheLimitAreTakenAndNoLonger() throws {
        let component: [UInt8] = [0xc0, 0x03]
        let longest = (0..<Multiaddr.maximumLength / 2).flatMap { _ in component }
        #expect(try Multiaddr(bytes: longest).components.count == Multiaddr.maximumLength / 2)
        let error = #expect(throws: MultiaddrError.self) { try Multiaddr(bytes: longest + component) }
        #expect(error?.code == .tooLong)
    }

    @Test func slicesAreReadFromTheirOwnStart() throws {
        let bytes: [UInt8] = [0xff, 0xff, 0x04, 192, 0, 2, 1, 0xff]
        #expect(try Multiaddr(bytes: bytes[2..<7]).description == "/ip4/192.0.2.1")
    }

    @Test func randomBytesAreReadAsWhatPrintsAndParsesOrRefused() throws {
        var random = SplitMix64(seed: 9)
        let codes: [[UInt8]] = try Self.known.map { [UInt8](try Base16.decode($0.hexadecimal).prefix(2)) }
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                bytes += codes[Int.random(in: codes.indices, using: &random)]
                bytes += random.bytes(Int.random(in: 0...6, using: &random)).map {
                    $0 & (Bool.random(using: &random) ? 0x0f : 0x7f)
                }
            }
            guard let address = try? Multiaddr(bytes: bytes) else { continue }
            accepted += 1
            #expect(address.bytes == bytes)
            #expect(try Multiaddr(address.description) == address)
        }
        #expect(accepted > 20)
    }

    @Test func randomTextIsReadAsWhatPrintsAndParsesOrRefused() throws {
        var random = SplitMix64(seed: 10)
        let pieces =
            MultiaddrProtocol.all.map(\.name) + ["1", "1.2.3.4", "::1", "a", "", "é", "65536", Self.peerText, "\u{0}"]
        var accepted = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...6, using: &random)
            let text = (0..<count).map { _ in "/" + pieces[Int.random(in: pieces.indices, using: &random)] }.joined()
            guard let address = try? Multiaddr(text) else { continue }
            accepted += 1
            #expect(try Multiaddr(bytes: address.bytes) == address)
            #expect(try Multiaddr(address.description) == address)
        }
        #expect(accepted > 20)
    }

    @Test func aListFromTheNetworkKeepsWhatIsKnown() throws {
        let first = try Multiaddr("/ip4/192.0.2.1/tcp/1")
        let second = try Multiaddr("/ip4/192.0.2.2/udp/1/quic-v1")
        let list: [[UInt8]] = [[0xe0, 0x03], first.bytes, [], [0x04, 1], second.bytes, [0xff]]
        #expect(Multiaddr.list(fromNetwork: list, limit: 10) == [first, second])
        #expect(Multiaddr.list(fromNetwork: list, limit: 1) == [first])
        #expect(Multiaddr.list(fromNetwork: list, limit: 0).isEmpty)
        #expect(Multiaddr.list(fromNetwork: list, limit: -1).isEmpty)
    }

    @Test func appendingJoinsTheComponents() throws {
        let host = try Multiaddr("/ip4/192.0.2.1")
        let port = try Multiaddr("/tcp/9000")
        #expect(host.appending(port).description == "/ip4/192.0.2.1/tcp/9000")
        #expect(try Multiaddr("/ip4/192.0.2.1/tcp/9000") == host.appending(port))
    }

    @Test func thePeerIsAppendedFoundAndTakenAway() throws {
        let peer = try Base16.decode(Self.peerHexadecimal)
        let address = try Multiaddr("/ip4/192.0.2.1/tcp/9000")
        let full = address.appending(peer: peer)
        #expect(full.description == "/ip4/192.0.2.1/tcp/9000/p2p/\(Self.peerText)")
        #expect(full.peer == peer)
        #expect(full.withoutPeer == address)
        #expect(address.peer == nil)
        #expect(address.withoutPeer == address)
        #expect(address.appending(peer: [1, 2, 3]) == address)
    }

    @Test func behindARelayThePeerIsTheOneAfterTheCircuit() throws {
        let relay = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N"
        let relayed = try Multiaddr("/ip4/192.0.2.1/tcp/1/p2p/\(relay)/p2p-circuit/p2p/\(Self.peerText)")
        #expect(try Base16.decode(Self.peerHexadecimal) == relayed.peer)
        #expect(relayed.withoutPeer.description == "/ip4/192.0.2.1/tcp/1/p2p/\(relay)/p2p-circuit")
        #expect(relayed.withoutPeer.peer == nil)
    }

    @Test func anAddressWithoutComponentsPrintsAsASlash() {
        let empty = Multiaddr(components: [])
        #expect(empty.description == "/")
        #expect(empty.bytes.isEmpty)
        #expect(empty.peer == nil)
        #expect(empty.tcpEndpoint == nil)
    }

    @Test func componentsAreMadeOfValidValuesOnly() throws {
        #expect(try Multiaddr.Component(.tcp, text: "80").value == [0, 80])
        #expect(try Multiaddr.Component(.tcp, value: [0, 80]).text == "80")
        #expect(try Multiaddr.Component(.tls).text == nil)
        #expect(throws: MultiaddrError.self) { try Multiaddr.Component(.tcp, value: [80]) }
        #expect(throws: MultiaddrError.self) { try Multiaddr.Component(.tls, value: [1]) }
        #expect(throws: MultiaddrError.self) { try Multiaddr.Component(.tls, text: "x") }
        #expect(throws: MultiaddrError.self) { try Multiaddr.Component(.dns, text: "a/b") }
    }
}
