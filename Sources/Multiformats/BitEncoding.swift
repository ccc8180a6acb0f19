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

/// A text encoding whose characters stand for a whole number of bits each (RFC 4648, without padding).
struct BitEncoding: Sendable {
    private let name: String
    private let bitsPerCharacter: Int
    private let alphabet: [UInt8]
    private let values: [UInt8]

    /// Makes an encoding of an alphabet of 2 to the power of `bitsPerCharacter` ASCII characters; with `ignoringCase`
    /// decoding takes its letters, then lower-case ones, in either case.
    init(name: String, bitsPerCharacter: Int, alphabet: String, ignoringCase: Bool = false) {
        self.name = name
        self.bitsPerCharacter = bitsPerCharacter
        self.alphabet = [UInt8](alphabet.utf8)
        var values = [UInt8](repeating: 255, count: 128)
        for (value, character) in self.alphabet.enumerated() {
            values[Int(character)] = UInt8(value)
            if ignoringCase, character >= UInt8(ascii: "a") {
                values[Int(character) - 32] = UInt8(value)
            }
        }
        self.values = values
    }

    func encode(_ bytes: some Sequence<UInt8>) -> String {
        let mask = (1 << bitsPerCharacter) - 1
        var text: [UInt8] = []
        // Never more than bitsPerCharacter - 1 + 8 bits wait.
        var waiting = 0
        var bits = 0
        for byte in bytes {
            waiting = waiting << 8 | Int(byte)
            bits += 8
            while bits >= bitsPerCharacter {
                bits -= bitsPerCharacter
                text.append(alphabet[waiting >> bits & mask])
            }
            waiting &= (1 << bits) - 1
        }
        if bits > 0 {
            text.append(alphabet[waiting << (bitsPerCharacter - bits) & mask])
        }
        return String(decoding: text, as: UTF8.self)
    }

    func decode(_ text: some Sequence<UInt8>) throws(BaseEncodingError) -> [UInt8] {
        var bytes: [UInt8] = []
        var waiting = 0
        var bits = 0
        for character in text {
            guard character < 128, values[Int(character)] != 255 else {
                throw BaseEncodingError(
                    .invalidCharacter,
                    "\(name) text holds '\(PrintableText.escape([character]))', which is not of its alphabet"
                )
            }
            waiting = waiting << bitsPerCharacter | Int(values[Int(character)])
            bits += bitsPerCharacter
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: waiting >> bits))
                waiting &= (1 << bits) - 1
            }
        }
        // A whole character that completes no byte could be left out: two texts would mean the same bytes.
        guard bits < bitsPerCharacter else {
            throw BaseEncodingError(.invalidLength, "\(name) text has a length that no bytes encode to")
        }
        guard waiting == 0 else {
            throw BaseEncodingError(.trailingBits, "\(name) text ends in bits that belong to no byte and are not zero")
        }
        return bytes
    }
}
