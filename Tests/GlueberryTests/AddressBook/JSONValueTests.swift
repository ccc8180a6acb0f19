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

@testable import Glueberry

@Suite struct JSONValueTests {
    private func roundTrip(_ text: String, isIndented: Bool = false) throws -> String {
        String(decoding: try JSONValue(parsing: Array(text.utf8)).encoded(isIndented: isIndented), as: UTF8.self)
    }

    @Test(arguments: [
        "{}", "[]", "null", "[true,false,null]", #"{"z":1,"a":{"k":[]},"m":"x"}"#, "-0.50e+10",
        "123456789012345678901234567890",
        #""ä€😀""#, #"["\"\\\n\r\t\u0001\u003c\u2028"]"#,
    ])
    func whatIsReadIsWrittenAgainDigitByDigit(text: String) throws { #expect(try self.roundTrip(text) == text) }

    @Test func escapesAreUnderstood() throws {
        let value = try JSONValue(parsing: Array(#""\u00e4\ud83d\ude00\/\b\f\ud83dx\udc00""#.utf8))
        #expect(value.text == "ä😀/\u{8}\u{c}\u{fffd}x\u{fffd}")
    }

    @Test func indentationIsTheOriginals() throws {
        #expect(
            try self.roundTrip(#"{"a":[1,2],"b":{},"c":{"d":[]}}"#, isIndented: true)
                == "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {},\n  \"c\": {\n    \"d\": []\n  }\n}")
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1,]", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "1.", "1e", "-", "+1", "tru", "nul", "\"",
        "\"\\x\"",
        "\"\\u12\"", "\"\u{1}\"", "{} {}", "[1 2]", "'a'", "NaN", "\"\\ud83d\\u12\"",
    ])
    func whatIsNoJSONIsRefused(text: String) {
        #expect(throws: JSONValue.SyntaxError.self) { try JSONValue(parsing: Array(text.utf8)) }
    }

    @Test func deepNestingIsRefusedWithoutExhaustingTheStack() {
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(throws: JSONValue.SyntaxError.self) { try JSONValue(parsing: deep) }
    }

    @Test func damagedTextNeverTraps() throws {
        let text = Array(#"{"version":1,"peers":{"a":{"x":[1.5e3,"\ud83d\ude00",null]},"b":true}}"#.utf8)
        var random = SplitMix64(seed: 7)
        for _ in 0..<5000 {
            var damaged = text
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            damaged.removeLast(Int.random(in: 0..<8, using: &random))
            guard let value = try? JSONValue(parsing: damaged) else { continue }
            #expect(try JSONValue(parsing: value.encoded(isIndented: true)) == value)
        }
    }

    @Test(arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"])
    func base64ComesBack(text: String) throws {
        let encoded = Base64Text.encode(Array(text.utf8))
        #expect(encoded.utf8.count % 4 == 0)
        #expect(Base64Text.decode(encoded) == Array(text.utf8))
    }

    @Test func base64IsThatOfTheRFC() {
        #expect(Base64Text.encode(Array("foobar".utf8)) == "Zm9vYmFy")
        #expect(Base64Text.encode(Array("fooba".utf8)) == "Zm9vYmE=")
        #expect(Base64Text.encode([0xfb, 0xff]) == "+/8=")
        #expect(Base64Text.decode("Zm9") == nil)
        #expect(Base64Text.decode("Zm9-") == nil)
        #expect(Base64Text.decode("====") == nil)
    }
}
