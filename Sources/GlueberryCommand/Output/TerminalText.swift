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

/// Text from elsewhere made fit for a terminal: one line, nothing in it that steers the terminal or hides something.
enum TerminalText {
    /// The text on one line; characters that control, format or separate are written as `\u{…}`.
    ///
    /// - Parameters:
    ///   - text: Any text.
    ///   - limit: The greatest number of Unicode scalars taken; a cut is shown by three dots.
    /// - Returns: One line.
    static func line(_ text: String, limit: Int = 4096) -> String {
        var output = ""
        var taken = 0
        for scalar in text.unicodeScalars {
            guard taken < limit else { return output + "..." }
            taken += 1
            if self.isSteering(scalar) {
                output += scalar == "\n" ? " " : "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            } else {
                output.unicodeScalars.append(scalar)
            }
        }
        return output
    }

    /// Whether a scalar steers the output instead of showing something.
    static func isSteering(_ scalar: Unicode.Scalar) -> Bool {
        guard !scalar.isASCII else { return scalar.value < 0x20 || scalar.value == 0x7f }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return true
        default: return false
        }
    }
}
