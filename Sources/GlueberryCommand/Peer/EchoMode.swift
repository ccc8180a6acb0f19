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

/// Sends every message back on the stream that it came on.
///
/// A peer has a reader of its own, so that one that does not take its echoes holds up no other.
struct EchoMode: PeerActivity {
    /// Peers whose reader is kept after they are gone.
    private static let maximumReaders = 1024

    private let reader: MessageReader
    private let connections: EventSubscription
    private let discarded: Set<String>
    private let executor: (any TaskExecutor)?

    init(node: Node, report: PeerReport, settings: PeerSettings) {
        self.reader = MessageReader(node: node, report: report, slow: settings.slow)
        self.discarded = settings.discarded
        self.executor = settings.executor
        self.connections = node.subscribeToEvents(in: [.connected])
    }

    func run() async -> Bool {
        let node = self.reader.node
        var readers: [PeerID: Task<Void, Never>] = [:]
        for await event in self.connections where readers[event.peer] == nil {
            if readers.count >= Self.maximumReaders {
                for (peer, reader) in readers where node.state(of: peer) == .disconnected {
                    reader.cancel()
                    readers[peer] = nil
                }
            }
            let peer = event.peer
            readers[peer] = Task(executorPreference: self.executor) { await self.echo(peer) }
        }
        for reader in readers.values { reader.cancel() }
        for reader in readers.values { await reader.value }
        return false
    }

    private func echo(_ peer: PeerID) async {
        let (node, report) = (self.reader.node, self.reader.report)
        do {
            var lanes: [String: SendLane] = [:]
            for await message in try node.messages(from: peer) {
                guard !self.discarded.contains(message.stream) else {
                    await self.reader.take(message)
                    continue
                }
                let lane =
                    lanes[message.stream]
                    ?? SendLane(node: node, peer: peer, stream: message.stream) { report.error("echo", $0) }
                lanes[message.stream] = lane
                await self.reader.take(message)
                await lane.add(message.payload)
            }
            for lane in lanes.values { lane.end() }
        } catch {
            report.error("receive", error)
        }
    }
}
