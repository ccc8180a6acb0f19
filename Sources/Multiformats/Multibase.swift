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

/// Texts whose first character names the base that the rest is encoded in (multiformats' multibase).
public enum Multibase {
    /// The bases that are known here; the raw value is the prefix.
    public enum Base: Character, Hashable, Sendable, CaseIterable {
        /// Hexadecimal in lower case.
        case base16 = "f"
        /// RFC 4648 base32 in lower case without padding.
        case base32 = "b"
        /// Base58 with the alphabet of Bitcoin.
        case base58btc = "z"
        /// RFC 4648 base64 for URLs without padding.
        case base64url = "u"
    }

    /// The text of `bytes` in `base`, with its prefix.
    public static func encode(_ bytes: some Sequence<UInt8>, base: Base) -> String {
        let text =
            switch base {
            case .base16: Base16.encode(bytes)
            case .base32: Base32.encode(bytes)
            case .base58btc: Base58.encode(bytes)
            case .base64url: Base64URL.encode(bytes)
            }
        return String(base.rawValue) + text
    }

    /// The bytes that `text` encodes in the base that its first character names.
    ///
    /// - Throws: ``BaseEncodingError`` when the prefix is unknown or missing, or the rest is not of that base.
    public static func decode(_ text: String) throws(BaseEncodingError) -> [UInt8] {
        let rest = String(text.utf8.dropFirst()) ?? ""
        switch text.utf8.first {
        case UInt8(ascii: "f"): return try Base16.decode(rest)
        case UInt8(ascii: "b"): return try Base32.decode(rest)
        case UInt8(ascii: "z"): return try Base58.decode(rest)
        case UInt8(ascii: "u"): return try Base64URL.decode(rest)
        case .some(let prefix):
            throw BaseEncodingError(
                .unknownPrefix,
                "multibase prefix '\(PrintableText.escape([prefix]))' is none of f, b, z, u"
            )
        case nil:
            throw BaseEncodingError(.unknownPrefix, "multibase text is empty, expected a prefix of f, b, z, u")
        }
    }
}
