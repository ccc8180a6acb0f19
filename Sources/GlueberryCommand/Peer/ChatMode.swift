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
import NIOCore
import PeerIdentity

/// Obeys standard input and shows what comes.
struct ChatMode: PeerActivity {
    /// How long peers that take no messages are waited for at the end.
    private static let patience = Duration.seconds(2)

    let node: Node
    let report: PeerReport
    let roster: PeerRoster
    let settings: PeerSettings

    func run() async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await MessageReader(node: self.node, report: self.report, slow: self.settings.slow).readAll()
                return false
            }
            group.addTask { await self.readInput() }
            for await isEnd in group where isEnd {
                group.cancelAll()
                return true
            }
            return false
        }
    }

    /// Follows standard input; true if the node is to end.
    private func readInput() async -> Bool {
        let input = StandardInput()
        var lanes: [PeerID: SendLane] = [:]
        var isOver = false
        while !isOver, let line = await input.nextText() {
            do {
                let command = try ChatLine(line)
                if case .quit = command { isOver = true }
                try await self.obey(command, &lanes)
            } catch {
                self.report.error("input", error)
            }
        }
        let isEnd = isOver || self.settings.endsWithInput
        if isEnd, !Task.isCancelled {
            await withTaskGroup(of: Void.self) { group in
                for lane in lanes.values { group.addTask { await lane.drain(within: Self.patience) } }
            }
        }
        // What was typed last goes out although the input has ended.
        if !isEnd { try? await Task.sleep(for: TimeOption.maximum) }
        for lane in lanes.values { lane.end() }
        return isEnd && !Task.isCancelled
    }

    private func obey(_ command: ChatLine, _ lanes: inout [PeerID: SendLane]) async throws {
        switch command {
        case .text(let text): self.sendToAll(ByteBuffer(string: text), &lanes)
        case .connect(let address): self.background("connect") { _ = try await self.node.connect(to: address) }
        case .disconnect(let peer): self.background("disconnect") { await self.node.disconnect(from: peer) }
        case .reconnect(let peer):
            self.background("reconnect") {
                await self.node.disconnect(from: peer)
                try await self.node.connect(to: peer)
            }
        case .state: self.report.states(of: self.roster.peers)
        case .dump: await self.report.dump()
        case .usage: self.report.usage()
        case .big(let count):
            let maximum = self.node.configuration.maximumMessageSize
            guard count <= maximum else { throw CommandFailure("/big takes 1 to \(maximum) bytes") }
            self.sendToAll(Self.randomPayload(count), &lanes)
        case .quit: break
        }
    }

    /// Sends to every established peer; one that takes nothing holds up neither the others nor the next line.
    private func sendToAll(_ payload: ByteBuffer, _ lanes: inout [PeerID: SendLane]) {
        var count = 0
        for peer in self.roster.peers where self.node.state(of: peer) == .established {
            let lane =
                lanes[peer]
                ?? SendLane(node: self.node, peer: peer, stream: self.settings.stream) { [report] error in
                    report.error("send", error)
                }
            lanes[peer] = lane
            if lane.offer(payload) {
                count += 1
            } else {
                self.report.error("send", CommandFailure("\(peer) takes no messages, and too many wait for it"))
            }
        }
        self.report.emit(
            PeerLine.sent(stream: self.settings.stream, payload, peers: count, hashes: self.settings.hashes))
    }

    /// Does what may take long without holding up the next line of input; the node's stop ends it.
    private func background(_ what: String, _ body: @escaping @Sendable () async throws -> Void) {
        Task {
            do {
                try await body()
            } catch {
                self.report.error(what, error)
            }
        }
    }

    private static func randomPayload(_ count: Int) -> ByteBuffer {
        var generator = SystemRandomNumberGenerator()
        var payload = ByteBufferAllocator().buffer(capacity: count + 8)
        while payload.readableBytes < count { payload.writeInteger(generator.next()) }
        payload.moveWriterIndex(to: count)
        return payload
    }
}
