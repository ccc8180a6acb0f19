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
        var sum = OneWayResult(size: self.settings.bench.size)
        (sum.duration, sum.usage) = await self.measure(messages) { node, peer, settings in
            await OneWayBench(node: node, peer: peer, report: self.report, settings: settings).run()
        } add: {
            sum.sent += $0.sent
            sum.errors += $0.errors
        }
        return sum
    }

    private func roundTrips(_ count: Int) async -> PingPongResult {
        var sum = PingPongResult(size: self.settings.bench.size, lost: 0)
        (sum.duration, sum.usage) = await self.measure(count) { node, peer, settings in
            await PingPongBench(node: node, peer: peer, report: self.report, settings: settings).run()
        } add: {
            sum.samples += $0.samples
            sum.lost += $0.lost
        }
        return sum
    }

    /// Has every node measure its share at the same time; how long that took, and what it took of the machine.
    private func measure<Part: Sendable>(
        _ total: Int, _ body: @escaping @Sendable (Node, PeerID, PeerSettings) async -> Part, add: (Part) -> Void
    ) async -> (Duration, ResourceUsage) {
        let (usage, begin) = (ResourceUsage.current(), ContinuousClock.now)
        await withTaskGroup(of: Part.self) { group in
            for (index, member) in self.members.enumerated() {
                var settings = self.settings
                settings.count = Self.share(of: index, among: self.members.count, total)
                guard settings.count > 0 else { continue }
                group.addTask { [settings] in await body(member.node, member.peer, settings) }
            }
            for await part in group { add(part) }
        }
        return (ContinuousClock.now - begin, ResourceUsage.current().since(usage))
    }

    /// What one of so many has of a total: the parts differ by one at most, and add up to it.
    static func share(of index: Int, among count: Int, _ total: Int) -> Int {
        total / count + (index < total % count ? 1 : 0)
    }
}
