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

/// How a node is, as named checks; made by ``Node/health(deadline:)``.
///
/// Liveness says whether the node does its work at all: if not, restarting the process is the remedy. Readiness says whether
/// it can be given work now.
public struct HealthReport: Sendable, Hashable, Codable, CustomStringConvertible {
    /// One thing that was looked at.
    public struct Check: Sendable, Hashable, Codable, CustomStringConvertible {
        /// What a failed check means.
        public enum Kind: String, Sendable, Codable {
            /// The node does not do its work.
            case liveness
            /// The node works but should be given nothing to do.
            case readiness
        }

        /// What came of it.
        public enum Status: String, Sendable, Codable {
            /// As it should be.
            case passed
            /// Not as it should be; the message says what is wrong.
            case failed
        }

        /// The name of the check, stable across releases, for example `control-loop` or `listening /ip4/…/tcp/9000`.
        public let name: String
        /// What a failure means.
        public let kind: Kind
        /// What came of it.
        public let status: Status
        /// One line that says what was found.
        public let message: String

        /// Creates a check.
        public init(name: String, kind: Kind, status: Status, message: String) {
            self.name = name
            self.kind = kind
            self.status = status
            self.message = message
        }

        /// Name, status and message in one line.
        public var description: String { "\(self.name): \(self.status.rawValue), \(self.message)" }
    }

    /// Everything that was looked at; liveness first.
    public let checks: [Check]

    /// Creates a report.
    public init(checks: [Check]) {
        self.checks = checks
    }

    /// Whether the node does its work: no liveness check failed.
    public var isLive: Bool { !self.checks.contains { $0.kind == .liveness && $0.status == .failed } }

    /// Whether the node can be given work: nothing failed.
    public var isReady: Bool { !self.checks.contains { $0.status == .failed } }

    /// The checks that failed.
    public var failures: [Check] { self.checks.filter { $0.status == .failed } }

    /// A line for each check.
    public var description: String {
        let summary = self.isReady ? "ready" : self.isLive ? "live, not ready" : "not live"
        return ([summary] + self.checks.map { "  \($0)" }).joined(separator: "\n")
    }

    /// The report as one JSON object, its keys in the same order every time.
    public var json: String {
        JSONText.object([
            ("live", .bool(self.isLive)), ("ready", .bool(self.isReady)),
            (
                "checks",
                .array(
                    self.checks.map { check in
                        .object([
                            ("name", .string(check.name)), ("kind", .string(check.kind.rawValue)),
                            ("status", .string(check.status.rawValue)), ("message", .string(check.message)),
                        ])
                    })
            ),
        ]).description
    }
}

/// Something that a node's health depends on and that can say how it is: an address book, a part of the application.
public protocol HealthChecking: Sendable {
    /// The name that its check has in a ``HealthReport``.
    var healthCheckName: String { get }

    /// What is wrong, in one line; nil if nothing is.
    ///
    /// It is asked in a task of its own and counts as failed if it has not answered by the report's deadline.
    func healthProblem() async -> String?
}
