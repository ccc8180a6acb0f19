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

import LibP2P

/// Shows on standard error how far a transfer is: a bar on a terminal, else a line for each quarter.
final class ProgressMeter: Sendable {
    private struct State {
        var shown: ContinuousClock.Instant?
        var quarter: UInt64 = 0
        var isBarOpen = false
    }

    private static let width = 30
    private static let interval = Duration.milliseconds(100)

    private let title: String
    private let total: UInt64
    private let begin = ContinuousClock.now
    private let state = Locked(State())

    init(_ title: String, total: UInt64) {
        self.title = title
        self.total = total
    }

    /// Tells how many bytes are done.
    func update(_ done: UInt64) {
        let now = ContinuousClock.now
        let seconds = (now - self.begin).inSeconds
        let share = self.total == 0 ? 1 : min(1, Double(done) / Double(self.total))
        let rate = DecimalText.of(seconds > 0 ? Double(done) / seconds / 1e6 : 0, decimals: 1)
        let text = self.state.withLock { state -> String? in
            if StandardError.isTerminal {
                if let shown = state.shown, now - shown < Self.interval, done < self.total { return nil }
                state.shown = now
                state.isBarOpen = true
                let filled = Int(share * Double(Self.width))
                let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: Self.width - filled)
                return "\r[\(bar)] \(Int(share * 100)) % \(rate) MB/s \(self.title)\u{1B}[K"
            }
            let quarter = UInt64(share * 4)
            guard quarter > state.quarter else { return nil }
            state.quarter = quarter
            return "\(self.title): \(quarter * 25) %, \(rate) MB/s\n"
        }
        if let text { StandardError.write(text) }
    }

    /// Ends the bar.
    func finish() {
        let isOpen = self.state.withLock { state in
            defer { state.isBarOpen = false }
            return state.isBarOpen
        }
        if isOpen { StandardError.write("\n") }
    }
}
