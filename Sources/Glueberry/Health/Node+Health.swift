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
import Multiformats
import NIOCore

extension Node {
    /// Looks at how the node is: liveness and readiness, as named checks.
    ///
    /// The checks are `control-loop` and `event-loop N`, which answer within the deadline, and `timers`, which fire within
    /// it (liveness); `running`, `listening ADDRESS` for each address, `address-book`, `connection-limit`, `consumers`,
    /// which are failed by a stream that nobody has read for `stallTimeout`, and one for each of ``NodeConfiguration/healthChecks``
    /// (readiness). A node that does not run is live and not ready.
    ///
    /// - Parameter deadline: How long whoever is asked may take to answer; a call that is cancelled stops waiting.
    /// - Returns: The report, also when checks failed.
    public func health(deadline: Duration = .seconds(2)) async -> HealthReport {
        await self.health(
            deadline: deadline, stalledAfter: TimeAmount(self.configuration.stallTimeout), watchdog: Watchdog())
    }

    func health(deadline: Duration, stalledAfter: TimeAmount, watchdog: Watchdog) async -> HealthReport {
        let run = self.running
        var questions: [(name: String, ask: Question)] = []
        for (index, eventLoop) in self.eventLoops.enumerated() {
            questions.append(("event-loop \(index)", { answer in eventLoop.execute { answer(.fine("answers")) } }))
        }
        if let run {
            questions.append(("control-loop", { answer in run.execute { _ in answer(.fine("answers")) } }))
            questions.append(
                (
                    "timers",
                    { answer in _ = run.eventLoop.scheduleTask(in: .milliseconds(1)) { answer(.fine("fire")) } }
                ))
        }
        let liveness = questions.count
        let tasks = Locked<[Task<Void, Never>]>([])
        for check in self.configuration.healthChecks {
            questions.append(
                (
                    check.healthCheckName,
                    { answer in
                        let task = Task {
                            answer(await check.healthProblem().map { .wrong($0) } ?? .fine("no problem"))
                        }
                        tasks.withLock { $0.append(task) }
                    }
                ))
        }
        let answers = await watchdog.ask(within: deadline, questions.map(\.ask))
        // One that hangs is told to stop, and not waited for.
        for task in tasks.withLock({ $0 }) { task.cancel() }
        let asked = zip(questions, answers).enumerated().map { index, asked in
            let kind = index < liveness ? HealthReport.Check.Kind.liveness : .readiness
            switch asked.1 {
            case .fine(let message): return Self.check(asked.0.name, kind, message, true)
            case .wrong(let problem):
                return Self.check(asked.0.name, kind, PrintableText.escape(problem, limit: 500), false)
            case nil: return Self.check(asked.0.name, kind, "no answer within \(deadline)", false)
            }
        }
        return HealthReport(
            checks: asked.prefix(liveness) + self.readiness(of: run, stalledAfter: stalledAfter)
                + asked.dropFirst(liveness))
    }

    private enum Answer: Sendable {
        case fine(String)
        case wrong(String)
    }

    private typealias Question = @Sendable (@escaping @Sendable (Answer) -> Void) -> Void

    private static func check(
        _ name: String, _ kind: HealthReport.Check.Kind, _ message: String, _ isPassed: Bool
    ) -> HealthReport.Check {
        HealthReport.Check(name: name, kind: kind, status: isPassed ? .passed : .failed, message: message)
    }

    private func readiness(of run: NodeRun?, stalledAfter: TimeAmount) -> [HealthReport.Check] {
        guard let run else { return [Self.check("running", .readiness, "the node does not run", false)] }
        var checks = [Self.check("running", .readiness, "the node runs", true)]
        for listener in run.host.listeners {
            let isActive = listener.channel.isActive
            checks.append(
                Self.check(
                    "listening \(listener.address)", .readiness,
                    isActive ? "takes connections" : "the listening socket has closed", isActive))
        }
        let problem = self.book.healthProblem
        checks.append(
            Self.check("address-book", .readiness, problem ?? "can be read and written", problem == nil))
        let limits = run.host.configuration.limits
        let count = run.host.connectionCounts.all
        checks.append(
            Self.check(
                "connection-limit", .readiness, "\(count) of \(limits.connections) connections",
                count < limits.connections))
        let now = run.eventLoop.now
        let stalled = self.instruments.heldUp().filter { now - $0.since >= stalledAfter }
        let names = stalled.prefix(5).map { "\($0.stream) of \($0.peer)" }.joined(separator: ", ")
        checks.append(
            Self.check(
                "consumers", .readiness,
                stalled.isEmpty ? "nothing waits for long" : "nobody reads \(stalled.count) streams: \(names)",
                stalled.isEmpty))
        return checks
    }
}
