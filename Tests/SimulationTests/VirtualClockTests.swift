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

import GlueberryTesting
import LibP2P
import NIOCore
import Testing

/// The clock itself.
///
/// Seeds: 300 to 319.
@Suite(.ownThreads, .timeLimit(.minutes(2))) struct VirtualClockTests {
    private let log = Locked<[Int]>([])

    private func note(_ number: Int) { self.log.withLock { $0.append(number) } }
    private var noted: [Int] { self.log.withLock { $0 } }

    @Test func timersFireInTheOrderOfTheirTimesAndOnlyWhenTheirTimeHasCome() {
        let clock = VirtualClock(seed: 300)
        let loop = clock.next()
        var random = SeededGenerator(seed: 300)
        let delays = (0..<500).map { _ in Int.random(in: 0...1000, using: &random) }
        var timers: [Scheduled<Void>] = []
        for delay in delays {
            timers.append(loop.scheduleTask(in: .milliseconds(Int64(delay))) { self.note(delay) })
        }
        for (index, timer) in timers.enumerated() where index % 3 == 0 { timer.cancel() }
        let kept = delays.enumerated().filter { $0.offset % 3 != 0 }.map(\.element)
        clock.advance(by: .milliseconds(500))
        #expect(self.noted == kept.filter { $0 <= 500 }.sorted())
        clock.advance(by: .milliseconds(499))
        #expect(self.noted == kept.filter { $0 <= 999 }.sorted())
        clock.advance(by: .seconds(1))
        #expect(self.noted == kept.sorted())
        #expect(clock.elapsed == .milliseconds(1999))
        #expect(clock.timers == 0)
    }

    @Test func timersThatAreDueAtOnceFireInTheOrderInWhichTheyWereSet() {
        let clock = VirtualClock(seed: 301)
        let loop = clock.next()
        for number in 0..<100 { loop.scheduleTask(in: .seconds(1)) { self.note(number) } }
        clock.advance(by: .seconds(1))
        #expect(self.noted == Array(0..<100))
    }

    @Test func advanceReturnsWhenTasksAndLoopsHaveNothingLeftToRun() {
        let clock = VirtualClock(eventLoops: 3, seed: 302)
        let task = clock.start {
            var sum = 0
            for number in 0..<100 {
                sum += try await clock.next().submit { number }.outcome()
                try await clock.sleep(for: .minutes(1))
                sum += await withTaskGroup(of: Int.self) { group in
                    for part in 0..<3 { group.addTask { part } }
                    return await group.reduce(0, +)
                }
            }
            return sum
        }
        #expect(!task.isDone)
        clock.advance(by: .minutes(99))
        #expect(!task.isDone)
        clock.advance(by: .minutes(1))
        #expect((try? task.result?.get()) == 4950 + 300)
        #expect(clock.elapsed == .minutes(100))
    }

    @Test func runStopsAtTheTimeAtWhichTheConditionCameToBeSo() {
        let clock = VirtualClock(seed: 303)
        clock.next().scheduleTask(in: .seconds(7)) { self.note(1) }
        clock.next().scheduleTask(in: .seconds(9)) { self.note(2) }
        #expect(clock.run(within: .seconds(60)) { self.noted == [1] })
        #expect(clock.elapsed == .seconds(7))
        #expect(!clock.run(within: .seconds(1)) { self.noted.count == 2 })
        #expect(clock.elapsed == .seconds(8))
    }

    @Test func whatDoesNotEndInTimeIsCancelledAndSaysSo() {
        let clock = VirtualClock(seed: 304)
        let error = #expect(throws: VirtualTimeOut.self) {
            try clock.perform(within: .seconds(5)) {
                defer { self.note(1) }
                try await clock.sleep(for: .seconds(3600))
            }
        }
        #expect(error?.limit == .seconds(5))
        #expect(self.noted == [1])
        #expect(clock.timers == 0)
    }

    @Test func codeIsInItsOwnEventLoopOnly() throws {
        let clock = VirtualClock(eventLoops: 2, seed: 305)
        let (one, other) = (clock.next(), clock.next())
        #expect(!one.inEventLoop)
        one.execute { if one.inEventLoop, !other.inEventLoop { self.note(1) } }
        other.execute { if !one.inEventLoop, other.inEventLoop { self.note(2) } }
        clock.run()
        #expect(Set(self.noted) == [1, 2])
        #expect(try clock.perform { one.inEventLoop || other.inEventLoop } == false)
    }

    @Test func theOrderOfEventLoopsComesFromTheSeed() {
        func order(_ seed: UInt64) -> [Int] {
            let clock = VirtualClock(eventLoops: 4, seed: seed)
            let log = Locked<[Int]>([])
            for number in 0..<40 { clock.next().execute { log.withLock { $0.append(number) } } }
            clock.run()
            return log.withLock { $0 }
        }
        let orders = (UInt64(310)..<320).map(order)
        #expect(Set(orders).count > 5)
        #expect(orders == (UInt64(310)..<320).map(order))
        // Each event loop keeps its own order.
        for order in orders {
            for loop in 0..<4 { #expect(order.filter { $0 % 4 == loop } == Array(stride(from: loop, to: 40, by: 4))) }
        }
    }

    @Test func whatRunsElsewhereIsWaitedForWhileTheClockStandsStill() async throws {
        let clock = VirtualClock(seed: 306)
        let loop = clock.next()
        let task = Task.detached { try await loop.submit { 7 }.outcome() }
        let isDone = Locked(false)
        loop.scheduleTask(in: .hours(1)) {}
        Task.detached {
            _ = try await task.value
            isDone.withLock { $0 = true }
        }
        try await clock.eventually { isDone.withLock { $0 } }
        #expect(clock.elapsed == .zero)
        #expect(try await task.value == 7)
    }
}

extension Duration {
    fileprivate static func minutes(_ count: Int) -> Duration { .seconds(60 * count) }
}
