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

/// The kinds of value that the components of a ``Multiaddr`` have, and their text and binary forms.
enum MultiaddrValue: Hashable, Sendable {
    case none
    case ip4
    case ip6
    case zone
    case prefixLength
    case port
    case name
    case path
    case peer
    case certificateHash
    case number

    /// The longest name, zone or path in bytes: what a domain name may have.
    static let maximumTextLength = 255
    /// The longest public key in bytes that a peer ID holds itself instead of its hash.
    static let maximumInlineKeyLength = 42

    /// How a component marks the end of its value in the binary form.
    enum Size {
        case fixed(Int)
        /// The length comes first; more than `maximum` bytes are refused before they are read.
        case prefixed(maximum: Int)
    }

    var size: Size {
        switch self {
        case .none: .fixed(0)
        case .prefixLength: .fixed(1)
        case .port: .fixed(2)
        case .ip4: .fixed(4)
        case .number: .fixed(8)
        case .ip6: .fixed(16)
        case .zone, .name, .path: .prefixed(maximum: Self.maximumTextLength)
        case .peer: .prefixed(maximum: 2 + Self.maximumInlineKeyLength)
        // A code and a length, at most 10 bytes each.
        case .certificateHash: .prefixed(maximum: Multihash.maximumDigestLength + 20)
        }
    }

    /// What a value has to be, for the message of an error.
    var expectation: String {
        switch self {
        case .none: "no value"
        case .ip4: "an IPv4 address such as 192.0.2.1"
        case .ip6: "an IPv6 address such as 2001:db8::1 without a zone (that is /ip6zone/NAME before /ip6)"
        case .zone: "the name of a zone, 1 to \(Self.maximumTextLength) visible ASCII characters without '/'"
        case .prefixLength: "a prefix length from 0 to 255"
        case .port: "a port from 0 to 65535"
        case .name: "a domain name, 1 to \(Self.maximumTextLength) visible ASCII characters without '/'"
        case .path: "an absolute path of 2 to \(Self.maximumTextLength) bytes of UTF-8 that does not end in '/'"
        case .peer: "a peer ID in base58 (12D3KooW..., Qm...) or as a CID (bafz...)"
        case .certificateHash: "a multihash with its multibase prefix"
        case .number: "a number from 0 to \(UInt64.max)"
        }
    }

    /// The binary form of a value given as text, or `nil` when it is not as expected.
    func parse(_ text: Substring) -> [UInt8]? {
        let characters = text.utf8
        switch self {
        case .none: return characters.isEmpty ? [] : nil
        case .ip4: return IPv4Text.parse(characters)
        case .ip6: return IPv6Text.parse(characters)
        case .prefixLength: return DecimalText.parse(characters, maximum: 255).map { [UInt8($0)] }
        case .port: return DecimalText.parse(characters, maximum: 65_535).map { Self.bigEndian($0, count: 2) }
        case .number: return DecimalText.parse(characters, maximum: .max).map { Self.bigEndian($0, count: 8) }
        case .zone, .name, .path:
            let bytes = [UInt8](characters)
            return isValid(bytes) ? bytes : nil
        case .peer:
            guard let bytes = Self.parsePeer(text), isValid(bytes) else { return nil }
            return bytes
        case .certificateHash:
            // Base16 takes two characters a byte, the most of all bases.
            guard characters.count <= 2 * (Multihash.maximumDigestLength + 20) + 1,
                let bytes = try? Multibase.decode(String(text)), isValid(bytes)
            else { return nil }
            return bytes
        }
    }

    /// The multihash in a peer ID's text, whether bare or in a CID of version 1 with the codec of libp2p keys.
    private static func parsePeer(_ text: Substring) -> [UInt8]? {
        guard text.utf8.count <= Base58.maximumTextLength else { return nil }
        if text.hasPrefix("1") || text.hasPrefix("Qm") {
            return try? Base58.decode(String(text))
        }
        guard let bytes = try? Multibase.decode(String(text)), bytes.starts(with: LibP2PKeyCID.prefix) else {
            return nil
        }
        return [UInt8](bytes.dropFirst(LibP2PKeyCID.prefix.count))
    }

    /// Whether `bytes` are the binary form of a value of this kind.
    func isValid(_ bytes: [UInt8]) -> Bool {
        switch size {
        case .fixed(let length):
            return bytes.count == length
        case .prefixed(let maximum):
            guard bytes.count <= maximum else { return false }
        }
        switch self {
        case .none, .ip4, .ip6, .prefixLength, .port, .number:
            return true
        case .zone, .name:
            return !bytes.isEmpty && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "/") }
        case .path:
            guard bytes.count >= 2, bytes.first == UInt8(ascii: "/"), bytes.last != UInt8(ascii: "/") else {
                return false
            }
            guard let text = String(validating: bytes, as: UTF8.self) else { return false }
            return !text.unicodeScalars.contains(where: PrintableText.isControl)
        case .peer:
            guard let hash = try? Multihash(bytes: bytes) else { return false }
            return hash.code == Multihash.sha256Code
                || hash.code == Multihash.identityCode && !hash.digest.isEmpty
                    && hash.digest.count <= Self.maximumInlineKeyLength
        case .certificateHash:
            return (try? Multihash(bytes: bytes)) != nil
        }
    }

    /// The text form of a value that ``isValid(_:)`` holds for; `nil` for a protocol without one.
    func text(of bytes: [UInt8]) -> String? {
        switch self {
        case .none: nil
        case .ip4: IPv4Text.format(bytes)
        case .ip6: IPv6Text.format(bytes)
        case .prefixLength, .port, .number: String(bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        case .zone, .name, .path: String(decoding: bytes, as: UTF8.self)
        case .peer: Base58.encode(bytes)
        case .certificateHash: Multibase.encode(bytes, base: .base64url)
        }
    }

    private static func bigEndian(_ value: UInt64, count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> UInt64(8 * $0)) }
    }
}
