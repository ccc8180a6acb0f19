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
import Testing

@Suite struct PrintableTextTests {
    @Test(arguments: [
        ("plain text", "plain text"),
        ("a\nb\rc\0", "a\\nb\\rc\\0"),
        ("it's \"x\" \\", "it\\'s \\\"x\\\" \\\\"),
        ("\u{1b}[31m", "\\u{1B}[31m"),
        ("right\u{202e}left", "right\\u{202E}left"),
        ("line\u{2028}end\u{85}", "line\\u{2028}end\\u{85}"),
        ("naïve 日本", "naïve 日本"),
    ])
    func textIsOneHarmlessLine(text: String, expected: String) {
        #expect(PrintableText.escape(text) == expected)
    }

    @Test func bytesThatAreNotVisibleASCIIAreHexadecimal() {
        #expect(
            PrintableText.escape([0x61, 0x00, 0x0a, 0xff, 0x27, 0x5c, 0x7f, 0x7e]) == "a\\x00\\x0a\\xff\\x27\\x5c\\x7f~"
        )
    }

    @Test func longInputIsCut() {
        #expect(PrintableText.escape(String(repeating: "a", count: 10), limit: 4) == "aaaa...")
        #expect(PrintableText.escape(String(repeating: "a", count: 4), limit: 4) == "aaaa")
        #expect(PrintableText.escape([UInt8](repeating: 0x61, count: 10), limit: 4) == "aaaa...")
    }

    @Test func randomBytesNeverLeaveVisibleASCII() {
        var random = SplitMix64(seed: 5)
        for _ in 0..<500 {
            let bytes = random.bytes(40)
            #expect(PrintableText.escape(bytes).utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
            let text = PrintableText.escape(String(decoding: bytes, as: UTF8.self))
            #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control })
        }
    }
}
