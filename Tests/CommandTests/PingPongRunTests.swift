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

import Testing

@testable import GlueberryCommand

@Suite struct PingPongRunTests {
    private let begin = ContinuousClock.now

    @Test func warmingUpIsNotMeasured() {
        var run = PingPongRun(warmup: 2, count: 2)
        #expect(run.start(at: self.begin) == .send(0))
        #expect(run.received(0, at: self.begin + .seconds(1)) == .send(1))
        #expect(run.begin == nil)
        #expect(run.received(1, at: self.begin + .seconds(2)) == .send(2))
        #expect(run.begin == self.begin + .seconds(2))
        #expect(run.received(2, at: self.begin + .milliseconds(2500)) == .send(3))
        #expect(run.received(3, at: self.begin + .milliseconds(2600)) == .finished)
        #expect(run.samples == [500_000_000, 100_000_000] && run.lost == 0)
        #expect(run.end == self.begin + .milliseconds(2600))
    }

    @Test func whatDoesNotComeBackIsLostAndTheNextIsSent() {
        var run = PingPongRun(warmup: 0, count: 2)
        #expect(run.start(at: self.begin) == .send(0))
        #expect(run.tick(at: self.begin + .seconds(4)) == .wait)
        #expect(run.tick(at: self.begin + .seconds(5)) == .send(1))
        // What comes back too late is not taken for the next.
        #expect(run.received(0, at: self.begin + .seconds(6)) == .wait)
        #expect(run.received(1, at: self.begin + .seconds(7)) == .finished)
        #expect(run.lost == 1 && run.samples == [2_000_000_000])
        #expect(run.received(1, at: self.begin + .seconds(8)) == .wait)
        #expect(run.tick(at: self.begin + .seconds(20)) == .finished)
    }

    @Test func messagesWithoutANumberAnswerTheOneThatIsOut() {
        var run = PingPongRun(warmup: 0, count: 1)
        #expect(run.received(nil, at: self.begin) == .wait)
        #expect(run.start(at: self.begin) == .send(0))
        #expect(run.received(nil, at: self.begin + .seconds(1)) == .finished)
    }

    @Test func anAbortedRunCountsTheRestAsLost() {
        var run = PingPongRun(warmup: 0, count: 10)
        #expect(run.start(at: self.begin) == .send(0))
        #expect(run.received(0, at: self.begin) == .send(1))
        #expect(run.abort(at: self.begin) == .finished)
        #expect(run.lost == 9 && run.samples.count == 1)
    }

    @Test func nothingToDoIsDoneAtOnce() {
        var run = PingPongRun(warmup: 0, count: 0)
        #expect(run.start(at: self.begin) == .finished)
    }
}
