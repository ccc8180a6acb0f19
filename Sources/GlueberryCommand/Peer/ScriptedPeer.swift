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

import Glueberry
import LibP2P
import PeerIdentity

/// A node and what it does with messages, told to the outside as JSON lines.
final class ScriptedPeer: Sendable {
    /// A stop that takes longer is a failure.
    private static let stopLimit = Duration.seconds(20)

    private let node: Node
    private let settings: PeerSettings
    private let report: PeerReport
    private let roster = PeerRoster()

    init(node: Node, settings: PeerSettings) {
        self.node = node
        self.settings = settings
        self.report = PeerReport(node: node, settings: settings)
    }

    /// Runs until a signal, the end of the time or of the work, or `/quit`.
    func run() async throws {
        let signals = await Interruption.stream()
        let events = try self.node.events()
        let notices = self.node.notices()
        // Before the start, so that it misses nothing.
        let activity = self.activity()
        do {
            try await self.node.start()
        } catch {
            throw CommandFailure(Explanation.line(for: error))
        }
        self.report.listening()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in signals { return true }
                return false
            }
            group.addTask {
                for await event in events { self.follow(event) }
                return false
            }
            group.addTask {
                for await notice in notices { self.report.emit(PeerLine.notice(notice)) }
                return false
            }
            group.addTask { await activity.run() }
            if !self.settings.mode.dialsByItself {
                for (peer, addresses) in self.settings.peers {
                    group.addTask {
                        if let time = self.settings.dialTime, await !DialTime.wait(for: time) { return false }
                        do {
                            try await self.node.addPeer(peer, addresses: addresses)
                        } catch {
                            self.report.error("connect", error)
                        }
                        return false
                    }
                }
            }
            if self.settings.endsWithInput, self.settings.mode != .chat {
                group.addTask {
                    let input = StandardInput()
                    while await input.next() != nil {}
                    return !Task.isCancelled
                }
            }
            if let interval = self.settings.stateInterval {
                group.addTask {
                    while (try? await Task.sleep(for: interval)) != nil { self.report.states(of: self.roster.peers) }
                    return false
                }
            }
            if let lifetime = self.settings.lifetime {
                group.addTask { (try? await Task.sleep(for: lifetime)) != nil }
            }
            for await isEnd in group where isEnd { break }
            self.report.beginEnding()
            group.cancelAll()
        }
        self.report.final()
        await self.stop()
    }

    private func activity() -> any PeerActivity {
        let (node, report, settings) = (self.node, self.report, self.settings)
        return switch settings.mode {
        case .echo: EchoMode(node: node, report: report, settings: settings)
        case .sink, .idle: SinkMode(node: node, report: report, settings: settings, pause: nil)
        case .pause: SinkMode(node: node, report: report, settings: settings, pause: settings.pause)
        case .bench: BenchMode(node: node, report: report, settings: settings)
        case .chat: ChatMode(node: node, report: report, roster: self.roster, settings: settings)
        case .hs: HandshakeSeriesMode(report: report, settings: settings)
        case .swarm: SwarmMode(report: report, settings: settings)
        }
    }

    private func follow(_ event: ConnectionEvent) {
        let times = self.roster.follow(event, at: .now)
        self.report.emit(PeerLine.state(event))
        if let times {
            self.report.emit(PeerLine.established(event.peer, isOutbound: event.isOutbound ?? false, times))
        }
    }

    private func stop() async {
        let begin = ContinuousClock.now
        let guardian = Task {
            try await Task.sleep(for: Self.stopLimit)
            self.report.emit(PeerLine.error("stop", CommandFailure("the node did not stop in time")))
            ProcessEnd.now(1)
        }
        await self.node.stop()
        guardian.cancel()
        self.report.emit(PeerLine.stopped(after: ContinuousClock.now - begin))
    }
}
