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

/// Counts connections against ``HostLimits``, as a value.
struct ConnectionLimiter {
    private let limits: HostLimits
    private(set) var connections = 0
    /// Accepted connections that have not yet shown who they are.
    private(set) var unauthenticated = 0
    private(set) var outbound = 0
    private var perAddress: [AddressBlock: Int] = [:]

    init(limits: HostLimits) {
        self.limits = limits
    }

    /// Takes an accepted connection that has not yet shown who it is; throws an error that names scope, limit and usage.
    mutating func admitInbound(from block: AddressBlock?) throws(HostError) {
        guard self.connections < self.limits.connections else {
            throw Self.exceeded("connections", self.connections, self.limits.connections)
        }
        guard self.unauthenticated < self.limits.unauthenticatedConnections else {
            throw Self.exceeded(
                "connections not yet authenticated", self.unauthenticated, self.limits.unauthenticatedConnections)
        }
        if let block {
            let count = self.perAddress[block, default: 0]
            guard count < self.limits.connectionsPerAddress else {
                throw Self.exceeded("connections from \(block)", count, self.limits.connectionsPerAddress)
            }
            self.perAddress[block] = count + 1
        }
        self.connections += 1
        self.unauthenticated += 1
    }

    /// Takes a connection that this side dials.
    ///
    /// What others have opened does not keep it from doing so.
    mutating func admitOutbound() throws(HostError) {
        guard self.outbound < self.limits.outboundConnections else {
            throw Self.exceeded("dialled connections", self.outbound, self.limits.outboundConnections)
        }
        self.connections += 1
        self.outbound += 1
    }

    mutating func authenticated() {
        self.unauthenticated -= 1
    }

    mutating func removeInbound(from block: AddressBlock?, wasAuthenticated: Bool) {
        self.connections -= 1
        if !wasAuthenticated { self.unauthenticated -= 1 }
        if let block, let count = self.perAddress[block] {
            self.perAddress[block] = count > 1 ? count - 1 : nil
        }
    }

    mutating func removeOutbound() {
        self.connections -= 1
        self.outbound -= 1
    }

    private static func exceeded(_ scope: String, _ usage: Int, _ limit: Int) -> HostError {
        HostError(.limitExceeded, "limit reached: \(scope): \(usage) of \(limit)")
    }
}

/// The part of a remote address that counts as one neighbour: an IPv4 address, or an IPv6 /56.
struct AddressBlock: Hashable, CustomStringConvertible {
    private let bytes: [UInt8]

    /// Nil for loopback, which is exempt, and for what is no IP address.
    init?(_ address: SocketAddress?) {
        guard let text = address?.ipAddress, let multiaddr = try? Multiaddr(ipAddress: text, tcpPort: 0),
            let raw = multiaddr.components.first(where: { $0.proto == .ip4 || $0.proto == .ip6 })?.value
        else { return nil }
        let mappedPrefix: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
        let bytes = raw.count == 16 && raw.starts(with: mappedPrefix) ? Array(raw.dropFirst(12)) : raw
        if bytes.count == 4 {
            guard bytes.first != 127 else { return nil }
            self.bytes = bytes
        } else {
            guard !multiaddr.isLoopback else { return nil }
            self.bytes = Array(bytes.prefix(7))
        }
    }

    var description: String {
        guard self.bytes.count != 4 else { return self.bytes.map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: self.bytes.count, by: 2).map { index in
            UInt16(self.bytes[index]) << 8 | (index + 1 < self.bytes.count ? UInt16(self.bytes[index + 1]) : 0)
        }
        return groups.map { String($0, radix: 16) }.joined(separator: ":") + "::/56"
    }
}
