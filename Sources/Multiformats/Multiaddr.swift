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

/// A network address that names each protocol on the way, such as `/ip4/192.0.2.1/tcp/9000/p2p/12D3KooW...`.
///
/// Follows the multiaddr specification and `addressing/README.md` of libp2p. The text form is read strictly: no empty
/// parts, no trailing slash, numbers without leading zeros. Two addresses are equal when their binary forms are.
public struct Multiaddr: Hashable, Sendable, CustomStringConvertible {
    /// The longest binary form in bytes that is read.
    public static let maximumLength = 4096
    /// The longest text form in bytes that is read.
    public static let maximumTextLength = 8192

    /// The binary form.
    public let bytes: [UInt8]
    /// The parts of the address, outermost protocol of the network first.
    public let components: [Component]

    /// One protocol with its value.
    public struct Component: Hashable, Sendable {
        /// The protocol.
        public let proto: MultiaddrProtocol
        /// The value in its binary form without a length; empty for a protocol that has none.
        public let value: [UInt8]

        /// Makes a component of a value in its binary form.
        ///
        /// - Throws: ``MultiaddrError`` when `value` is not of the form that `proto` has.
        public init(_ proto: MultiaddrProtocol, value: [UInt8] = []) throws(MultiaddrError) {
            guard proto.value.isValid(value) else {
                throw MultiaddrError(
                    .invalidValue,
                    "value of /\(proto.name) is \(Self.hexadecimal(value)), expected \(proto.value.expectation)"
                )
            }
            self.proto = proto
            self.value = value
        }

        /// Makes a component of a value in its text form.
        ///
        /// - Throws: ``MultiaddrError`` when `text` is not of the form that `proto` has.
        public init(_ proto: MultiaddrProtocol, text: String) throws(MultiaddrError) {
            try self.init(proto, text: text[...])
        }

        fileprivate init(_ proto: MultiaddrProtocol, text: Substring) throws(MultiaddrError) {
            guard let value = proto.value.parse(text) else {
                throw MultiaddrError(
                    .invalidValue,
                    "value of /\(proto.name) is '\(PrintableText.escape(String(text), limit: 64))', "
                        + "expected \(proto.value.expectation)"
                )
            }
            self.proto = proto
            self.value = value
        }

        /// For values that are valid by construction.
        fileprivate init(unchecked proto: MultiaddrProtocol, value: [UInt8]) {
            self.proto = proto
            self.value = value
        }

        /// The value in its text form, or `nil` for a protocol that has none.
        public var text: String? { proto.value.text(of: value) }

        fileprivate func append(to bytes: inout [UInt8]) {
            UnsignedVarint.append(proto.code, to: &bytes)
            if case .prefixed = proto.value.size {
                UnsignedVarint.append(UInt64(value.count), to: &bytes)
            }
            bytes.append(contentsOf: value)
        }

        private static func hexadecimal(_ bytes: [UInt8]) -> String {
            let shown = 32
            return "0x" + Base16.encode(bytes.prefix(shown)) + (bytes.count > shown ? "..." : "")
        }
    }

    /// Makes an address of its components, which are not compared with each other.
    ///
    /// Without components the address is empty: its text is `/`, and neither form of it can be read back.
    public init(components: [Component]) {
        var bytes: [UInt8] = []
        for component in components {
            component.append(to: &bytes)
        }
        self.bytes = bytes
        self.components = components
    }

    /// Reads the text form.
    ///
    /// - Throws: ``MultiaddrError``, whose message names the first part that is wrong.
    public init(_ text: String) throws(MultiaddrError) {
        guard text.utf8.count <= Self.maximumTextLength else {
            throw MultiaddrError(.tooLong, "multiaddr text is longer than \(Self.maximumTextLength) bytes")
        }
        guard !text.isEmpty, text != "/" else {
            throw MultiaddrError(.empty, "multiaddr is empty, expected for example /ip4/192.0.2.1/tcp/9000")
        }
        guard text.utf8.first == UInt8(ascii: "/") else {
            throw MultiaddrError(
                .malformedText,
                "multiaddr '\(PrintableText.escape(text, limit: 64))' does not begin with '/'"
            )
        }
        var components: [Component] = []
        // What is left to read, always from a slash on.
        var rest = text[...]
        while !rest.isEmpty {
            let part = components.count + 1
            let name = Self.takePart(&rest)
            guard !name.isEmpty else {
                throw MultiaddrError(
                    .malformedText,
                    rest.isEmpty
                        ? "multiaddr ends in '/', expected the name of a protocol after it"
                        : "multiaddr part \(part) is empty, expected the name of a protocol"
                )
            }
            guard let proto = MultiaddrProtocol(name: String(name)) else {
                throw MultiaddrError(
                    .unknownProtocol,
                    "multiaddr part \(part): '\(PrintableText.escape(String(name), limit: 32))' is no known protocol"
                )
            }
            guard proto.hasValue else {
                components.append(Component(unchecked: proto, value: []))
                continue
            }
            guard !rest.isEmpty else {
                throw MultiaddrError(
                    .missingValue,
                    "multiaddr part \(part): /\(proto.name) has no value, expected \(proto.value.expectation)"
                )
            }
            let value: Substring
            if proto.value == .path {
                value = rest
                rest = ""
            } else {
                value = Self.takePart(&rest)
            }
            do {
                components.append(try Component(proto, text: value))
            } catch {
                throw MultiaddrError(error.code, "multiaddr part \(part): \(error.message)")
            }
        }
        self.init(components: components)
        guard bytes.count <= Self.maximumLength else {
            throw MultiaddrError(.tooLong, "multiaddr is longer than \(Self.maximumLength) bytes")
        }
    }

    /// Takes the text between the slash that `rest` begins with and the next one.
    private static func takePart(_ rest: inout Substring) -> Substring {
        let slash = UInt8(ascii: "/")
        let start = rest.utf8.dropFirst()
        let end = start.firstIndex(of: slash) ?? rest.endIndex
        let part = Substring(start[..<end])
        rest = rest[end...]
        return part
    }

    /// Reads the binary form, which has to take all of `bytes`.
    ///
    /// - Throws: ``MultiaddrError``, whose message names the first part that is wrong.
    public init(bytes: some Collection<UInt8>) throws(MultiaddrError) {
        guard !bytes.isEmpty else {
            throw MultiaddrError(.empty, "multiaddr is empty")
        }
        let bytes = [UInt8](bytes.prefix(Self.maximumLength + 1))
        guard bytes.count <= Self.maximumLength else {
            throw MultiaddrError(.tooLong, "multiaddr is longer than \(Self.maximumLength) bytes")
        }
        var components: [Component] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = components.count + 1
            let code = try Self.takeInteger(&rest, part: part, what: "protocol code")
            guard let proto = MultiaddrProtocol(code: code) else {
                throw MultiaddrError(
                    .unknownProtocol, "multiaddr part \(part): \(code) is the code of no known protocol")
            }
            let length: Int
            switch proto.value.size {
            case .fixed(let fixed):
                length = fixed
            case .prefixed(let maximum):
                let announced = try Self.takeInteger(&rest, part: part, what: "length of /\(proto.name)")
                guard announced <= UInt64(maximum) else {
                    throw MultiaddrError(
                        .invalidValue,
                        "multiaddr part \(part): /\(proto.name) announces \(announced) bytes, at most \(maximum) are "
                            + "accepted"
                    )
                }
                length = Int(announced)
            }
            guard rest.count >= length else {
                throw MultiaddrError(
                    .truncated,
                    "multiaddr part \(part): /\(proto.name) takes \(length) bytes, only \(rest.count) follow"
                )
            }
            do {
                components.append(try Component(proto, value: [UInt8](rest.prefix(length))))
            } catch {
                throw MultiaddrError(error.code, "multiaddr part \(part): \(error.message)")
            }
            rest = rest.dropFirst(length)
        }
        // Integers are read in their shortest form only, so these bytes are what the components encode to.
        self.bytes = bytes
        self.components = components
    }

    private static func takeInteger(
        _ rest: inout ArraySlice<UInt8>,
        part: Int,
        what: String
    ) throws(MultiaddrError) -> UInt64 {
        let decoded: (value: UInt64, length: Int)?
        do {
            decoded = try UnsignedVarint.decode(rest)
        } catch {
            throw MultiaddrError(.malformedVarint, "multiaddr part \(part): \(what): \(error.message)")
        }
        guard let decoded else {
            throw MultiaddrError(.truncated, "multiaddr part \(part): ends inside the \(what)")
        }
        rest = rest.dropFirst(decoded.length)
        return decoded.value
    }

    /// The text form.
    ///
    /// It is one line of visible characters: values that would break or steer the output are not accepted.
    public var description: String {
        guard !components.isEmpty else { return "/" }
        var text = ""
        for component in components {
            text += "/" + component.proto.name
            if let value = component.text {
                // A path begins with the slash that separates it from its protocol.
                text += component.proto.value == .path ? value : "/" + value
            }
        }
        return text
    }

    /// Reads a list that came from the network.
    ///
    /// Entries that are malformed or name a protocol that is unknown here are skipped, so that addresses of transports
    /// yet to come do no harm to the others.
    ///
    /// - Parameters:
    ///   - fromNetwork: addresses in their binary form.
    ///   - limit: the greatest number of addresses that are kept, the first ones.
    /// - Returns: the addresses that could be read, in their order.
    public static func list(fromNetwork: [[UInt8]], limit: Int) -> [Multiaddr] {
        var addresses: [Multiaddr] = []
        for bytes in fromNetwork {
            guard addresses.count < limit else { break }
            if let address = try? Multiaddr(bytes: bytes) {
                addresses.append(address)
            }
        }
        return addresses
    }
}

extension Multiaddr {
    /// This address with the components of `other` after its own.
    public func appending(_ other: Multiaddr) -> Multiaddr {
        Multiaddr(components: components + other.components)
    }

    /// This address with `/p2p/ID` after its own components.
    ///
    /// - Parameter multihash: the bytes of a peer ID. Bytes that are none are not appended: the address is returned as
    ///   it is.
    /// - Returns: the longer address.
    public func appending(peer multihash: [UInt8]) -> Multiaddr {
        guard let component = try? Component(.p2p, value: multihash) else { return self }
        return Multiaddr(components: components + [component])
    }

    /// The multihash of the peer that the address leads to: the value of the last `/p2p` component.
    ///
    /// It is `nil` when there is none or when it is followed by `/p2p-circuit`: it names only a relay then.
    public var peer: [UInt8]? {
        components.last { $0.proto == .p2p || $0.proto == .p2pCircuit }.flatMap { $0.proto == .p2p ? $0.value : nil }
    }

    /// This address without the `/p2p` component that ends it, or as it is when it does not end in one.
    public var withoutPeer: Multiaddr {
        guard components.last?.proto == .p2p else { return self }
        return Multiaddr(components: components.dropLast())
    }
}
