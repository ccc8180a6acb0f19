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

/// A protocol that a component of a ``Multiaddr`` can name: its code in the table of multicodecs and its name.
public struct MultiaddrProtocol: Hashable, Sendable, CustomStringConvertible {
    /// The code that stands for the protocol in the binary form.
    public let code: UInt64
    /// The name that stands for the protocol in the text form.
    public let name: String
    /// What the component's value is.
    let value: MultiaddrValue

    private init(_ code: UInt64, _ name: String, _ value: MultiaddrValue = .none) {
        self.code = code
        self.name = name
        self.value = value
    }

    /// Whether a component of this protocol carries a value.
    public var hasValue: Bool { value != .none }

    /// The same as ``name``.
    public var description: String { name }

    /// IPv4 address.
    public static let ip4 = MultiaddrProtocol(4, "ip4", .ip4)
    /// TCP port.
    public static let tcp = MultiaddrProtocol(6, "tcp", .port)
    /// IPv6 address.
    public static let ip6 = MultiaddrProtocol(41, "ip6", .ip6)
    /// Zone of the IPv6 address that follows (RFC 4007), in general the name of an interface.
    public static let ip6zone = MultiaddrProtocol(42, "ip6zone", .zone)
    /// Length in bits of the prefix that makes the address before it a network.
    public static let ipcidr = MultiaddrProtocol(43, "ipcidr", .prefixLength)
    /// Domain name that resolves to addresses of either version.
    public static let dns = MultiaddrProtocol(53, "dns", .name)
    /// Domain name that resolves to IPv4 addresses.
    public static let dns4 = MultiaddrProtocol(54, "dns4", .name)
    /// Domain name that resolves to IPv6 addresses.
    public static let dns6 = MultiaddrProtocol(55, "dns6", .name)
    /// Domain name whose TXT records hold multiaddrs.
    public static let dnsaddr = MultiaddrProtocol(56, "dnsaddr", .name)
    /// UDP port.
    public static let udp = MultiaddrProtocol(273, "udp", .port)
    /// WebRTC without a signalling server.
    public static let webrtcDirect = MultiaddrProtocol(280, "webrtc-direct")
    /// Relayed by the peer named before it.
    public static let p2pCircuit = MultiaddrProtocol(290, "p2p-circuit")
    /// Path of a Unix domain socket; in the text form it takes all that follows.
    public static let unix = MultiaddrProtocol(400, "unix", .path)
    /// Peer ID, a multihash; the text form also takes the older name `ipfs`.
    public static let p2p = MultiaddrProtocol(421, "p2p", .peer)
    /// TLS.
    public static let tls = MultiaddrProtocol(448, "tls")
    /// Server name that TLS asks for.
    public static let sni = MultiaddrProtocol(449, "sni", .name)
    /// Noise.
    public static let noise = MultiaddrProtocol(454, "noise")
    /// QUIC of a draft version.
    public static let quic = MultiaddrProtocol(460, "quic")
    /// QUIC version 1 (RFC 9000).
    public static let quicV1 = MultiaddrProtocol(461, "quic-v1")
    /// WebTransport.
    public static let webtransport = MultiaddrProtocol(465, "webtransport")
    /// Hash of a certificate, a multihash.
    public static let certhash = MultiaddrProtocol(466, "certhash", .certificateHash)
    /// WebSocket.
    public static let ws = MultiaddrProtocol(477, "ws")
    /// WebSocket over TLS.
    public static let wss = MultiaddrProtocol(478, "wss")
    /// Number of a listener within the process.
    public static let memory = MultiaddrProtocol(777, "memory", .number)

    /// Every protocol that is known here, by ascending code.
    public static let all: [MultiaddrProtocol] = [
        ip4, tcp, ip6, ip6zone, ipcidr, dns, dns4, dns6, dnsaddr, udp, webrtcDirect, p2pCircuit, unix, p2p, tls, sni,
        noise, quic, quicV1, webtransport, certhash, ws, wss, memory,
    ]

    private static let byCode = Dictionary(uniqueKeysWithValues: all.map { ($0.code, $0) })
    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) } + [("ipfs", p2p)])

    /// The protocol of the given code, or `nil` when none is known.
    public init?(code: UInt64) {
        guard let known = Self.byCode[code] else { return nil }
        self = known
    }

    /// The protocol of the given name, or `nil` when none is known; `ipfs` means `p2p`.
    public init?(name: String) {
        guard let known = Self.byName[name] else { return nil }
        self = known
    }
}
