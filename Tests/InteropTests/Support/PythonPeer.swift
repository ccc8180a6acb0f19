import Foundation
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

/// The independent Glueberry peer in `Peers/glueberry_peer.py`, which documents its options, commands and lines.
final class PythonPeer: Sendable {
    /// A line of the peer.
    struct Line: Sendable, Codable {
        var event: String
        var addrs: [String]?
        var peerID: String?
        var stream: String?
        var bytes: Int?
        var sha256: String?
        var count: Int?
        var ok: Bool?
        var name: String?
        var outcome: String?
        var firstAlive: Bool?
        var received: FlexibleText?
        var what: String?
        var err: String?
        var check: String?

        enum CodingKeys: String, CodingKey {
            case event, addrs, stream, bytes, sha256, count, ok, name, outcome, received, what, err, check
            case peerID = "peer_id"
            case firstAlive = "first_alive"
        }
    }

    /// A value that is a number in one line and text in another.
    struct FlexibleText: Sendable, Codable {
        var text: String

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            text = try (try? container.decode(String.self)) ?? String(container.decode(Int.self))
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(text)
        }
    }

    /// A command to the peer.
    struct Command: Sendable, Codable {
        var action: String
        var stream: String?
        var sizes: [Int]?
        var fresh: Bool?
        var name: String?
        var count: Int?
        var bytes: Int?

        enum CodingKeys: String, CodingKey {
            case stream, sizes, fresh, name, count, bytes
            case action = "do"
        }

        static func send(_ sizes: [Int], on stream: String, fresh: Bool = false) -> Command {
            Command(action: "send", stream: stream, sizes: sizes, fresh: fresh)
        }

        static func hostile(_ name: String, on stream: String, count: Int? = nil, bytes: Int? = nil) -> Command {
            Command(action: "hostile", stream: stream, name: name, count: count, bytes: bytes)
        }

        static let disconnect = Command(action: "disconnect")
    }

    private let process: ChildProcess
    private let lines: LineBox

    private init(process: ChildProcess) {
        self.process = process
        lines = LineBox(process.lines)
    }

    /// Starts the peer, runs `body`, and ends it whatever happens.
    static func run(_ options: [String], _ body: (PythonPeer) async throws -> Void) async throws {
        let arguments = [
            "-u", Repository.path("Tests/InteropTests/Peers/glueberry_peer.py"),
            "--p2pd", try InstalledPeer.goDaemon.path(),
        ]
        let process = try ChildProcess(InstalledPeer.python.path(), arguments + options, readsOutput: true)
        let peer = PythonPeer(process: process)
        do {
            try await body(peer)
        } catch {
            await process.stop()
            throw error
        }
        await process.stop()
    }

    func command(_ command: Command) throws {
        let text = String(decoding: try JSONEncoder().encode(command), as: UTF8.self)
        guard process.write(text + "\n") else {
            throw PythonPeerError("the peer does not take commands")
        }
    }

    /// The next line of one of the events; lines of other events are passed over.
    ///
    /// A line that reports an error fails the wait, unless errors are among the events.
    func next(_ events: String..., within duration: Duration = .seconds(90)) async throws -> Line {
        let wanted = Set(events)
        let lines = lines
        let seen = Locked<[String]>([])
        return try await withDeadline(
            duration,
            "waiting for a line of \(wanted.sorted()) after \(seen.withLock { $0.suffix(10) })"
        ) {
            while let text = await lines.next() {
                seen.withLock { $0.append(text) }
                let line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
                if wanted.contains(line.event) {
                    return line
                }
                if line.event == "error" {
                    throw PythonPeerError("\(line.what ?? "error"): \(line.err ?? "")")
                }
            }
            throw PythonPeerError("the peer ended before \(wanted.sorted())")
        }
    }

    /// The exit status once the peer has ended by itself; nil when it does not.
    func exitStatus(within duration: Duration) async -> Int32? {
        _ = await process.ends(within: duration)
        return process.exitStatus
    }

    /// One reader of the lines at a time, over several waits.
    private actor LineBox {
        private let lines: AsyncStream<String>

        init(_ lines: AsyncStream<String>) {
            self.lines = lines
        }

        func next() async -> String? {
            var iterator = lines.makeAsyncIterator()
            return await iterator.next(isolation: self)
        }
    }
}

/// What the Python peer reported, or that it is silent.
struct PythonPeerError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
