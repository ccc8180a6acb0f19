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

/// Base16 (hexadecimal) of RFC 4648, printed in lower case.
public enum Base16 {
    private static let encoding = BitEncoding(
        name: "base16",
        bitsPerCharacter: 4,
        alphabet: "0123456789abcdef",
        ignoringCase: true
    )

    /// The text of `bytes`, two characters each.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        encoding.encode(bytes)
    }

    /// The bytes that `text` encodes, in either case.
    ///
    /// - Throws: ``BaseEncodingError`` for an odd number of characters or a character that is no digit.
    public static func decode(_ text: String) throws(BaseEncodingError) -> [UInt8] {
        try encoding.decode(text.utf8)
    }
}
