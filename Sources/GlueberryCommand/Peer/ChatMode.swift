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
        while let line = await input.nextText() {
            do {
                let command = try ChatLine(line)
                if case .quit = command { return true }
                try await self.obey(command)
            } catch {
                self.report.error("input", error)
            }
        }
        return self.settings.endsWithInput && !Task.isCancelled
    }

    private func obey(_ command: ChatLine) async throws {
        switch command {
        case .text(let text): await self.sendToAll(ByteBuffer(string: text))
        case .connect(let address): self.background("connect") { _ = try await self.node.connect(to: address) }
        case .disconnect(let peer): await self.node.disconnect(from: peer)
        case .reconnect(let peer):
            self.background("reconnect") {
                await self.node.disconnect(from: peer)
                try await self.node.connect(to: peer)
            }
        case .state: self.report.states(of: self.roster.peers)
        case .dump: await self.report.dump()
        case .big(let count):
            let maximum = self.node.configuration.maximumMessageSize
            guard count <= maximum else { throw CommandFailure("/big takes 1 to \(maximum) bytes") }
            await self.sendToAll(Self.randomPayload(count))
        case .quit: break
        }
    }

    private func sendToAll(_ payload: ByteBuffer) async {
        var count = 0
        for peer in self.roster.peers where self.node.state(of: peer) == .established {
            do {
                try await self.node.send(payload, to: peer, on: self.settings.stream)
                count += 1
            } catch {
                self.report.error("send", error)
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
