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

import ArgumentParser

/// A time on the command line: numbers with units, such as `500ms`, `3s`, `1m30s` or `2h`.
struct TimeOption: ExpressibleByArgument, Equatable, CustomStringConvertible {
    /// The longest time that is taken.
    static let maximum = Duration.seconds(366 * 24 * 3600)

    let duration: Duration
    let description: String

    /// Reads a time; nil if it is none, or longer than a year.
    init?(argument: String) {
        guard let duration = Self.parse(argument) else { return nil }
        self.duration = duration
        self.description = argument
    }

    /// A whole number of seconds, for defaults.
    init(seconds: UInt16) {
        self.duration = .seconds(Int64(seconds))
        self.description = seconds > 0 && seconds % 60 == 0 ? "\(seconds / 60)m" : "\(seconds)s"
    }

    var defaultValueDescription: String { self.description }

    private static func parse(_ text: String) -> Duration? {
        var rest = Array(text.utf8)[...]
        guard !rest.isEmpty, rest.count <= 64 else { return nil }
        var total = Duration.zero
        while !rest.isEmpty {
            let whole = self.takeDigits(&rest)
            var fraction: ArraySlice<UInt8> = []
            if rest.first == UInt8(ascii: ".") {
                rest = rest.dropFirst()
                fraction = self.takeDigits(&rest)
                guard !fraction.isEmpty else { return nil }
            }
            // Nine digits of each kind times the nanoseconds of an hour fit into 64 bits.
            guard !whole.isEmpty, whole.count <= 9, fraction.count <= 9,
                let count = Int64(String(decoding: whole, as: UTF8.self)), let unit = self.takeUnit(&rest)
            else { return nil }
            let (nanoseconds, overflow) = count.multipliedReportingOverflow(by: unit)
            guard !overflow else { return nil }
            total += .nanoseconds(nanoseconds)
            var digitUnit = unit
            for digit in fraction {
                digitUnit /= 10
                total += .nanoseconds(Int64(digit - UInt8(ascii: "0")) * digitUnit)
            }
            guard total <= self.maximum else { return nil }
        }
        return total
    }

    private static func takeDigits(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        rest = rest.dropFirst(digits.count)
        return digits
    }

    /// The nanoseconds of the unit that comes next.
    private static func takeUnit(_ rest: inout ArraySlice<UInt8>) -> Int64? {
        let units: [(String, Int64)] = [
            ("ms", 1_000_000), ("us", 1000), ("ns", 1), ("s", 1_000_000_000), ("m", 60_000_000_000),
            ("h", 3_600_000_000_000),
        ]
        for (name, nanoseconds) in units where rest.starts(with: name.utf8) {
            rest = rest.dropFirst(name.utf8.count)
            return nanoseconds
        }
        return nil
    }
}
