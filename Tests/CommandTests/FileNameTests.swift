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

@Suite struct FileNameTests {
    @Test(arguments: ["a", "a b", "file.txt", "größe", "👩‍💻", "-x", "a..b", "~", String(repeating: "n", count: 255)])
    func oneComponentIsTakenAsItIs(text: String) throws {
        #expect(try FileName(untrusted: Array(text.utf8)).text == text)
    }

    @Test(arguments: [
        "", ".", "..", "../x", "/", "/etc/passwd", "a/b", "a/", "a\\b", ".profile", "a\0b", "\0", "a\nb", "a\rb",
        "a\tb",
        "a\u{1B}[2J", "a\u{7F}", "a\u{85}", "a\u{202E}b", "a\u{2028}b", "a\u{FEFF}", String(repeating: "n", count: 256),
    ])
    func whatIsNoNameIsRefused(text: String) {
        #expect(throws: CommandFailure.self) { try FileName(untrusted: Array(text.utf8)) }
    }

    @Test func invalidUTF8IsRefused() {
        for bytes: [UInt8] in [[0xFF], [0xC0, 0xAF], [0x61, 0xED, 0xA0, 0x80], [0xE2, 0x82]] {
            #expect(throws: CommandFailure.self) { try FileName(untrusted: bytes) }
        }
    }

    @Test func everyASCIIByteInANameIsJudgedRight() {
        for byte in UInt8(0)..<128 {
            let isFine = byte >= 0x20 && byte != 0x7F && byte != UInt8(ascii: "/") && byte != UInt8(ascii: "\\")
            let isTaken = (try? FileName(untrusted: [0x61, byte, 0x62])) != nil
            #expect(isTaken == isFine, "byte \(byte)")
        }
    }
}
