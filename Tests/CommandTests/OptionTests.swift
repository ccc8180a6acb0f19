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

@testable import GlueberryCommand

@Suite struct OptionTests {
    @Test func timesAreReadWithTheirUnits() {
        let times: [(String, Duration)] = [
            ("500ms", .milliseconds(500)), ("3s", .seconds(3)), ("1m", .seconds(60)), ("2h", .seconds(7200)),
            ("1m30s", .seconds(90)), ("1.5s", .milliseconds(1500)), ("250us", .microseconds(250)), ("0s", .zero),
            ("7ns", .nanoseconds(7)), ("0.001ms", .microseconds(1)), ("8784h", .seconds(366 * 24 * 3600)),
        ]
        for (text, duration) in times { #expect(TimeOption(argument: text)?.duration == duration, "\(text)") }
    }

    @Test(arguments: [
        "", "s", "3", "3 s", "-3s", "+3s", "3x", "3s4", "1.s", ".5s", "1e3s", "8785h", "999999999999h", "3s-1s", "３s",
        "1000000000s",
    ])
    func whatIsNoTimeIsRefused(text: String) {
        #expect(TimeOption(argument: text) == nil)
    }

    @Test func sizesAreReadWithTheirUnits() {
        let sizes: [(String, Int)] = [
            ("1", 1), ("4096", 4096), ("64KiB", 65_536), ("10m", 10_485_760), ("2GiB", 2_147_483_648), ("5B", 5),
        ]
        for (text, bytes) in sizes { #expect(ByteCountOption(argument: text)?.bytes == bytes, "\(text)") }
    }

    @Test(arguments: ["", "0", "-1", "1.5m", "KiB", "1TB", "99999999999999999999", "9999999999GiB", "0x10"])
    func whatIsNoSizeIsRefused(text: String) {
        #expect(ByteCountOption(argument: text) == nil)
    }

    @Test func prioritiesAreReadByName() {
        let read = StreamPrioritiesOption(argument: "vote=high,bulk=low:4,other=normal:256")?.priorities
        #expect(
            read == [
                "vote": .high, "bulk": StreamPriority(urgency: .low, weight: 4),
                "other": StreamPriority(urgency: .normal, weight: 256),
            ])
    }

    @Test(arguments: [
        "", "vote", "vote=", "vote=urgent", "vote=high:", "vote=high:0", "vote=high:257", "vote=high:1:1", "vote=high,",
        "a=b=high", "vote=high:x",
    ])
    func whatIsNoPriorityIsRefused(text: String) {
        #expect(StreamPrioritiesOption(argument: text) == nil)
    }

    @Test func reconnectionIsLimitedByANumberOrATime() {
        guard case .attempts(5) = ReconnectionLimitOption(argument: "5") else {
            Issue.record("a number is a number of tries")
            return
        }
        guard case .delay(let time) = ReconnectionLimitOption(argument: "5s") else {
            Issue.record("a time is a delay")
            return
        }
        #expect(time.duration == .seconds(5))
        #expect(ReconnectionLimitOption(argument: "-5") == nil)
    }
}
