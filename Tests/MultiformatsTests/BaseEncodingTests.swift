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

@Suite struct BaseEncodingTests {
    @Test(arguments: [
        ("", ""),
        ("48656c6c6f20576f726c6421", "2NEpo7TZRRrLZSi2U"),
        ("0000287fb4cd", "11233QC4"),
        ("00", "1"),
        ("000000", "111"),
        ("3a", "21"),
        ("ff", "5Q"),
    ])
    func base58KnownAnswers(hexadecimal: String, text: String) throws {
        let bytes = try Base16.decode(hexadecimal)
        #expect(Base58.encode(bytes) == text)
        #expect(try Base58.decode(text) == bytes)
    }

    @Test(arguments: ["0", "O", "I", "l", "2NEp o7", "é", "2\u{0}", "+", "/", "-_"])
    func base58RefusesForeignCharacters(text: String) {
        let error = #expect(throws: Base58Error.self) { try Base58.decode(text) }
        #expect(error?.code == .invalidCharacter)
    }

    @Test func base58DecodesAtMost256Characters() throws {
        #expect(try Base58.decode(String(repeating: "z", count: 256)).count == 188)
        let error = #expect(throws: Base58Error.self) { try Base58.decode(String(repeating: "z", count: 257)) }
        #expect(error?.code == .tooLong)
    }

    @Test(arguments: [
        ("", ""), ("f", "my"), ("fo", "mzxq"), ("foo", "mzxw6"), ("foob", "mzxw6yq"), ("fooba", "mzxw6ytb"),
        ("foobar", "mzxw6ytboi"),
    ])
    func base32KnownAnswers(plain: String, text: String) throws {
        #expect(Base32.encode(plain.utf8) == text)
        #expect(try Base32.decode(text) == [UInt8](plain.utf8))
    }

    @Test(arguments: [
        ("MZXW6", BaseEncodingError.Code.invalidCharacter), ("my======", .invalidCharacter), ("m1", .invalidCharacter),
        ("m", .invalidLength), ("mzx", .invalidLength), ("mzxw6y", .invalidLength), ("mz", .trailingBits),
        ("mzxw6yr", .trailingBits),
    ])
    func base32RefusesWhatItWouldNotWrite(text: String, code: BaseEncodingError.Code) {
        let error = #expect(throws: BaseEncodingError.self) { try Base32.decode(text) }
        #expect(error?.code == code)
    }

    @Test(arguments: [
        ("", ""), ("66", "Zg"), ("666f", "Zm8"), ("666f6f626172", "Zm9vYmFy"), ("fbff", "-_8"), ("fbefbe", "----"),
        ("ffffff", "____"),
    ])
    func base64URLKnownAnswers(hexadecimal: String, text: String) throws {
        let bytes = try Base16.decode(hexadecimal)
        #expect(Base64URL.encode(bytes) == text)
        #expect(try Base64URL.decode(text) == bytes)
    }

    @Test(arguments: [
        ("Zg==", BaseEncodingError.Code.invalidCharacter), ("+/8", .invalidCharacter), ("Z", .invalidLength),
        ("Zm9vY", .invalidLength), ("Zh", .trailingBits), ("Zm9", .trailingBits),
    ])
    func base64URLRefusesWhatItWouldNotWrite(text: String, code: BaseEncodingError.Code) {
        let error = #expect(throws: BaseEncodingError.self) { try Base64URL.decode(text) }
        #expect(error?.code == code)
    }

    @Test func base16TakesBothCasesAndWritesLower() throws {
        #expect(try Base16.decode("00aBfF") == [0x00, 0xab, 0xff])
        #expect(Base16.encode([0x00, 0xab, 0xff]) == "00abff")
    }

    @Test(arguments: [
        ("a", BaseEncodingError.Code.invalidLength), ("abc", .invalidLength), ("0g", .invalidCharacter),
        ("0x", .invalidCharacter), ("@a", .invalidCharacter), ("`a", .invalidCharacter),
    ])
    func base16RefusesHalfBytesAndForeignCharacters(text: String, code: BaseEncodingError.Code) {
        let error = #expect(throws: BaseEncodingError.self) { try Base16.decode(text) }
        #expect(error?.code == code)
    }

    @Test func everyBaseRoundTripsRandomBytesOfEveryShortLength() throws {
        var random = SplitMix64(seed: 3)
        for length in 0...64 {
            var bytes = random.bytes(length)
            if length > 2, length.isMultiple(of: 3) { bytes[0] = 0 }
            for base in Multibase.Base.allCases {
                let text = Multibase.encode(bytes, base: base)
                #expect(text.first == base.rawValue)
                #expect(try Multibase.decode(text) == bytes)
            }
        }
    }

    @Test(arguments: ["", "x", "m123", "B", "k51", "9", "é", "\u{0}abc"])
    func unknownPrefixesAreNamed(text: String) {
        let error = #expect(throws: BaseEncodingError.self) { try Multibase.decode(text) }
        #expect(error?.code == .unknownPrefix)
        #expect(error?.message.contains("f, b, z, u") == true)
    }

    @Test func randomTextNeverDecodesToWhatEncodesToAnotherText() {
        var random = SplitMix64(seed: 4)
        let characters = [UInt8]("fbzuabcdefghijkmABCD234567-_=019lO ".utf8)
        for _ in 0..<5000 {
            let length = Int.random(in: 0...24, using: &random)
            let text = String(
                decoding: (0..<length).map { _ in characters[Int.random(in: characters.indices, using: &random)] },
                as: UTF8.self
            )
            guard let bytes = try? Multibase.decode(text), let prefix = text.first,
                let base = Multibase.Base(rawValue: prefix)
            else { continue }
            let again = Multibase.encode(bytes, base: base)
            #expect(again == (base == .base16 ? text.lowercased() : text))
        }
    }
}
