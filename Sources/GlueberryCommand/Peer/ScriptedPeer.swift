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
        // These end with the node, not before it: its end brings events too.
        let following = [
            Task { for await event in events { self.follow(event) } },
            Task { for await notice in notices { self.report.emit(PeerLine.notice(notice)) } },
        ]
        do {
            try await self.node.start()
        } catch {
            for task in following { task.cancel() }
            throw CommandFailure(Explanation.line(for: error))
        }
        self.report.listening()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in signals { return true }
                return false
            }
            group.addTask(executorPreference: self.settings.executor) { await activity.run() }
            if !self.settings.mode.dialsByItself {
                for (peer, addresses) in self.settings.peers {
                    group.addTask {
                        guard await DialTime.reached(self.settings.dialTime) else { return false }
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
                    while let line = await input.nextText() {
                        if line == "/usage" { self.report.usage() }
                    }
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
        let begin = ContinuousClock.now
        let guardian = Task {
            try await Task.sleep(for: Self.stopLimit)
            self.report.emit(PeerLine.error("stop", CommandFailure("the node did not stop in time")))
            ProcessEnd.now(1)
        }
        let stopping = Task {
            await self.node.stop()
            return ContinuousClock.now - begin
        }
        await self.readTheRest()
        let duration = await stopping.value
        for task in following { await task.value }
        guardian.cancel()
        self.report.final()
        self.report.emit(PeerLine.stopped(after: duration))
    }

    /// Takes the messages that the mode has not taken, until the node has stopped: they have been received all the same.
    private func readTheRest() async {
        do {
            for await message in try self.node.messages() { self.report.message(message) }
        } catch {
            self.report.emit(PeerLine.error("receive", error))
        }
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
}
