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

import Testing

@testable import GlueberryCommand

@Suite struct OutputTests {
    @Test func aLineIsOneObjectWithItsFieldsInOrder() {
        var line = JSONLine(event: "test")
        line.add("text", "a\"b\\c\n\t")
        line.add("number", -7)
        line.add("flag", true)
        line.add("decimal", 1.25, decimals: 3)
        line.add("list", ["x", "y"])
        line.add("map", ["b": 2, "a": 1])
        let expected =
            #"{"event":"test","text":"a\"b\\c\n\t","number":-7,"flag":true,"decimal":1.250,"list":["x","y"],"#
            + #""map":{"a":1,"b":2}}"#
        #expect(line.finished == expected)
    }

    @Test func whatSteersATerminalIsEscaped() {
        #expect(
            JSONLine.quoted("a\u{1B}b\u{0}\u{7F}\u{85}\u{202E}\u{2028}é")
                == #""a\u001bb\u0000\u007f\u0085\u202e\u2028é""#)
        #expect(JSONLine.quoted("\u{10FFFE}") == #""\udbff\udffe""#)
        #expect(TerminalText.line("a\u{1B}[31m\nb") == "a\\u{1B}[31m b")
        #expect(TerminalText.line("abcdef", limit: 3) == "abc...")
    }

    @Test func decimalsAreRoundedAndNeverTrap() {
        let numbers: [(Double, Int, String)] = [
            (0, 3, "0.000"), (1.0005, 3, "1.001"), (-0.5, 1, "-0.5"), (0.05, 1, "0.1"), (-0.0001, 2, "0.00"),
            (2, 0, "2"),
            (.nan, 3, "0"), (.infinity, 1, "0"), (1e300, 2, "0"), (123.456, 1, "123.5"), (7, -1, "7"),
        ]
        for (value, decimals, text) in numbers {
            #expect(DecimalText.of(value, decimals: decimals) == text, "\(value)")
        }
        #expect(DecimalText.bytes(64 * 1024 * 1024) == "64.0 MiB")
    }
}
