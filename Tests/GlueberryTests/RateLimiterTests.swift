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
import NIOCore
import NIOEmbedded
import Testing

@testable import Glueberry

/// Rate-limited sends, on a clock that the tests move.
@Suite(.timeLimit(.minutes(2))) struct RateLimiterTests {
    private func code(_ body: () async throws -> Void) async -> GlueberryError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? GlueberryError)?.code
        }
    }

    @Test func thoseWhoWaitPassInTheirOrderAtTheRate() async throws {
        let loop = NIOAsyncTestingEventLoop()
        let limiter = try RateLimiter(10, burst: 2, eventLoop: loop)
        #expect(limiter.tryPass())
        #expect(limiter.tryPass())
        #expect(!limiter.tryPass())
        let passed = Log<Int>()
        for number in 0..<5 {
            Task {
                try await limiter.wait()
                passed.append(number)
            }
            try await eventually { limiter.waiting == number + 1 && limiter.isTimerSet }
        }
        await loop.advanceTime(by: .milliseconds(99))
        #expect(limiter.waiting == 5)
        for count in 1...5 {
            await loop.advanceTime(by: .milliseconds(count == 1 ? 1 : 100))
            #expect(limiter.waiting == 5 - count)
            try await eventually { passed.count == count }
        }
        #expect(passed.all == [0, 1, 2, 3, 4])
        // What was cancelled has left the loop only when it has run.
        await loop.run()
        await loop.shutdownGracefully()
    }

    @Test func aWaitThatIsCancelledOrTimesOutUsesNothingUp() async throws {
        let loop = NIOAsyncTestingEventLoop()
        let limiter = try RateLimiter(1, burst: 1, eventLoop: loop)
        #expect(limiter.tryPass())
        let cancelled = Task { try await limiter.wait() }
        try await eventually { limiter.waiting == 1 && limiter.isTimerSet }
        let late = Task { try await limiter.wait(timeout: .milliseconds(500)) }
        try await eventually { limiter.waiting == 2 }
        let last = Task { try await limiter.wait() }
        try await eventually { limiter.waiting == 3 }
        cancelled.cancel()
        await #expect(code { try await cancelled.value } == .cancelled)
        await loop.advanceTime(by: .milliseconds(500))
        await #expect(code { try await late.value } == .timedOut)
        #expect(limiter.waiting == 1)
        await loop.advanceTime(by: .milliseconds(500))
        try await last.value
        let early = Task { try await limiter.wait() }
        early.cancel()
        await #expect(code { try await early.value } == .cancelled)
        #expect(limiter.waiting == 0)
        // What was cancelled has left the loop only when it has run.
        await loop.run()
        await loop.shutdownGracefully()
    }

    @Test func bytesCanBeLimitedInsteadOfMessages() async throws {
        let loop = NIOAsyncTestingEventLoop()
        let limiter = try RateLimiter(1000, burst: 500, of: .bytes, eventLoop: loop)
        #expect(limiter.tryPass(500))
        #expect(!limiter.tryPass(1))
        let large = Task { try await limiter.wait(for: 2000) }
        // Who waits is there a moment before its timer, which would come too late if the time moved on before that.
        try await eventually { limiter.waiting == 1 && limiter.isTimerSet }
        #expect(!limiter.tryPass(0), "nobody overtakes whoever waits")
        await loop.advanceTime(by: .milliseconds(500))
        try await large.value
        await loop.advanceTime(by: .milliseconds(1500))
        #expect(!limiter.tryPass(1), "the debt is paid, and nothing more")
        await loop.advanceTime(by: .milliseconds(1))
        #expect(limiter.tryPass(1))
        // What was cancelled has left the loop only when it has run.
        await loop.run()
        await loop.shutdownGracefully()
    }

    @Test(arguments: [(0, 1), (-1, 1), (.infinity, 1), (1, 0)] as [(Double, Int)])
    func aLimitThatIsNoneIsRefused(rate: Double, burst: Int) async {
        await #expect(code { _ = try RateLimiter(rate, burst: burst) } == .configurationInvalid)
    }

    @Test func aNodesSendsKeepToTheLimitAndToTheDeadline() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            // The clock of the limit stands still until the test moves it.
            let loop = NIOAsyncTestingEventLoop()
            let limiter = try RateLimiter(1, burst: 2, eventLoop: loop)
            for number in UInt8(0)..<2 {
                try await dialer.send([number], to: listener.peerID, on: "a", limitedBy: limiter)
            }
            let third = Task { try await dialer.send([2], to: listener.peerID, on: "a", limitedBy: limiter) }
            try await eventually { limiter.waiting == 1 && limiter.isTimerSet }
            let cancelled = Task { try await dialer.send([9], to: listener.peerID, on: "a", limitedBy: limiter) }
            try await eventually { limiter.waiting == 2 }
            cancelled.cancel()
            await #expect(code { try await cancelled.value } == .cancelled)
            await loop.advanceTime(by: .seconds(1))
            try await third.value
            await #expect(
                code { try await dialer.send([9], to: listener.peerID, on: "none", limitedBy: limiter) }
                    == .streamNotPrepared)
            var messages = try listener.messages().makeAsyncIterator()
            for number in UInt8(0)..<3 { #expect(await messages.next()?.bytes == [number]) }
            // What was cancelled has left the loop only when it has run.
            await loop.run()
            await loop.shutdownGracefully()
        }
    }

    @Test func aSendThatTheLimitHoldsBackUntilItsDeadlineTimesOut() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let limiter = try RateLimiter(1, per: .seconds(3600), burst: 1)
            try await dialer.send([0], to: listener.peerID, on: "a", limitedBy: limiter)
            await #expect(
                code {
                    try await dialer.send(
                        [1], to: listener.peerID, on: "a", timeout: .milliseconds(1), limitedBy: limiter)
                } == .sendTimedOut)
        }
    }
}
