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

/// Round trips one after another: what to send when, and how long each took.
struct PingPongRun {
    enum Step: Equatable {
        /// Send the message of this number.
        case send(UInt64)
        case wait
        case finished
    }

    /// A round trip that takes longer is lost.
    static let limit = Duration.seconds(5)

    private let warmup: Int
    private let count: Int
    private var next: UInt64 = 0
    private var outstanding: (number: UInt64, since: ContinuousClock.Instant)?
    private(set) var samples: [Int64] = []
    private(set) var lost = 0
    /// When the first measured message was sent.
    private(set) var begin: ContinuousClock.Instant?
    private(set) var end: ContinuousClock.Instant?

    init(warmup: Int, count: Int) {
        self.warmup = max(0, warmup)
        self.count = max(0, count)
        self.samples.reserveCapacity(min(self.count, 1_000_000))
    }

    /// Whether a message is one of those that count.
    func isMeasured(_ number: UInt64) -> Bool { number >= UInt64(self.warmup) }

    /// The first step.
    mutating func start(at now: ContinuousClock.Instant) -> Step { self.advance(now) }

    /// A message came back; nil is the number of one that is too short for it.
    mutating func received(_ number: UInt64?, at now: ContinuousClock.Instant) -> Step {
        guard let outstanding = self.outstanding, number == nil || number == outstanding.number else { return .wait }
        if self.isMeasured(outstanding.number) {
            let (seconds, attoseconds) = (now - outstanding.since).components
            self.samples.append(seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000)
        }
        return self.advance(now)
    }

    /// Time has passed.
    mutating func tick(at now: ContinuousClock.Instant) -> Step {
        guard let outstanding = self.outstanding else { return self.end == nil ? .wait : .finished }
        guard now - outstanding.since >= Self.limit else { return .wait }
        if self.isMeasured(outstanding.number) { self.lost += 1 }
        return self.advance(now)
    }

    /// No further message can be sent: whatever has not come back is lost.
    mutating func abort(at now: ContinuousClock.Instant) -> Step {
        self.lost = self.count - self.samples.count
        self.outstanding = nil
        if self.end == nil { self.end = now }
        return .finished
    }

    private mutating func advance(_ now: ContinuousClock.Instant) -> Step {
        guard self.next < UInt64(self.warmup + self.count) else {
            self.outstanding = nil
            if self.end == nil { self.end = now }
            return .finished
        }
        let number = self.next
        self.next += 1
        self.outstanding = (number, now)
        if self.begin == nil, self.isMeasured(number) { self.begin = now }
        return .send(number)
    }
}
