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
import PeerIdentity

/// Measures with every peer that is dialled, at the same time; with the first that dials when there is none.
struct BenchMode: PeerActivity {
    private let node: Node
    private let report: PeerReport
    private let settings: PeerSettings
    /// Taken before the dial, so that none is missed.
    private let beginnings: [EventSubscription]

    init(node: Node, report: PeerReport, settings: PeerSettings) {
        self.node = node
        self.report = report
        self.settings = settings
        self.beginnings =
            settings.peers.isEmpty
            ? [node.subscribeToEvents(in: [.established])]
            : settings.peers.map { node.subscribeToEvents(of: [$0.peer], in: [.established]) }
    }

    func run() async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            if !self.settings.bench.isPingPong {
                group.addTask {
                    await MessageReader(node: self.node, report: self.report, slow: self.settings.slow).readAll()
                    return false
                }
            }
            for (index, beginning) in self.beginnings.enumerated() {
                group.addTask {
                    for await event in beginning {
                        await self.measure(event.peer)
                        return !Task.isCancelled
                    }
                    // Whoever waits for the result gets one.
                    self.reportNothing(about: self.settings.peers.isEmpty ? nil : self.settings.peers[index].peer)
                    return false
                }
            }
            var remaining = self.beginnings.count
            for await isMeasured in group where isMeasured {
                remaining -= 1
                if remaining == 0 { break }
            }
            // What comes while the node lingers is read as before.
            if remaining == 0, let linger = self.settings.linger { try? await Task.sleep(for: linger) }
            group.cancelAll()
            return remaining == 0
        }
    }

    /// The result for a peer that was not Established before the end.
    private func reportNothing(about peer: PeerID?) {
        let (size, count) = (self.settings.bench.size, self.settings.count)
        if self.settings.bench.isPingPong {
            self.report.emit(PeerLine.bench(PingPongResult(peer: peer, size: size, lost: count)))
        } else {
            self.report.emit(PeerLine.bench(OneWayResult(peer: peer, size: size, errors: count)))
        }
    }

    private func measure(_ peer: PeerID) async {
        if self.settings.bench.isPingPong {
            let bench = PingPongBench(node: self.node, peer: peer, report: self.report, settings: self.settings)
            self.report.emit(PeerLine.bench(await bench.run()))
        } else {
            let bench = OneWayBench(node: self.node, peer: peer, report: self.report, settings: self.settings)
            self.report.emit(PeerLine.bench(await bench.run()))
        }
    }
}
