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

/// A node of the demo: `glueberry peer` in a process of its own, whose lines are shown as they come.
final class DemoNode: Sendable {
    /// The fields of the lines that the demo looks at.
    private struct Line: Decodable, Sendable {
        var event: String
        var peerID: String?
        var addresses: [String]?
        var state: String?
        var text: String?
        var error: String?
        var totalMicroseconds: Int?

        private enum CodingKeys: String, CodingKey {
            case event
            case peerID = "peer_id"
            case addresses = "addrs"
            case state
            case text
            case error = "err"
            case totalMicroseconds = "total_us"
        }
    }

    private let name: String
    private let process: ChildProcess
    private let stage: DemoStage

    init(_ name: String, _ arguments: [String], _ stage: DemoStage) throws(CommandFailure) {
        self.name = name
        self.stage = stage
        let common = ["peer", "--mode", "chat", "--streams", "talk", "--exit-on-eof"]
        self.process = try ChildProcess(OwnExecutable.path(), common + arguments)
    }

    deinit { self.process.kill() }

    /// The node's peer ID and its address, the first thing that it says.
    func introduction() async throws -> (peerID: String, address: String?) {
        let line = try await self.line("its peer ID") { $0.event == "listening" }
        guard let peerID = line.peerID else { throw self.failure("said nothing of its peer ID") }
        return (peerID, line.addresses?.first)
    }

    /// Waits until it is connected to the other; returns how long that took, in milliseconds.
    func establishedMilliseconds() async throws -> Double {
        Double(try await self.line("a session") { $0.event == "established" }.totalMicroseconds ?? 0) / 1000
    }

    /// Types a line for it.
    func type(_ text: String) { self.process.write(text) }

    /// Waits until it shows a message with this text.
    func message(_ text: String) async throws {
        _ = try await self.line("a message") { $0.event == "message" && $0.text == text }
    }

    /// Asks it to end and waits until it has.
    func end() async throws {
        self.type("/quit")
        for await _ in self.process.lines {}
        guard await self.process.wait() == 0 else { throw self.failure("did not end in order") }
    }

    /// Reads on until a line is of the kind that is looked for.
    private func line(_ what: String, _ isWanted: (Line) -> Bool) async throws -> Line {
        for await text in self.process.lines {
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(text.utf8)) else {
                throw self.failure("said something that is no line of JSON")
            }
            switch line.event {
            case "state": self.stage.say(self.name, (line.state ?? "") + (line.error.map { ": \($0)" } ?? ""))
            case "message": self.stage.say(self.name, "reads: \(line.text ?? "")")
            case "error": throw self.failure("has a problem: \(line.error ?? "")")
            default: break
            }
            if isWanted(line) { return line }
        }
        try Task.checkCancellation()
        throw self.failure("ended before there was \(what)")
    }

    private func failure(_ what: String) -> CommandFailure { CommandFailure("the node \(self.name) \(what)") }
}
