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

    /// What has been begun and is not over.
    private struct Begun {
        let address: Multiaddr
        /// Its place among all that was begun.
        let place: Int
        let at: NIODeadline
    }

    private let maximumRunning: Int
    private let publicPause: TimeAmount
    private let privatePause: TimeAmount
    private let begin: NIODeadline
    private var resolving: [Int: Begun] = [:]
    private var waiting: [Candidate]
    private var running: [Int: Begun] = [:]
    private var nextStart: NIODeadline
    private var nextID = 0
    private var nextPlace = 0
    private var ended: [(place: Int, attempt: DialAttempt)] = []

    init(limits: HostLimits, timeouts: HostTimeouts, now: NIODeadline) {
        self.maximumRunning = limits.dialsPerPeer
        self.publicPause = timeouts.nextPublicAddress
        self.privatePause = timeouts.nextPrivateAddress
        self.waiting = []
        self.begin = now
        self.nextStart = now
    }

    /// What has ended, in the order in which it began.
    var attempts: [DialAttempt] { self.ended.sorted { $0.place < $1.place }.map(\.attempt) }

    // MARK: Names

    /// An address is being looked up; returns what to name it by when that is done.
    mutating func resolve(_ address: Multiaddr, now: NIODeadline) -> Int {
        let id = self.takeID()
        self.resolving[id] = self.takePlace(address, now: now)
        return id
    }

    /// A look-up has brought addresses, which are to be added.
    mutating func resolved(_ id: Int) {
        self.resolving[id] = nil
    }

    /// A look-up has failed.
    mutating func resolutionFailed(_ id: Int, error: HostError, now: NIODeadline) {
        guard let begun = self.resolving.removeValue(forKey: id) else { return }
        self.end(begun, stage: .resolving, error: error, now: now)
    }

    // MARK: Addresses

    /// Adds an address; private ones go first, they answer quickly or not at all.
    mutating func add(_ address: Multiaddr, isPublic: Bool) {
        let candidate = Candidate(id: self.takeID(), address: address, isPublic: isPublic)
        let index = isPublic ? self.waiting.endIndex : self.waiting.firstIndex { $0.isPublic } ?? self.waiting.endIndex
        self.waiting.insert(candidate, at: index)
    }

    /// The addresses to start now.
    mutating func start(now: NIODeadline) -> [Candidate] {
        var started: [Candidate] = []
        while !self.waiting.isEmpty, self.running.count < self.maximumRunning, now >= self.nextStart {
            let next = self.waiting.removeFirst()
            self.running[next.id] = self.takePlace(next.address, now: now)
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
        guard let begun = self.running.removeValue(forKey: id) else { return }
        self.end(begun, stage: stage, error: error, now: now)
        self.nextStart = now
    }

    /// One attempt brought the connection.
    mutating func succeeded(_ id: Int, now: NIODeadline) {
        guard let begun = self.running.removeValue(forKey: id) else { return }
        self.end(begun, stage: .secured, error: nil, now: now)
    }

    /// An address that could not even be started.
    mutating func unusable(_ address: Multiaddr, stage: DialAttempt.Stage, error: HostError, now: NIODeadline) {
        self.end(self.takePlace(address, now: now), stage: stage, error: error, now: now)
    }

    /// Every attempt: what was begun in the order of its begin, then what waits.
    ///
    /// One that runs is listed as connecting, with the number of its candidate: how far it got is not known here.
    func report(now: NIODeadline) -> [(attempt: DialAttempt, running: Int?)] {
        var begun: [(place: Int, attempt: DialAttempt, running: Int?)] = self.ended.map { ($0.place, $0.attempt, nil) }
        for entry in self.resolving.values {
            begun.append((entry.place, self.attempt(entry, stage: .resolving, error: nil, now: now), nil))
        }
        for (id, entry) in self.running {
            begun.append((entry.place, self.attempt(entry, stage: .connecting, error: nil, now: now), id))
        }
        let waiting = self.waiting.map {
            DialAttempt(address: $0.address, stage: .waiting, error: nil, began: now - self.begin, duration: .zero)
        }
        return begun.sorted { $0.place < $1.place }.map { ($0.attempt, $0.running) } + waiting.map { ($0, nil) }
    }

    /// Nothing is looked up, nothing waits and nothing runs.
    var isExhausted: Bool { self.resolving.isEmpty && self.waiting.isEmpty && self.running.isEmpty }

    // MARK: Bookkeeping

    private mutating func takeID() -> Int {
        defer { self.nextID += 1 }
        return self.nextID
    }

    private mutating func takePlace(_ address: Multiaddr, now: NIODeadline) -> Begun {
        defer { self.nextPlace += 1 }
        return Begun(address: address, place: self.nextPlace, at: now)
    }

    private mutating func end(_ begun: Begun, stage: DialAttempt.Stage, error: HostError?, now: NIODeadline) {
        self.ended.append((begun.place, self.attempt(begun, stage: stage, error: error, now: now)))
    }

    private func attempt(
        _ begun: Begun, stage: DialAttempt.Stage, error: HostError?, now: NIODeadline
    ) -> DialAttempt {
        DialAttempt(
            address: begun.address, stage: stage, error: error, began: begun.at - self.begin, duration: now - begun.at)
    }
}
