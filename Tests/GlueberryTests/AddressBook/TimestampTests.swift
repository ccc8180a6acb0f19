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

import Glueberry
import Testing

@Suite struct TimestampTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0, 0), ("2026-11-22T17:04:01.903587921Z", 1_795_367_041, 903_587_921),
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999),
            ("2000-02-29T12:00:00.5Z", 951_825_600, 500_000_000), ("1969-12-31T23:59:59.25Z", -1, 250_000_000),
        ] as [(String, Int64, Int32)])
    func aMomentIsReadAndWrittenToTheNanosecond(text: String, seconds: Int64, nanoseconds: Int32) throws {
        let moment = try #require(Timestamp(text))
        #expect(moment.seconds == seconds)
        #expect(moment.nanoseconds == nanoseconds)
        #expect(moment.description == text)
    }

    @Test func everyDayOfFourHundredYearsIsWrittenAsItIsRead() throws {
        var day: Int64 = -11_000
        var previous = Timestamp.distantPast
        while day < 135_000 {
            let moment = Timestamp(seconds: day * 86_400 + 5)
            #expect(Timestamp(moment.description) == moment)
            #expect(previous < moment)
            previous = moment
            day += 1
        }
    }

    @Test func anOffsetIsTakenIntoAccount() throws {
        #expect(Timestamp("2026-11-22T18:04:01+01:00") == Timestamp("2026-11-22T17:04:01Z"))
        #expect(Timestamp("2026-11-22T00:04:01.5-07:30") == Timestamp("2026-11-22T07:34:01.5Z"))
    }

    @Test(arguments: [
        "", "2026-11-22", "2026-11-22 17:04:01Z", "2026-13-22T17:04:01Z", "2026-02-29T17:04:01Z",
        "2026-11-22T24:00:00Z",
        "2026-11-22T17:60:01Z", "2026-11-22T17:04:61Z", "2026-11-22T17:04:01", "2026-11-22T17:04:01.Z",
        "2026-11-22T17:04:01Zx", "2026-11-22T17:04:01+1:00", "0000-01-01T00:00:00Z", "２026-11-22T17:04:01Z",
    ])
    func whatIsNoMomentIsRefused(text: String) { #expect(Timestamp(text) == nil) }

    @Test func durationsCarryOverTheSecond() throws {
        let moment = Timestamp(seconds: 10, nanoseconds: 900_000_000)
        #expect(moment.advanced(by: .milliseconds(200)) == Timestamp(seconds: 11, nanoseconds: 100_000_000))
        #expect(moment.advanced(by: .milliseconds(-1000)) == Timestamp(seconds: 9, nanoseconds: 900_000_000))
        #expect(moment.advanced(by: .seconds(Int64.max)).description.hasPrefix("9999-12-31"))
        #expect(moment.advanced(by: .milliseconds(200)).duration(since: moment) == .milliseconds(200))
    }
}
