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

/// A moment of the calendar, to the nanosecond: data that is kept and shown, never used for measuring.
///
/// Its text is that of RFC 3339 in UTC, for example `2026-11-22T17:04:01.903587921Z`. The years 1 to 9999 can be
/// told; what is outside becomes the nearest moment inside.
public struct Timestamp: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Whole seconds since the beginning of 1970, negative before it.
    public let seconds: Int64
    /// Nanoseconds that follow the whole seconds, 0 to 999,999,999.
    public let nanoseconds: Int32

    /// The beginning of the year 1, which stands for "never".
    public static let distantPast = Timestamp(seconds: Self.firstSecond, nanoseconds: 0)

    private static let firstSecond: Int64 = -62_135_596_800
    private static let lastSecond: Int64 = 253_402_300_799

    /// Creates a moment.
    ///
    /// - Parameters:
    ///   - seconds: Whole seconds since the beginning of 1970.
    ///   - nanoseconds: Those that follow, 0 to 999,999,999.
    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = min(max(seconds, Self.firstSecond), Self.lastSecond)
        self.nanoseconds = min(max(nanoseconds, 0), 999_999_999)
    }

    /// Creates a moment from nanoseconds since the beginning of 1970.
    public init(nanosecondsSince1970 nanoseconds: UInt64) {
        self.init(
            seconds: Int64(clamping: nanoseconds / 1_000_000_000),
            nanoseconds: Int32(clamping: nanoseconds % 1_000_000_000))
    }

    /// Nanoseconds since the beginning of 1970; 0 for an earlier moment.
    public var nanosecondsSince1970: UInt64 {
        let (whole, overflow) = UInt64(clamping: self.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard self.seconds >= 0, !overflow else { return self.seconds < 0 ? 0 : .max }
        let (sum, carry) = whole.addingReportingOverflow(UInt64(clamping: self.nanoseconds))
        return carry ? .max : sum
    }

    /// The present moment by the system's clock.
    public static var now: Timestamp { Timestamp(nanosecondsSince1970: WallClock.nanosecondsSince1970()) }

    /// Earlier moments come first.
    public static func < (left: Timestamp, right: Timestamp) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// The moment that comes a duration later.
    public func advanced(by duration: Duration) -> Timestamp {
        let (seconds, attoseconds) = duration.components
        var nanoseconds = Int64(self.nanoseconds) + attoseconds / 1_000_000_000
        var (sum, overflow) = self.seconds.addingReportingOverflow(seconds)
        if overflow { sum = seconds < 0 ? Self.firstSecond : Self.lastSecond }
        if nanoseconds < 0 {
            nanoseconds += 1_000_000_000
            sum -= 1
        } else if nanoseconds >= 1_000_000_000 {
            nanoseconds -= 1_000_000_000
            sum += 1
        }
        return Timestamp(seconds: sum, nanoseconds: Int32(clamping: nanoseconds))
    }

    /// How much later this moment is than another; negative if it is earlier.
    public func duration(since other: Timestamp) -> Duration {
        .seconds(self.seconds - other.seconds) + .nanoseconds(Int64(self.nanoseconds) - Int64(other.nanoseconds))
    }

    // MARK: Text

    /// The moment as RFC 3339 has it, in UTC, without zeros at the end of the fraction.
    public var description: String {
        let sinceYearOne = self.seconds - Self.firstSecond
        let (year, month, day) = Self.date(ofDay: sinceYearOne / 86_400)
        let second = sinceYearOne % 86_400
        var text =
            "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T"
            + "\(Self.padded(second / 3600, 2)):\(Self.padded(second / 60 % 60, 2)):\(Self.padded(second % 60, 2))"
        if self.nanoseconds > 0 {
            var fraction = Self.padded(Int64(self.nanoseconds), 9)
            while fraction.last == "0" { fraction.removeLast() }
            text += "." + fraction
        }
        return text + "Z"
    }

    /// Reads a moment from RFC 3339 text with any offset; nil if it is none.
    ///
    /// Digits of the fraction after the ninth are left out.
    public init?(_ text: String) {
        var rest = text.utf8[...]
        func number(_ digits: Int) -> Int64? {
            guard rest.count >= digits else { return nil }
            var value: Int64 = 0
            for byte in rest.prefix(digits) {
                guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - UInt8(ascii: "0"))
            }
            rest.removeFirst(digits)
            return value
        }
        func skip(_ characters: Character...) -> Bool {
            guard let first = rest.first, characters.contains(Character(UnicodeScalar(first))) else { return false }
            rest.removeFirst()
            return true
        }
        guard let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2), skip("T", "t"),
            let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
            year >= 1, let start = Self.day(year, month, day), hour < 24, minute < 60, second < 60
        else { return nil }
        var nanoseconds: Int64 = 0
        if skip(".") {
            var digits = 0
            while let digit = number(1) {
                if digits < 9 { nanoseconds = nanoseconds * 10 + digit }
                digits += 1
            }
            guard digits > 0 else { return nil }
            while digits < 9 {
                nanoseconds *= 10
                digits += 1
            }
        }
        var offset: Int64 = 0
        if !skip("Z", "z") {
            let isBehind = skip("-")
            guard isBehind || skip("+"), let hours = number(2), skip(":"), let minutes = number(2), hours < 24,
                minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (isBehind ? -60 : 60)
        }
        guard rest.isEmpty else { return nil }
        self.init(
            seconds: Self.firstSecond + start * 86_400 + hour * 3600 + minute * 60 + second - offset,
            nanoseconds: Int32(clamping: nanoseconds))
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    private static func daysBefore(year: Int64) -> Int64 {
        let past = year - 1
        return past * 365 + past / 4 - past / 100 + past / 400
    }

    private static func lengths(year: Int64) -> [Int64] {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    }

    /// The days from the beginning of the year 1 to a date; nil if there is no such date.
    private static func day(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64? {
        let lengths = Self.lengths(year: year)
        guard (1...12).contains(month), day >= 1, day <= lengths[Int(month) - 1] else { return nil }
        return Self.daysBefore(year: year) + lengths.prefix(Int(month) - 1).reduce(0, +) + day - 1
    }

    private static func date(ofDay day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        // A year that is at most one too early, since no year is shorter than 365 days nor longer than 366.
        var year = day * 400 / 146_097 + 1
        while Self.daysBefore(year: year) > day { year -= 1 }
        while Self.daysBefore(year: year + 1) <= day { year += 1 }
        var rest = day - Self.daysBefore(year: year)
        var month: Int64 = 1
        for length in Self.lengths(year: year) {
            guard rest >= length else { break }
            rest -= length
            month += 1
        }
        return (year, month, rest + 1)
    }
}
