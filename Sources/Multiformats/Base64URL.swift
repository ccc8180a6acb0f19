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

/// Base64 of RFC 4648 with the alphabet for URLs and without padding, which certificate hashes are printed in.
public enum Base64URL {
    private static let encoding = BitEncoding(
        name: "base64url",
        bitsPerCharacter: 6,
        alphabet: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    )

    /// The text of `bytes`.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        encoding.encode(bytes)
    }

    /// The bytes that `text` encodes.
    ///
    /// - Throws: ``BaseEncodingError`` for padding, another foreign character, or a text that ``encode(_:)`` could
    ///   not have made.
    public static func decode(_ text: String) throws(BaseEncodingError) -> [UInt8] {
        try encoding.decode(text.utf8)
    }
}
