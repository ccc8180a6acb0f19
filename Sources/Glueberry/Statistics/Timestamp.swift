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

/// A moment of the calendar in UTC, to the nanosecond; for reading, never for measuring.
public struct Timestamp: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
    /// Nanoseconds since the beginning of 1970; up to the year 2554.
    public let nanosecondsSince1970: UInt64

    /// Creates a moment.
    public init(nanosecondsSince1970: UInt64) {
        self.nanosecondsSince1970 = nanosecondsSince1970
    }

    /// Whether one moment is before another.
    public static func < (first: Timestamp, second: Timestamp) -> Bool {
        first.nanosecondsSince1970 < second.nanosecondsSince1970
    }

    /// The moment as RFC 3339 writes it, to the millisecond, for example `2026-03-01T09:30:00.250Z`.
    public var description: String {
        let milliseconds = self.nanosecondsSince1970 / 1_000_000
        let seconds = milliseconds / 1000
        let (year, month, day) = Self.date(ofDay: seconds / 86_400)
        func padded(_ value: UInt64, _ width: Int) -> String {
            let digits = String(value)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let time = seconds % 86_400
        return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) + "T" + padded(time / 3600, 2) + ":"
            + padded(time / 60 % 60, 2) + ":" + padded(time % 60, 2) + "." + padded(milliseconds % 1000, 3) + "Z"
    }

    /// The date of a day counted from the beginning of 1970, in the Gregorian calendar.
    private static func date(ofDay day: UInt64) -> (year: UInt64, month: UInt64, day: UInt64) {
        // Years are counted from the first of March, so that the leap day comes last, and eras have 400 of them.
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let dayOfMonth = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfMonth)
    }
}
