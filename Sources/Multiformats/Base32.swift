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

/// Base32 of RFC 4648 in lower case and without padding, which CIDs are printed in.
public enum Base32 {
    private static let encoding = BitEncoding(
        name: "base32",
        bitsPerCharacter: 5,
        alphabet: "abcdefghijklmnopqrstuvwxyz234567"
    )

    /// The text of `bytes`.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        encoding.encode(bytes)
    }

    /// The bytes that `text` encodes.
    ///
    /// - Throws: ``BaseEncodingError`` for upper case, padding, another foreign character, or a text that
    ///   ``encode(_:)`` could not have made.
    public static func decode(_ text: String) throws(BaseEncodingError) -> [UInt8] {
        try encoding.decode(text.utf8)
    }
}
