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

/// What the demo shows, on standard error, in colours on a terminal.
struct DemoStage: Sendable {
    private let begin = ContinuousClock.now

    /// A heading.
    func title(_ text: String) { StandardError.line(self.painted(text, "1")) }

    /// What somebody says or does.
    func say(_ who: String, _ text: String) {
        let milliseconds = DecimalText.of((ContinuousClock.now - self.begin).inMilliseconds, decimals: 0)
        let padding = String(repeating: " ", count: max(0, 7 - milliseconds.count))
        StandardError.line(
            "\(padding)\(milliseconds) ms  \(self.painted(who, who == "anna" ? "35" : "36"))  \(TerminalText.line(text))"
        )
    }

    private func painted(_ text: String, _ code: String) -> String {
        StandardError.isTerminal ? "\u{1B}[\(code)m\(text)\u{1B}[0m" : text
    }
}
