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

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// One `glueberry peer` of a benchmark, as a process of its own.
final class BenchPeer: Sendable {
    /// The fields of its lines that a benchmark looks at.
    struct Line: Decodable, Sendable {
        var event: String
        var addresses: [String]?
        var error: String?
        var sent: Int?
        var errors: Int?
        var count: Int?
        var lost: Int?
        var established: Int?
        var messages: Int?
        var bytes: Int?
        var spanSeconds: Double?
        var userSeconds: Double?
        var systemSeconds: Double?
        var residentKiB: Int?
        var p50Microseconds: Double?
        var p90Microseconds: Double?
        var p99Microseconds: Double?
        var maximumMicroseconds: Double?
        var bulkMegabytesPerSecond: Double?
        var roundTripsPerSecond: Double?
        var totalP50Microseconds: Double?
        var totalP90Microseconds: Double?
        var totalP99Microseconds: Double?

        /// CPU time in user mode and in the kernel, in seconds.
        var cpuSeconds: Double { (self.userSeconds ?? 0) + (self.systemSeconds ?? 0) }

        private enum CodingKeys: String, CodingKey {
            case event
            case addresses = "addrs"
            case error = "err"
            case sent, errors
            case count = "n"
            case lost
            case established = "ok"
            case messages = "msgs"
            case bytes
            case spanSeconds = "span_s"
            case userSeconds = "cpu_user_s"
            case systemSeconds = "cpu_sys_s"
            case residentKiB = "rss_kb"
            case p50Microseconds = "p50_us"
            case p90Microseconds = "p90_us"
            case p99Microseconds = "p99_us"
            case maximumMicroseconds = "max_us"
            case bulkMegabytesPerSecond = "bulk_MB_per_s"
            case roundTripsPerSecond = "rt_per_s"
            case totalP50Microseconds = "total_p50_us"
            case totalP90Microseconds = "total_p90_us"
            case totalP99Microseconds = "total_p99_us"
        }
    }

    /// How long nothing may come before no more is waited for.
    private static let patience = Duration.seconds(10)

    private let mode: String
    private let process: ChildProcess
    /// The first line: where it listens, and its size before anything happened.
    let listening: Line

    init(_ mode: String, _ arguments: [String]) async throws {
        self.mode = mode
        self.process = try ChildProcess(
            OwnExecutable.path(), ["peer", "--mode", mode, "--quiet", "--exit-on-eof"] + arguments)
        self.listening = try await Self.line("listening", of: self.process, mode)
    }

    deinit { self.process.kill() }

    /// The address that others dial.
    var address: String { self.listening.addresses?.first ?? "" }

    /// Waits for the first line of an event.
    func line(_ event: String) async throws -> Line { try await Self.line(event, of: self.process, self.mode) }

    /// What it takes now, and has received.
    func usage() async throws -> Line {
        self.process.write("/usage")
        return try await self.line("usage")
    }

    /// What it takes when it has received so many messages, or when none has come for a while.
    func usage(messages: Int) async throws -> Line {
        var latest = try await self.usage()
        var lastProgress = ContinuousClock.now
        while latest.messages ?? 0 < messages, .now - lastProgress < Self.patience {
            try await Task.sleep(for: .milliseconds(20))
            let next = try await self.usage()
            if next.messages != latest.messages { lastProgress = .now }
            latest = next
        }
        return latest
    }

    /// Has it end and waits until it has; its last figures.
    func end() async throws -> Line {
        self.process.closeInput()
        let final = try await self.line("final")
        _ = try await self.line("stopped")
        guard await self.process.wait() == 0 else { throw Self.failure(self.mode, "did not end in order") }
        return final
    }

    private static func line(_ event: String, of process: ChildProcess, _ mode: String) async throws -> Line {
        for await text in process.lines {
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)) else {
                throw self.failure(mode, "said something that is no line of JSON")
            }
            if line.event == event { return line }
            if line.event == "error" { throw self.failure(mode, "has a problem: \(line.error ?? "")") }
        }
        try Task.checkCancellation()
        throw self.failure(mode, "ended before its line '\(event)'")
    }

    private static func failure(_ mode: String, _ what: String) -> CommandFailure {
        CommandFailure("the node of the mode '\(mode)' \(what)")
    }
}
