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

import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct BroadcastTests {
    private func isSuccess(_ result: Result<Void, GlueberryError>?) -> Bool {
        if case .success = result { true } else { false }
    }

    private func code(_ result: Result<Void, GlueberryError>?) -> GlueberryError.Code? {
        if case .failure(let error) = result { error.code } else { nil }
    }

    /// A message may have arrived, and its room at the sender not yet be free.
    private func nothingIsPending(at node: Node, for others: [Node]) async throws {
        for other in others {
            try await eventually { node.flowControl(of: other.peerID, on: "a")?.sending.pendingMessages == 0 }
        }
    }

    @Test func oneSlowPeerHoldsUpNoOther() async throws {
        var narrow = standard()
        narrow.receiveBufferMessages = 1
        narrow.sendBufferMessages = 2
        try await withNodes(narrow) { hub, slow in
            let quick =
                [try Node(identity: .generate(), configuration: standard())]
                + [try Node(identity: .generate(), configuration: standard())]
            for node in quick { try await node.start() }
            let result: Result<Void, any Error>
            do {
                for node in [slow] + quick { try await establish(hub, node) }
                // Nobody reads at the slow one, until nothing more is taken for it.
                while (try? hub.trySend(pattern(100_000), to: slow.peerID, on: "a")) != nil { await Task.yield() }
                try await eventually {
                    (try? hub.trySend(pattern(100_000), to: slow.peerID, on: "a")) == nil
                        && slow.flowControl(of: hub.peerID, on: "a")?.receiving.isBlocked == true
                }
                let sending = Task { try await hub.broadcast([1], on: "a", timeout: .seconds(60)) }
                for node in quick {
                    var messages = try node.messages().makeAsyncIterator()
                    #expect(await messages.next()?.bytes == [1], "while the slow one is still waited for")
                }
                sending.cancel()
                let cancelled = try await sending.value
                try await self.nothingIsPending(at: hub, for: quick)
                #expect(cancelled.count == 3)
                #expect(code(cancelled[slow.peerID]) == .cancelled)
                let timedOut = try await hub.broadcast([2], on: "a", timeout: .milliseconds(1))
                #expect(code(timedOut[slow.peerID]) == .sendTimedOut)
                try await self.nothingIsPending(at: hub, for: quick)
                let tried = try hub.tryBroadcast([3], on: "a")
                #expect(code(tried[slow.peerID]) == .sendQueueFull)
                for results in [cancelled, timedOut, tried] {
                    for node in quick { #expect(isSuccess(results[node.peerID])) }
                }
                result = .success(())
            } catch {
                result = .failure(error)
            }
            for node in quick { await node.stop() }
            try result.get()
        }
    }

    @Test func onlyEstablishedPeersWithTheStreamAreSentTo() async throws {
        try await withNodes { listener, dialer in
            #expect(try await listener.broadcast([1], on: "a").isEmpty)
            try await establish(listener, dialer)
            #expect(try await listener.broadcast([1], on: "c").isEmpty)
            #expect(try listener.tryBroadcast([1], on: "b").count == 1)
            #expect(throws: GlueberryError.self) { try listener.tryBroadcast([1], on: "handshake") }
            let large = try await listener.broadcast(ByteBuffer(repeating: 0, count: 11 * 1024 * 1024), on: "a")
            #expect(code(large[dialer.peerID]) == .messageTooLarge)
        }
    }
}
