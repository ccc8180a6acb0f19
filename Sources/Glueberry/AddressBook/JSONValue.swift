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

/// A JSON text as a value that keeps everything: the order of members, and numbers digit by digit.
///
/// What a file holds that this version does not know must come out as it went in.
package indirect enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number as it was written.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    package var text: String? { if case .string(let text) = self { text } else { nil } }
    package var flag: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    package var elements: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
    package var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
    package var integer: Int? { if case .number(let digits) = self { Int(digits) } else { nil } }
}

/// The members of a JSON object in their order.
package struct JSONObject: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
        package var name: String
        package var value: JSONValue
    }

    package var members: [Member] = []

    package init() {}

    /// The value of a name; of a name that was given twice, the last.
    ///
    /// Setting nil removes it.
    package subscript(name: String) -> JSONValue? {
        get { self.members.last { $0.name == name }?.value }
        set {
            guard let newValue else {
                self.members.removeAll { $0.name == name }
                return
            }
            if let index = self.members.lastIndex(where: { $0.name == name }) {
                self.members[index].value = newValue
            } else {
                self.members.append(Member(name: name, value: newValue))
            }
        }
    }
}

// MARK: Reading

extension JSONValue {
    /// Why a text is no JSON.
    package struct SyntaxError: Error, CustomStringConvertible {
        package let message: String
        package let offset: Int

        package var description: String { "\(self.message) at byte \(self.offset)" }
    }

    /// Reads one JSON text.
    ///
    /// - Parameter bytes: UTF-8; arrays and objects are nested at most 64 deep.
    /// - Throws: `SyntaxError`.
    package init(parsing bytes: [UInt8]) throws(SyntaxError) {
        var reader = Reader(bytes: bytes)
        self = try reader.document()
    }

    private struct Reader {
        static let maximumDepth = 64

        let bytes: [UInt8]
        var index = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        var next: UInt8? { self.index < self.bytes.count ? self.bytes[self.index] : nil }

        func failure(_ message: String) -> SyntaxError { SyntaxError(message: message, offset: self.index) }

        mutating func document() throws(SyntaxError) -> JSONValue {
            let value = try self.value(depth: 0)
            self.skipSpace()
            guard self.next == nil else { throw self.failure("something follows the JSON text") }
            return value
        }

        mutating func skipSpace() {
            while let byte = self.next, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { self.index += 1 }
        }

        mutating func take(_ byte: UInt8) -> Bool {
            guard self.next == byte else { return false }
            self.index += 1
            return true
        }

        mutating func expect(_ byte: UInt8) throws(SyntaxError) {
            guard self.take(byte) else { throw self.failure("'\(Character(UnicodeScalar(byte)))' is missing") }
        }

        mutating func value(depth: Int) throws(SyntaxError) -> JSONValue {
            guard depth < Self.maximumDepth else { throw self.failure("the text is nested too deep") }
            self.skipSpace()
            switch self.next {
            case UInt8(ascii: "{"): return .object(try self.object(depth: depth))
            case UInt8(ascii: "["): return .array(try self.array(depth: depth))
            case UInt8(ascii: "\""): return .string(try self.string())
            case UInt8(ascii: "t"): return try self.word("true", .bool(true))
            case UInt8(ascii: "f"): return try self.word("false", .bool(false))
            case UInt8(ascii: "n"): return try self.word("null", .null)
            default: return .number(try self.number())
            }
        }

        mutating func word(_ word: StaticString, _ value: JSONValue) throws(SyntaxError) -> JSONValue {
            let expected = Array(word.description.utf8)
            guard self.bytes[self.index...].starts(with: expected) else { throw self.failure("this is no JSON value") }
            self.index += expected.count
            return value
        }

        mutating func object(depth: Int) throws(SyntaxError) -> JSONObject {
            var object = JSONObject()
            self.index += 1
            self.skipSpace()
            if self.take(UInt8(ascii: "}")) { return object }
            while true {
                self.skipSpace()
                guard self.next == UInt8(ascii: "\"") else { throw self.failure("a name is missing") }
                let name = try self.string()
                self.skipSpace()
                try self.expect(UInt8(ascii: ":"))
                object.members.append(.init(name: name, value: try self.value(depth: depth + 1)))
                self.skipSpace()
                if self.take(UInt8(ascii: "}")) { return object }
                try self.expect(UInt8(ascii: ","))
            }
        }

        mutating func array(depth: Int) throws(SyntaxError) -> [JSONValue] {
            var elements: [JSONValue] = []
            self.index += 1
            self.skipSpace()
            if self.take(UInt8(ascii: "]")) { return elements }
            while true {
                elements.append(try self.value(depth: depth + 1))
                self.skipSpace()
                if self.take(UInt8(ascii: "]")) { return elements }
                try self.expect(UInt8(ascii: ","))
            }
        }

        mutating func number() throws(SyntaxError) -> String {
            let start = self.index
            _ = self.take(UInt8(ascii: "-"))
            if !self.take(UInt8(ascii: "0")) { try self.digits() }
            if self.take(UInt8(ascii: ".")) { try self.digits() }
            if self.take(UInt8(ascii: "e")) || self.take(UInt8(ascii: "E")) {
                if !self.take(UInt8(ascii: "+")) { _ = self.take(UInt8(ascii: "-")) }
                try self.digits()
            }
            return String(decoding: self.bytes[start..<self.index], as: UTF8.self)
        }

        mutating func digits() throws(SyntaxError) {
            let start = self.index
            while let byte = self.next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.index += 1 }
            guard self.index > start else { throw self.failure("this is no JSON value") }
        }

        mutating func string() throws(SyntaxError) -> String {
            self.index += 1
            let start = self.index
            while let byte = self.next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
                self.index += 1
            }
            if self.next == UInt8(ascii: "\"") {
                defer { self.index += 1 }
                return String(decoding: self.bytes[start..<self.index], as: UTF8.self)
            }
            var decoded = Array(self.bytes[start..<self.index])
            while let byte = self.next {
                switch byte {
                case UInt8(ascii: "\""):
                    self.index += 1
                    return String(decoding: decoded, as: UTF8.self)
                case UInt8(ascii: "\\"):
                    self.index += 1
                    try self.escape(into: &decoded)
                case 0..<0x20: throw self.failure("a control character in a string")
                default:
                    decoded.append(byte)
                    self.index += 1
                }
            }
            throw self.failure("a string does not end")
        }

        mutating func escape(into decoded: inout [UInt8]) throws(SyntaxError) {
            guard let byte = self.next else { throw self.failure("a string does not end") }
            self.index += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
            case UInt8(ascii: "b"): decoded.append(0x08)
            case UInt8(ascii: "f"): decoded.append(0x0c)
            case UInt8(ascii: "n"): decoded.append(0x0a)
            case UInt8(ascii: "r"): decoded.append(0x0d)
            case UInt8(ascii: "t"): decoded.append(0x09)
            case UInt8(ascii: "u"):
                let unit = try self.codeUnit()
                var scalar = UnicodeScalar(unit)
                if (0xd800..<0xdc00).contains(unit), self.bytes[self.index...].starts(with: [0x5c, 0x75]) {
                    let mark = self.index
                    self.index += 2
                    let low = try self.codeUnit()
                    if (0xdc00..<0xe000).contains(low) {
                        scalar = UnicodeScalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
                    } else {
                        self.index = mark
                    }
                }
                // Half a pair alone stands for nothing.
                decoded.append(contentsOf: String(Character(scalar ?? "\u{fffd}")).utf8)
            default: throw self.failure("an unknown escape")
            }
        }

        mutating func codeUnit() throws(SyntaxError) -> UInt32 {
            var unit: UInt32 = 0
            for _ in 0..<4 {
                guard let byte = self.next, let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
                    throw self.failure("an unknown escape")
                }
                unit = unit << 4 | UInt32(digit)
                self.index += 1
            }
            return unit
        }
    }
}

// MARK: Writing

extension JSONValue {
    /// The text: over several lines, indented by two spaces, or in one line without spaces.
    package func encoded(isIndented: Bool) -> [UInt8] {
        var output: [UInt8] = []
        self.write(to: &output, indentation: isIndented ? 0 : nil)
        return output
    }

    private func write(to output: inout [UInt8], indentation: Int?) {
        switch self {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let flag): output.append(contentsOf: (flag ? "true" : "false").utf8)
        case .number(let digits): output.append(contentsOf: digits.utf8)
        case .string(let text): Self.write(text, to: &output)
        case .array(let elements):
            Self.write(elements, "[", "]", to: &output, indentation) { element, output, inner in
                element.write(to: &output, indentation: inner)
            }
        case .object(let object):
            Self.write(object.members, "{", "}", to: &output, indentation) { member, output, inner in
                Self.write(member.name, to: &output)
                output.append(UInt8(ascii: ":"))
                if inner != nil { output.append(UInt8(ascii: " ")) }
                member.value.write(to: &output, indentation: inner)
            }
        }
    }

    private static func write<Element>(
        _ elements: [Element], _ opening: Unicode.Scalar, _ closing: Unicode.Scalar, to output: inout [UInt8],
        _ indentation: Int?, _ write: (Element, inout [UInt8], Int?) -> Void
    ) {
        let inner = indentation.map { $0 + 2 }
        func newLine(_ width: Int?) {
            guard let width else { return }
            output.append(UInt8(ascii: "\n"))
            output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: width))
        }
        output.append(UInt8(ascii: opening))
        for (index, element) in elements.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            newLine(inner)
            write(element, &output, inner)
        }
        if !elements.isEmpty { newLine(indentation) }
        output.append(UInt8(ascii: closing))
    }

    private static func write(_ text: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output.append(contentsOf: "\\\"".utf8)
            case "\\": output.append(contentsOf: "\\\\".utf8)
            case "\n": output.append(contentsOf: "\\n".utf8)
            case "\r": output.append(contentsOf: "\\r".utf8)
            case "\t": output.append(contentsOf: "\\t".utf8)
            // As the original writes them, so that a file that both write does not change for nothing.
            case "\u{0}"..<"\u{20}", "<", ">", "&", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                output.append(contentsOf: "\\u".utf8)
                output.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: 4 - digits.utf8.count))
                output.append(contentsOf: digits.utf8)
            default: output.append(contentsOf: scalar.utf8)
            }
        }
        output.append(UInt8(ascii: "\""))
    }
}
