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

public import Multiformats

/// An IPv4 or IPv6 address, without a port or zone.
///
/// An IPv4 address that is mapped into IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// The 4 or 16 bytes of the address.
    public let bytes: [UInt8]

    /// Reads an address such as `192.0.2.1` or `2001:db8::1`; a zone (`%eth0`) is left out.
    ///
    /// - Throws: ``GlueberryError`` with code `invalidAddress`.
    public init(_ text: String) throws(GlueberryError) {
        let bare =
            text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init) ?? ""
        do {
            let isLong = bare.utf8.contains(UInt8(ascii: ":"))
            self.init(octets: try Multiaddr.Component(isLong ? .ip6 : .ip4, text: bare).value)
        } catch {
            throw GlueberryError(
                .invalidAddress, "\"\(PrintableText.escape(text, limit: 64))\" is no IP address",
                hint: "give one such as 192.0.2.1 or 2001:db8::1")
        }
    }

    /// The address at the beginning of a multiaddr; nil if a name or something else is there.
    public init?(of address: Multiaddr) {
        var components = address.components[...]
        if components.first?.proto == .ip6zone { components.removeFirst() }
        guard let first = components.first, first.proto == .ip4 || first.proto == .ip6 else { return nil }
        self.init(octets: first.value)
    }

    init(octets: [UInt8]) {
        let isMapped = octets.count == 16 && octets.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
        self.bytes = isMapped ? Array(octets.suffix(4)) : octets
    }

    /// The address in its canonical text.
    public var description: String {
        (try? Multiaddr.Component(self.bytes.count == 4 ? .ip4 : .ip6, value: self.bytes))?.text ?? ""
    }
}

/// A range of IP addresses: those that begin with the same bits.
public struct IPSubnet: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the range.
    public let address: IPAddress
    /// How many bits all addresses of the range have in common.
    public let prefixLength: Int

    /// Reads a subnet such as `192.0.2.0/24` or `2001:db8::/32`; bits after the prefix are cleared.
    ///
    /// - Throws: ``GlueberryError`` with code `invalidAddress`.
    public init(_ text: String) throws(GlueberryError) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = try? IPAddress(String(parts[0])), parts[1].utf8.count <= 3,
            parts[1].utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains), let length = Int(parts[1])
        else { throw Self.error(text) }
        // The bits of a mapped address are counted from the beginning of the IPv6 address.
        let isMapped = address.bytes.count == 4 && parts[0].utf8.contains(UInt8(ascii: ":"))
        guard let subnet = IPSubnet(address, prefixLength: isMapped ? length - 96 : length) else {
            throw Self.error(text)
        }
        self = subnet
    }

    /// The subnet of an address; nil if the address has fewer bits than the prefix.
    public init?(_ address: IPAddress, prefixLength: Int) {
        guard (0...address.bytes.count * 8).contains(prefixLength) else { return nil }
        var bytes = address.bytes
        for index in bytes.indices {
            let kept = min(max(prefixLength - index * 8, 0), 8)
            bytes[index] &= UInt8(truncatingIfNeeded: 0xff00 >> kept)
        }
        self.address = IPAddress(octets: bytes)
        self.prefixLength = prefixLength
    }

    /// Whether an address is in the range.
    public func contains(_ address: IPAddress) -> Bool {
        address.bytes.count == self.address.bytes.count
            && IPSubnet(address, prefixLength: self.prefixLength)?.address == self.address
    }

    /// The subnet in its canonical text.
    public var description: String { "\(self.address)/\(self.prefixLength)" }

    private static func error(_ text: String) -> GlueberryError {
        GlueberryError(
            .invalidAddress, "\"\(PrintableText.escape(text, limit: 64))\" is no subnet",
            hint: "give one such as 192.0.2.0/24 or 2001:db8::/32")
    }
}
