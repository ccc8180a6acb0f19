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

/// One JSON object on one line, its fields in the order in which they were added.
struct JSONLine {
    private(set) var text = "{"

    /// Begins the line of an event.
    init(event: String) { self.add("event", event) }

    /// Begins an empty object.
    init() {}

    /// The finished object.
    var finished: String { self.text + "}" }

    /// Adds a text.
    mutating func add(_ key: String, _ value: String) { self.add(key, raw: Self.quoted(value)) }

    /// Adds a whole number.
    mutating func add(_ key: String, _ value: some BinaryInteger) { self.add(key, raw: "\(value)") }

    /// Adds a truth value.
    mutating func add(_ key: String, _ value: Bool) { self.add(key, raw: value ? "true" : "false") }

    /// Adds a number with at most so many decimals; what is no number becomes 0.
    mutating func add(_ key: String, _ value: Double, decimals: Int) {
        self.add(key, raw: DecimalText.of(value, decimals: decimals))
    }

    /// Adds a list of texts.
    mutating func add(_ key: String, _ values: [String]) {
        self.add(key, raw: "[" + values.map(Self.quoted).joined(separator: ",") + "]")
    }

    /// Adds numbers by name.
    mutating func add(_ key: String, _ values: [String: Int]) {
        let fields = values.sorted { $0.key < $1.key }.map { Self.quoted($0.key) + ":\($0.value)" }
        self.add(key, raw: "{" + fields.joined(separator: ",") + "}")
    }

    /// Adds texts by name.
    mutating func add(_ key: String, _ values: [String: String]) {
        let fields = values.sorted { $0.key < $1.key }.map { Self.quoted($0.key) + ":" + Self.quoted($0.value) }
        self.add(key, raw: "{" + fields.joined(separator: ",") + "}")
    }

    /// Adds a value that is JSON already, on one line.
    mutating func add(_ key: String, json: String) { self.add(key, raw: json) }

    private mutating func add(_ key: String, raw: String) {
        if self.text.utf8.count > 1 { self.text += "," }
        self.text += Self.quoted(key) + ":" + raw
    }

    /// Quotes a text; whatever could break the line or steer a terminal is escaped.
    static func quoted(_ text: String) -> String {
        var output = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            default:
                if TerminalText.isSteering(scalar) {
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        output += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
                    }
                } else {
                    output.unicodeScalars.append(scalar)
                }
            }
        }
        return output + "\""
    }
}
