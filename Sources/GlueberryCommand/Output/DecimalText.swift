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

/// Numbers with a fixed number of decimals.
enum DecimalText {
    /// The number as text; one that is not finite, or too large to be counted, is written as 0.
    static func of(_ value: Double, decimals: Int) -> String {
        var factor = 1.0
        for _ in 0..<min(max(decimals, 0), 9) { factor *= 10 }
        guard value.isFinite, let scaled = Int64(exactly: (abs(value) * factor).rounded()), decimals > 0 else {
            return value.isFinite ? Int64(exactly: value.rounded()).map(String.init) ?? "0" : "0"
        }
        let unit = Int64(factor)
        let fraction = String(scaled % unit)
        let padding = String(repeating: "0", count: max(0, min(decimals, 9) - fraction.count))
        return (value < 0 && scaled != 0 ? "-" : "") + "\(scaled / unit)." + padding + fraction
    }

    /// A number of bytes for people: `64.0 MiB`.
    static func bytes(_ count: Int) -> String {
        switch count {
        case ..<1024: "\(count) B"
        case ..<(1024 * 1024): self.of(Double(count) / 1024, decimals: 1) + " KiB"
        case ..<(1024 * 1024 * 1024): self.of(Double(count) / 1_048_576, decimals: 1) + " MiB"
        default: self.of(Double(count) / 1_073_741_824, decimals: 2) + " GiB"
        }
    }
}

extension Duration {
    /// The whole microseconds of it; what does not fit is the greatest that does.
    var microseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, overflowAgain) = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return overflowAgain ? (seconds < 0 ? .min : .max) : sum
    }

    /// The seconds of it with their fraction.
    var inSeconds: Double { Double(self.components.seconds) + Double(self.components.attoseconds) / 1e18 }

    /// The milliseconds of it with their fraction.
    var inMilliseconds: Double { self.inSeconds * 1000 }
}
