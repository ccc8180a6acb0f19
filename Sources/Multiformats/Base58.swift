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

/// Base58 with the alphabet of Bitcoin, which peer IDs are printed in.
///
/// The conversion takes time quadratic in its input, so decoding refuses long texts.
public enum Base58 {
    /// The greatest number of characters that ``decode(_:)`` accepts.
    public static let maximumTextLength = 256

    private static let alphabet = [UInt8]("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".utf8)

    /// The value of each ASCII character, 255 where it is not of the alphabet.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 128)
        for (value, character) in alphabet.enumerated() {
            values[Int(character)] = UInt8(value)
        }
        return values
    }()

    /// The text of `bytes`; each leading zero byte becomes a leading `1`.
    ///
    /// Meant for short values such as multihashes: the time grows with the square of the length.
    public static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var zeros = 0
        var onlyZeros = true
        // The number in base 58, least significant digit first.
        var digits: [UInt8] = []
        for byte in bytes {
            if onlyZeros {
                if byte == 0 {
                    zeros += 1
                    continue
                }
                onlyZeros = false
            }
            // A digit is below 58, so digit * 256 + carry stays below 58 * 256 and the carry below 256.
            var carry = Int(byte)
            for index in digits.indices {
                carry += Int(digits[index]) << 8
                digits[index] = UInt8(carry % 58)
                carry /= 58
            }
            while carry > 0 {
                digits.append(UInt8(carry % 58))
                carry /= 58
            }
        }
        var text = [UInt8](repeating: alphabet[0], count: zeros)
        text.append(contentsOf: digits.reversed().map { alphabet[Int($0)] })
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that `text` encodes; each leading `1` becomes a leading zero byte.
    ///
    /// - Throws: ``BaseEncodingError`` when `text` is longer than ``maximumTextLength`` or holds a character that is
    ///   not of the alphabet.
    public static func decode(_ text: String) throws(Base58Error) -> [UInt8] {
        let characters = text.utf8
        guard characters.count <= maximumTextLength else {
            throw BaseEncodingError(.tooLong, "base58 text is longer than \(maximumTextLength) characters")
        }
        var zeros = 0
        var onlyZeros = true
        // The number in base 256, least significant byte first.
        var number: [UInt8] = []
        for character in characters {
            guard character < 128, values[Int(character)] < 58 else {
                throw BaseEncodingError(
                    .invalidCharacter,
                    "base58 text holds '\(PrintableText.escape([character]))', which is not of its alphabet"
                )
            }
            if onlyZeros {
                if character == alphabet[0] {
                    zeros += 1
                    continue
                }
                onlyZeros = false
            }
            // A byte is at most 255, so byte * 58 + carry stays below 256 * 58 and the carry below 58.
            var carry = Int(values[Int(character)])
            for index in number.indices {
                carry += Int(number[index]) * 58
                number[index] = UInt8(carry & 0xff)
                carry >>= 8
            }
            if carry > 0 {
                number.append(UInt8(carry))
            }
        }
        return [UInt8](repeating: 0, count: zeros) + number.reversed()
    }
}
