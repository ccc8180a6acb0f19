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

/// What the nodes of a swarm send, all at the same time: each its share of the messages, or of the round trips.
struct SwarmLoad {
    /// The nodes, and whom each of them sends to.
    let members: [(node: Node, peer: PeerID)]
    let report: PeerReport
    let settings: PeerSettings

    /// Sends so many messages in all, and tells what came of them.
    func run(_ messages: Int) async {
        guard !self.members.isEmpty else { return }
        if self.settings.bench.isPingPong {
            self.report.emit(PeerLine.bench(await self.roundTrips(messages)))
        } else {
            self.report.emit(PeerLine.bench(await self.oneWay(messages)))
        }
    }

    private func oneWay(_ messages: Int) async -> OneWayResult {
        await self.measure(messages, OneWayResult(size: self.settings.bench.size)) { node, peer, settings in
            await OneWayBench(node: node, peer: peer, report: self.report, settings: settings).run()
        } add: {
            $0.sent += $1.sent
            $0.errors += $1.errors
        } finish: {
            $0.duration = $1
            $0.usage = $2
        }
    }

    private func roundTrips(_ count: Int) async -> PingPongResult {
        await self.measure(count, PingPongResult(size: self.settings.bench.size, lost: 0)) { node, peer, settings in
            await PingPongBench(node: node, peer: peer, report: self.report, settings: settings).run()
        } add: {
            $0.samples += $1.samples
            $0.lost += $1.lost
        } finish: {
            $0.duration = $1
            $0.usage = $2
        }
    }

    /// Has every node measure its share at the same time, and adds up what they found.
    private func measure<Result: Sendable>(
        _ total: Int, _ empty: Result,
        _ body: @escaping @Sendable (Node, PeerID, PeerSettings) async -> Result,
        add: (inout Result, Result) -> Void, finish: (inout Result, Duration, ResourceUsage) -> Void
    ) async -> Result {
        let (usage, begin) = (ResourceUsage.current(), ContinuousClock.now)
        var result = empty
        await withTaskGroup(of: Result.self) { group in
            for (index, member) in self.members.enumerated() {
                var settings = self.settings
                settings.count = Self.share(of: index, among: self.members.count, total)
                guard settings.count > 0 else { continue }
                group.addTask { [settings] in await body(member.node, member.peer, settings) }
            }
            for await part in group { add(&result, part) }
        }
        finish(&result, ContinuousClock.now - begin, ResourceUsage.current().since(usage))
        return result
    }

    /// What one of so many has of a total: the parts differ by one at most, and add up to it.
    static func share(of index: Int, among count: Int, _ total: Int) -> Int {
        total / count + (index < total % count ? 1 : 0)
    }
}
