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

extension Multiaddr {
    /// Where a TCP transport connects to or listens.
    public struct TCPEndpoint: Hashable, Sendable {
        /// An address or a name of a host.
        public enum Host: Hashable, Sendable {
            /// An IPv4 address.
            case ip4(String)
            /// An IPv6 address, and the zone that it holds in if that was given.
            case ip6(String, zone: String?)
            /// A name to be resolved to addresses of either version.
            case dns(String)
            /// A name to be resolved to IPv4 addresses.
            case dns4(String)
            /// A name to be resolved to IPv6 addresses.
            case dns6(String)
        }

        /// The host.
        public let host: Host
        /// The port; 0 asks for any free one when listening.
        public let port: UInt16

        /// Makes an endpoint of its parts.
        public init(host: Host, port: UInt16) {
            self.host = host
            self.port = port
        }
    }

    /// The TCP endpoint that the address names, or `nil` when it names anything else or more.
    ///
    /// That is exactly one of `/ip4`, `/ip6`, `/ip6zone` and `/ip6`, `/dns`, `/dns4`, `/dns6`, then `/tcp`, then at
    /// most one `/p2p`.
    public var tcpEndpoint: TCPEndpoint? {
        var rest = components[...]
        if rest.last?.proto == .p2p { rest.removeLast() }
        var zone: String?
        if rest.first?.proto == .ip6zone {
            zone = rest.removeFirst().text
        }
        guard rest.count == 2, let first = rest.first, let last = rest.last, last.proto == .tcp, let text = first.text
        else { return nil }
        let host: TCPEndpoint.Host
        switch first.proto {
        case .ip6: host = .ip6(text, zone: zone)
        case .ip4 where zone == nil: host = .ip4(text)
        case .dns where zone == nil: host = .dns(text)
        case .dns4 where zone == nil: host = .dns4(text)
        case .dns6 where zone == nil: host = .dns6(text)
        default: return nil
        }
        return TCPEndpoint(host: host, port: last.value.reduce(UInt16(0)) { $0 << 8 | UInt16($1) })
    }

    /// Makes the address of a TCP port.
    ///
    /// - Parameters:
    ///   - ipAddress: an IPv4 address, or an IPv6 address that may end in `%` and a zone.
    ///   - tcpPort: the port.
    /// - Throws: ``MultiaddrError`` when `ipAddress` is no address; names are not resolved.
    public init(ipAddress: String, tcpPort: UInt16) throws(MultiaddrError) {
        var components: [Component] = []
        if ipAddress.utf8.contains(UInt8(ascii: ":")) {
            let parts = ipAddress.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 {
                components.append(try Component(.ip6zone, text: String(parts[1])))
            }
            components.append(try Component(.ip6, text: parts.first.map(String.init) ?? ""))
        } else {
            components.append(try Component(.ip4, text: ipAddress))
        }
        components.append(
            try Component(.tcp, value: [UInt8(truncatingIfNeeded: tcpPort >> 8), UInt8(truncatingIfNeeded: tcpPort)])
        )
        self.init(components: components)
    }
}
