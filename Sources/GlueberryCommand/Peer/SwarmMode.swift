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

/// Many nodes with fresh identities dial at the same time, send what they are to send, hold their sessions, and stop.
struct SwarmMode: PeerActivity {
    /// Nodes that dial at once, and that stop at once.
    private static let width = 32

    let report: PeerReport
    let settings: PeerSettings

    func run() async -> Bool {
        var nodes: [Node] = []
        for _ in 0..<self.settings.count {
            do {
                nodes.append(try self.settings.makeNode())
            } catch {
                self.report.error("swarm", error)
            }
        }
        guard await DialTime.reached(self.settings.dialTime) else { return false }
        let established = await self.dial(nodes)
        var isDone = false
        self.report.emit(
            PeerLine.establishments("swarm", tried: self.settings.count, established.map(\.times)))
        if let messages = self.settings.swarmMessages, !Task.isCancelled {
            let load = SwarmLoad(
                members: established.map { ($0.node, $0.peer) }, report: self.report, settings: self.settings)
            await load.run(messages)
        }
        if !Task.isCancelled {
            isDone = (try? await Task.sleep(for: self.settings.linger ?? TimeOption.maximum)) != nil
        }
        await Self.forEach(nodes) { node, _ in await node.stop() }
        return isDone
    }

    private func dial(_ nodes: [Node]) async -> [(node: Node, peer: PeerID, times: EstablishmentTimes)] {
        await Self.forEach(nodes) { node, index -> (node: Node, peer: PeerID, times: EstablishmentTimes)? in
            guard !Task.isCancelled else { return nil }
            let (peer, addresses) = self.settings.peers[index % self.settings.peers.count]
            do {
                try await node.start()
                let times = try await Establishment.measure(
                    node, with: peer, at: addresses, limit: self.settings.establishLimit)
                return (node, peer, times)
            } catch {
                if !(error is CancellationError) { self.report.error("swarm", error) }
                return nil
            }
        }.compactMap { $0 }
    }

    @discardableResult
    private static func forEach<Value: Sendable>(
        _ nodes: [Node], _ body: @escaping @Sendable (Node, Int) async -> Value
    ) async -> [Value] {
        await withTaskGroup(of: Value.self) { group in
            var values: [Value] = []
            for (index, node) in nodes.enumerated() {
                if index >= self.width, let value = await group.next() { values.append(value) }
                group.addTask { await body(node, index) }
            }
            for await value in group { values.append(value) }
            return values
        }
    }
}
