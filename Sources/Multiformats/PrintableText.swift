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

/// Text of doubtful origin made fit for a log line or an error message.
public enum PrintableText {
    /// The text with everything escaped that could break a line, hide or forge what a terminal shows.
    ///
    /// Backslashes, quotes, control characters, and line, paragraph and direction marks are written as escapes.
    ///
    /// - Parameters:
    ///   - text: any text.
    ///   - limit: the greatest number of Unicode scalars taken from `text`; a cut is shown by three dots.
    /// - Returns: one line of text.
    public static func escape(_ text: String, limit: Int = 128) -> String {
        var output = ""
        var taken = 0
        for scalar in text.unicodeScalars {
            guard taken < limit else {
                return output + "..."
            }
            taken += 1
            if isPlain(scalar) {
                output.unicodeScalars.append(scalar)
            } else {
                output += escaped(scalar)
            }
        }
        return output
    }

    /// The bytes as text, each that is no visible ASCII character written as `\xNN`.
    ///
    /// - Parameters:
    ///   - bytes: any bytes.
    ///   - limit: the greatest number of bytes taken; a cut is shown by three dots.
    /// - Returns: one line of text.
    public static func escape(_ bytes: some Sequence<UInt8>, limit: Int = 128) -> String {
        var output = ""
        var taken = 0
        for byte in bytes {
            guard taken < limit else {
                return output + "..."
            }
            taken += 1
            if byte >= 0x20, byte < 0x7f, byte != UInt8(ascii: "\\"), byte != UInt8(ascii: "'"),
                byte != UInt8(ascii: "\"")
            {
                output.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                output += "\\x" + Base16.encode(CollectionOfOne(byte))
            }
        }
        return output
    }

    private static func escaped(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        case "\0": "\\0"
        case "\\", "'", "\"": "\\\(scalar)"
        default: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        }
    }

    /// Whether `scalar` may be printed as it is.
    static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "\\", "'", "\"": false
        default: !isControl(scalar)
        }
    }

    /// Whether `scalar` steers the output instead of showing something: control, format, and separator characters.
    static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        default: false
        }
    }
}
