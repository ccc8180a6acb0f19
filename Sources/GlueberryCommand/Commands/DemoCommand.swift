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

import ArgumentParser
import Crypto
import Glueberry

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// `glueberry demo`: two nodes find each other, talk and send a file, in half a minute.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "See two nodes connect, talk and send a file, on this machine alone.",
        discussion: """
            Starts two nodes as processes of their own on the loopback interface, shows what happens, and ends with one \
            line of JSON on standard output. Everything else goes to standard error.
            """)

    @Option(help: "The size of the file in MiB.")
    var sizeMib = 64
    @Option(help: "Give up after this time.")
    var timeLimit = TimeOption(seconds: 120)

    func run() async throws {
        guard (1...16 * 1024).contains(self.sizeMib) else {
            throw CommandFailure("--size-mib is from 1 to 16384", status: 64)
        }
        var report = DemoReport()
        do {
            let (size, limit) = (self.sizeMib, self.timeLimit.duration)
            let demo = Demo(fileLength: size * 1024 * 1024)
            report = try await Interruption.racing {
                try await TimeLimit.within(
                    limit, orFail: "the demo took too long; raise --time-limit, or make the file smaller"
                ) { try await demo.run() }
            }
        } catch {
            StandardOutput.line(report.line)
            throw error
        }
        StandardOutput.line(report.line)
    }
}

/// What a demo measured.
struct DemoReport: Sendable {
    var isComplete = false
    var establishedMilliseconds = 0.0
    var messages = 0
    var fileBytes = 0
    var fileSeconds = 0.0
    var isDigestRight = false

    /// The one line of JSON.
    var line: String {
        var line = JSONLine()
        line.add("ok", self.isComplete && self.isDigestRight)
        line.add("established_ms", self.establishedMilliseconds, decimals: 3)
        line.add("messages", self.messages)
        line.add("file_bytes", self.fileBytes)
        line.add("file_seconds", self.fileSeconds, decimals: 3)
        line.add("sha256_ok", self.isDigestRight)
        return line.finished
    }
}
