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
import Testing

@testable import LibP2P

@Suite struct DialScheduleTests {
    private let failure = HostError(.ioFailed, "refused")

    private func at(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(0) + .milliseconds(milliseconds) }

    private func schedule() -> DialSchedule {
        DialSchedule(limits: HostLimits(), timeouts: HostTimeouts(), now: self.at(0))
    }

    private func address(_ text: String, _ port: Int) throws -> Multiaddr { try Multiaddr("/ip4/\(text)/tcp/\(port)") }

    @Test func privateAddressesGoFirstEachKindInItsOrder() throws {
        var schedule = self.schedule()
        for port in 1...2 { schedule.add(try self.address("8.8.8.8", port), isPublic: true) }
        for port in 3...4 { schedule.add(try self.address("10.0.0.1", port), isPublic: false) }
        var ports: [UInt16?] = []
        for time in stride(from: Int64(0), to: 2000, by: 10) {
            ports += schedule.start(now: self.at(time)).map(\.address.tcpEndpoint?.port)
        }
        #expect(ports == [3, 4, 1, 2])
    }

    @Test func aPrivateAddressIsGiven30MillisecondsAndAPublicOne250() throws {
        var schedule = self.schedule()
        schedule.add(try self.address("10.0.0.1", 1), isPublic: false)
        schedule.add(try self.address("8.8.8.8", 2), isPublic: true)
        schedule.add(try self.address("8.8.8.8", 3), isPublic: true)
        #expect(schedule.nextDeadline == self.at(0))
        #expect(schedule.start(now: self.at(0)).count == 1)
        #expect(schedule.nextDeadline == self.at(30))
        #expect(schedule.start(now: self.at(29)).isEmpty)
        #expect(schedule.start(now: self.at(30)).count == 1)
        #expect(schedule.nextDeadline == self.at(280))
        #expect(schedule.start(now: self.at(279)).isEmpty)
        #expect(schedule.start(now: self.at(280)).count == 1)
        #expect(schedule.nextDeadline == nil)
    }

    @Test func theNextBeginsAtOnceAfterAFailure() throws {
        var schedule = self.schedule()
        schedule.add(try self.address("8.8.8.8", 1), isPublic: true)
        schedule.add(try self.address("8.8.8.8", 2), isPublic: true)
        let first = try #require(schedule.start(now: self.at(0)).first)
        #expect(schedule.start(now: self.at(5)).isEmpty)
        schedule.failed(first.id, stage: .connecting, error: self.failure, now: self.at(5))
        #expect(schedule.nextDeadline == self.at(5))
        #expect(schedule.start(now: self.at(5)).map(\.address.tcpEndpoint?.port) == [2])
        #expect(schedule.attempts.map(\.stage) == [.connecting])
        #expect(schedule.attempts.first?.error?.code == .ioFailed)
    }

    @Test func atMostEightRunAtATime() throws {
        var schedule = self.schedule()
        for port in 1...10 { schedule.add(try self.address("10.0.0.1", port), isPublic: false) }
        var running: [DialSchedule.Candidate] = []
        for time in stride(from: Int64(0), through: 10_000, by: 10) { running += schedule.start(now: self.at(time)) }
        #expect(running.count == 8)
        #expect(schedule.nextDeadline == nil)
        schedule.failed(running[3].id, stage: .securityHandshake, error: self.failure, now: self.at(20_000))
        #expect(schedule.start(now: self.at(20_000)).map(\.address.tcpEndpoint?.port) == [9])
        #expect(schedule.start(now: self.at(30_000)).isEmpty)
    }

    @Test func itIsExhaustedWhenNothingWaitsAndNothingRuns() throws {
        var schedule = self.schedule()
        #expect(schedule.isExhausted)
        schedule.add(try self.address("8.8.8.8", 1), isPublic: true)
        #expect(!schedule.isExhausted)
        let first = try #require(schedule.start(now: self.at(0)).first)
        #expect(!schedule.isExhausted && schedule.nextDeadline == nil)
        schedule.failed(first.id, stage: .connecting, error: self.failure, now: self.at(1))
        #expect(schedule.isExhausted)
        // An attempt ends once.
        schedule.failed(first.id, stage: .connecting, error: self.failure, now: self.at(2))
        #expect(schedule.attempts.count == 1)
    }

    @Test func whatIsAbandonedIsListedWithTheRunningFirst() throws {
        var schedule = self.schedule()
        for port in 1...4 { schedule.add(try self.address("8.8.8.8", port), isPublic: true) }
        let name = schedule.resolve(try Multiaddr("/dns4/example.org/tcp/9"), now: self.at(0))
        schedule.resolutionFailed(name, error: HostError(.badAddress, "does not resolve"), now: self.at(0))
        let first = try #require(schedule.start(now: self.at(0)).first)
        _ = schedule.start(now: self.at(250))
        _ = schedule.start(now: self.at(500))
        schedule.failed(first.id, stage: .securityNegotiation, error: self.failure, now: self.at(600))
        let report = schedule.report(now: self.at(700)).map(\.attempt)
        #expect(report.map(\.address.tcpEndpoint?.port) == [9, 1, 2, 3, 4])
        #expect(report.map(\.stage) == [.resolving, .securityNegotiation, .connecting, .connecting, .waiting])
        #expect(report.map { $0.error == nil } == [false, false, true, true, true])
        #expect(report[2].description == "/ip4/8.8.8.8/tcp/2 at connecting: abandoned")
        #expect(schedule.attempts.map(\.stage) == [.resolving, .securityNegotiation])
    }

    @Test func attemptsAreListedInTheOrderInWhichTheyBegan() throws {
        var schedule = self.schedule()
        schedule.unusable(
            try self.address("10.0.0.9", 9), stage: .waiting, error: self.failure, now: self.at(0))
        for port in 1...3 { schedule.add(try self.address("8.8.8.8", port), isPublic: true) }
        var running: [DialSchedule.Candidate] = []
        for time in [Int64(0), 250, 500] { running += schedule.start(now: self.at(time)) }
        // They end the other way round.
        for (index, candidate) in running.reversed().enumerated() {
            schedule.failed(
                candidate.id, stage: .connecting, error: self.failure, now: self.at(600 + Int64(index) * 100))
        }
        #expect(schedule.attempts.map(\.address.tcpEndpoint?.port) == [9, 1, 2, 3])
        #expect(schedule.attempts.map(\.began) == [.zero, .zero, .milliseconds(250), .milliseconds(500)])
        #expect(
            schedule.attempts.map(\.duration) == [.zero, .milliseconds(800), .milliseconds(450), .milliseconds(100)])
    }

    @Test func theAttemptThatBroughtTheConnectionIsListedAsSuch() throws {
        var schedule = self.schedule()
        for port in 1...2 { schedule.add(try self.address("8.8.8.8", port), isPublic: true) }
        let first = try #require(schedule.start(now: self.at(0)).first)
        let second = try #require(schedule.start(now: self.at(250)).first)
        schedule.succeeded(first.id, now: self.at(300))
        let report = schedule.report(now: self.at(300))
        #expect(report.map(\.attempt.hasSucceeded) == [true, false])
        #expect(report.map(\.running) == [nil, second.id])
        #expect(report[0].attempt.description == "/ip4/8.8.8.8/tcp/1 at secured: connected")
    }

    @Test func aNameThatIsStillLookedUpIsNeitherExhaustedNorForgotten() throws {
        var schedule = self.schedule()
        let name = schedule.resolve(try Multiaddr("/dns4/example.org/tcp/9"), now: self.at(0))
        #expect(!schedule.isExhausted)
        #expect(schedule.report(now: self.at(50)).map(\.attempt.stage) == [.resolving])
        schedule.resolved(name)
        #expect(schedule.isExhausted)
    }
}
