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

import Multiformats
import NIOCore

/// Which address of a dial is tried when, as a value: the next one begins after a short pause, or at once when one
/// fails, and never more run at the same time than the limit allows ("Happy Eyeballs").
struct DialSchedule {
    struct Candidate {
        let id: Int
        let address: Multiaddr
        let isPublic: Bool
    }

    private let maximumRunning: Int
    private let publicPause: TimeAmount
    private let privatePause: TimeAmount
    private var waiting: [Candidate]
    private var running: [Int: Candidate] = [:]
    private var nextStart: NIODeadline
    private var nextID = 0
    /// What has ended, in the order of its end.
    private(set) var attempts: [DialAttempt] = []

    init(limits: HostLimits, timeouts: HostTimeouts, now: NIODeadline) {
        self.maximumRunning = limits.dialsPerPeer
        self.publicPause = timeouts.nextPublicAddress
        self.privatePause = timeouts.nextPrivateAddress
        self.waiting = []
        self.nextStart = now
    }

    /// Adds an address; private ones go first, they answer quickly or not at all.
    mutating func add(_ address: Multiaddr, isPublic: Bool) {
        let candidate = Candidate(id: self.nextID, address: address, isPublic: isPublic)
        self.nextID += 1
        let index = isPublic ? self.waiting.endIndex : self.waiting.firstIndex { $0.isPublic } ?? self.waiting.endIndex
        self.waiting.insert(candidate, at: index)
    }

    /// The addresses to start now.
    mutating func start(now: NIODeadline) -> [Candidate] {
        var started: [Candidate] = []
        while !self.waiting.isEmpty, self.running.count < self.maximumRunning, now >= self.nextStart {
            let next = self.waiting.removeFirst()
            self.running[next.id] = next
            self.nextStart = now + (next.isPublic ? self.publicPause : self.privatePause)
            started.append(next)
        }
        return started
    }

    /// When ``start(now:)`` is to be called again, if nothing happens before.
    var nextDeadline: NIODeadline? {
        self.waiting.isEmpty || self.running.count >= self.maximumRunning ? nil : self.nextStart
    }

    /// One attempt ended without a connection; the next begins at once.
    mutating func failed(_ id: Int, stage: DialAttempt.Stage, error: HostError, now: NIODeadline) {
        guard let candidate = self.running.removeValue(forKey: id) else { return }
        self.attempts.append(DialAttempt(address: candidate.address, stage: stage, error: error))
        self.nextStart = now
    }

    /// An address that could not even be started.
    mutating func unusable(_ address: Multiaddr, stage: DialAttempt.Stage, error: HostError) {
        self.attempts.append(DialAttempt(address: address, stage: stage, error: error))
    }

    /// The attempts that were not over when the dial was.
    func abandoned() -> [DialAttempt] {
        self.running.values.sorted { $0.id < $1.id }.map {
            DialAttempt(address: $0.address, stage: .connecting, error: nil)
        } + self.waiting.map { DialAttempt(address: $0.address, stage: .waiting, error: nil) }
    }

    /// Nothing waits and nothing runs.
    var isExhausted: Bool { self.waiting.isEmpty && self.running.isEmpty }
}
