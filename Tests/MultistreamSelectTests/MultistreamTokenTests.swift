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

import NIOCore
import Testing

@testable import MultistreamSelect

@Suite struct MultistreamTokenTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: [UInt8]
        let code: MultistreamError.Code

        var testDescription: String { self.name }
    }

    static let refused: [Case] = [
        Case(name: "length 0", bytes: [0], code: .malformed),
        Case(name: "newline alone", bytes: [1, 0x0a], code: .malformed),
        Case(name: "no newline", bytes: [3, 0x2f, 0x61, 0x62], code: .malformed),
        Case(name: "NUL", bytes: token("/a\0b"), code: .malformed),
        Case(name: "CR before the newline", bytes: token("/a\r"), code: .malformed),
        Case(name: "newline inside", bytes: token("/a\n/b"), code: .malformed),
        Case(name: "two newlines", bytes: token("/a\n"), code: .malformed),
        Case(name: "lone continuation byte", bytes: token([0x2f, 0x80]), code: .malformed),
        Case(name: "overlong UTF-8", bytes: token([0x2f, 0xc0, 0xaf]), code: .malformed),
        Case(name: "surrogate", bytes: token([0xed, 0xa0, 0x80]), code: .malformed),
        Case(name: "truncated UTF-8", bytes: token([0x2f, 0xe2, 0x82]), code: .malformed),
        Case(name: "length not minimal", bytes: [0x83, 0x00, 0x2f, 0x61, 0x0a], code: .malformed),
        Case(name: "zero not minimal", bytes: [0x80, 0x00], code: .malformed),
        Case(name: "length 1025", bytes: [0x81, 0x08], code: .tokenTooLong),
        Case(name: "length 16383", bytes: [0xff, 0x7f], code: .tokenTooLong),
        Case(name: "length of three bytes", bytes: [0x80, 0x80, 0x01], code: .tokenTooLong),
        Case(name: "endless length", bytes: [UInt8](repeating: 0xff, count: 12), code: .tokenTooLong),
    ]

    @Test(arguments: refused) func responderRefuses(_ refused: Case) {
        let sent = header + refused.bytes
        for pieces in splitsAtEveryOffset(sent) {
            #expect(respond(["/a"], pieces).errorCode == refused.code)
        }
    }

    @Test(arguments: refused) func initiatorRefuses(_ refused: Case) {
        let sent = header + refused.bytes
        for pieces in splitsAtEveryOffset(sent) {
            #expect(initiate(["/a"], pieces).errorCode == refused.code)
        }
    }

    @Test func theLongestTokenIsTaken() {
        let longest = "/" + String(repeating: "x", count: 1022)
        #expect(token(longest).count == 1026)
        let responding = respond([longest], [header + token(longest)])
        #expect(responding.outcome == .success(.negotiated(longest)))
        #expect(responding.output == header + token(longest))
        #expect(initiate([longest], [header + token(longest)]).outcome == .success(.negotiated(longest)))
    }

    @Test func namesOfOtherScriptsAreTaken() {
        let name = "/gl\u{fc}eberry/\u{1fad0}/1"
        #expect(respond([name], [header + token(name)]).outcome == .success(.negotiated(name)))
    }

    @Test func aLengthThatIsTooLongIsKnownFromTwoBytes() {
        #expect(respond(["/a"], [header + [0xff, 0xff]]).errorCode == .tokenTooLong)
        #expect(respond(["/a"], [header + [0xff]]).outcome == .success(.needsMore))
    }

    @Test func everyFlippedByteOfTheHeaderIsRefused() {
        for offset in header.indices {
            for value in UInt8.min ... .max where value != header[offset] {
                var changed = header
                changed[offset] = value
                #expect(respond(["/a"], [changed]).errorCode == .wrongHeader)
                #expect(initiate(["/a"], [changed]).errorCode == .wrongHeader)
            }
        }
    }

    @Test func aWrongHeaderIsKnownFromItsFirstWrongByte() {
        #expect(respond(["/a"], [Array("GET".utf8)]).errorCode == .wrongHeader)
        #expect(respond(["/a"], [header.prefix(10) + [0]]).errorCode == .wrongHeader)
        #expect(respond(["/a"], [Array(header.prefix(10))]).outcome == .success(.needsMore))
    }

    @Test func messagesNeverContainTextOfThePeer() {
        let transcript = initiate(["/a"], [header + token("\u{1b}[31mEVIL")])
        guard case .failure(let error) = transcript.outcome else {
            Issue.record("an answer that was not proposed was taken")
            return
        }
        #expect(!error.description.contains("EVIL"))
        #expect(error.description.hasPrefix("unexpectedAnswer: "))
    }

    @Test func randomBytesEndInAnErrorOrWait() {
        var random = SplitMix64(seed: 31)
        for _ in 0..<3000 {
            let noise = random.bytes(Int.random(in: 0...80, using: &random))
            let sent = header + noise
            let whole = respond([], [sent])
            #expect(whole == respond([], randomPieces(sent, using: &random)))
            #expect(whole.outcome != .success(.negotiated("")))
            let initiating = initiate(["/a"], [sent])
            #expect(initiating == initiate(["/a"], randomPieces(sent, using: &random)))
        }
    }

    @Test func tokensOfRandomTextEndInADocumentedError() {
        var random = SplitMix64(seed: 32)
        let documented: Set<MultistreamError.Code> = [.malformed, .tooManyAttempts]
        for _ in 0..<2000 {
            let sent = header + (0..<25).flatMap { _ in token(random.bytes(Int.random(in: 1...5, using: &random))) }
            let transcript = respond([], [sent])
            #expect(transcript.errorCode.map(documented.contains) == true)
        }
    }
}
