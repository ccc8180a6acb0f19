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

import Crypto
import Glueberry
import NIOCore
import PeerIdentity
import Testing

@testable import GlueberryCommand

@Suite struct MeasurementTests {
    @Test func percentilesAreExact() {
        let hundred = Percentiles((1...100).map { Int64($0) }.shuffled())
        #expect([0, 1, 50, 90, 99, 100].map(hundred.value) == [1, 1, 50, 90, 99, 100] && hundred.maximum == 100)
        let three = Percentiles([30, 10, 20])
        #expect([50, 66, 67, 99].map(three.value) == [20, 20, 30, 30])
        #expect(Percentiles([]).value(50) == 0 && Percentiles([]).maximum == 0)
        #expect(Percentiles([7]).value(99) == 7)
    }

    @Test func theRateFollowsTheScheduleAndNotTheMessageBefore() {
        let begin = ContinuousClock.now
        let pace = SendPace(rate: 10, begin: begin)
        #expect(pace.delay(before: 0, at: begin) == nil)
        #expect(pace.delay(before: 1, at: begin) == .milliseconds(100))
        // Late by three messages: those are due at once.
        #expect(pace.delay(before: 3, at: begin + .milliseconds(350)) == nil)
        #expect(pace.delay(before: 4, at: begin + .milliseconds(350)) == .milliseconds(50))
        #expect(SendPace(rate: nil, begin: begin).delay(before: 1_000_000, at: begin) == nil)
    }

    @Test func benchmarkMessagesCarryTheirNumber() {
        var payload = BenchPayload(size: 20)
        let (first, second) = (payload.message(1), payload.message(2))
        #expect(first.readableBytes == 20 && BenchPayload.number(of: first) == 1)
        #expect(BenchPayload.number(of: second) == 2)
        var short = BenchPayload(size: 7)
        #expect(short.message(1) == short.message(2) && BenchPayload.number(of: short.message(1)) == nil)
        var empty = BenchPayload(size: 0)
        #expect(empty.message(3).readableBytes == 0)
    }

    @Test func theSumOfDigestsKnowsTheMessagesAndNotTheirOrder() {
        func sum(_ texts: [String]) -> DigestSum {
            var sum = DigestSum()
            for text in texts { sum.add(ByteBuffer(string: text).sha256) }
            return sum
        }
        #expect(sum(["a", "b", "c"]) == sum(["c", "a", "b"]))
        #expect(sum(["a", "b"]) != sum(["a", "b", "b"]))
        #expect(sum(["a", "a"]) != sum(["b", "b"]))
        #expect(sum([]).text == String(repeating: "0", count: 64))
        #expect(sum(["a"]).text == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb")
        // 3e23e8160039594a + ca978112ca1bbdca, modulo 2⁶⁴, and so on.
        #expect(sum(["a", "b"]).text.hasPrefix("08bb6928ca551714"))
    }

    @Test func theSpanGoesFromTheFirstMessageToTheLast() {
        var tally = MessageTally()
        #expect(tally.span == 0)
        let begin = ContinuousClock.now
        tally.take(bytes: 5, at: begin)
        #expect(tally.span == 0)
        tally.take(bytes: 6, at: begin + .milliseconds(1500))
        #expect(tally.messages == 2 && tally.bytes == 11 && tally.span == 1.5)
    }

    @Test func timesOfASessionComeFromItsStates() {
        let begin = ContinuousClock.now
        var progress = EstablishmentProgress()
        #expect(progress.follow(.connecting, at: begin) == nil)
        #expect(progress.follow(.connected, at: begin + .milliseconds(3)) == nil)
        let times = progress.follow(.established, at: begin + .milliseconds(7))
        #expect(times?.connect == .milliseconds(3) && times?.handshake == .milliseconds(4))
        #expect(times?.total == .milliseconds(7))
        // Times of an attempt that failed do not count for the next.
        _ = progress.follow(.connecting, at: begin)
        _ = progress.follow(.disconnected, at: begin + .seconds(1))
        _ = progress.follow(.connected, at: begin + .seconds(2))
        #expect(progress.follow(.established, at: begin + .seconds(3))?.total == .seconds(1))
        #expect(progress.follow(.established, at: begin)?.total == .zero)
    }

    @Test func theMomentOfADialIsInMillisecondsOfUnixTime() {
        #expect(DialTime.remaining(until: 2000, now: 1_999_000_000) == .milliseconds(1))
        #expect(DialTime.remaining(until: 2000, now: 2_000_000_000) == nil)
        #expect(DialTime.remaining(until: 0, now: 5) == nil)
        #expect(DialTime.remaining(until: .max, now: 0) == .nanoseconds(Int64.max))
    }

    @Test func waitingForAMomentThatHasPassedReturnsAtOnceAndCancellationEndsIt() async {
        #expect(await DialTime.reached(0))
        let waiting = Task { await DialTime.reached(.max) }
        waiting.cancel()
        #expect(await !waiting.value)
    }
}
