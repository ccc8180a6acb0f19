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

import LibP2P
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// Every method from any number of tasks at once.
@Suite(.timeLimit(.minutes(5))) struct NodeConcurrencyTests {
    /// What these calls may throw: most of the errors are about the peer that is not there.
    private static let expectable: Set<GlueberryError.Code> = [
        .alreadyStarted, .alreadyClaimed, .peerUnknown, .timedOut, .connectionFailed, .publicKeyMismatch,
        .sendQueueFull, .notConnected, .closed,
    ]

    /// One call of the node's methods, chosen at random.
    private func call(
        _ node: Node, _ other: Node, stranger: PeerID, task: Int, _ sent: Log<Int>, _ random: inout SplitMix64
    ) async {
        do {
            switch Int.random(in: 0..<26, using: &random) {
            case 0:
                #expect(node.state(of: other.peerID) == .established)
                #expect(node.state(of: stranger) != .established)
            case 1: #expect(node.isOutbound(other.peerID) != nil)
            case 2: _ = (node.peerID, node.publicKey, node.listenAddresses, node.advertisedAddresses)
            case 3: try await node.start()
            case 4: await node.networkChanged()
            case 5: try await node.addPeer(stranger, addresses: [])
            case 6: await node.removePeer(stranger)
            case 7: #expect(await node.peers.count <= 2)
            case 8: try await node.connect(to: stranger, timeout: .milliseconds(1))
            case 9: try await node.waitUntilEstablished(with: other.peerID, timeout: .seconds(60))
            case 10: try await node.waitUntilEstablished(with: stranger, timeout: .milliseconds(1))
            case 11: await node.disconnect(from: stranger)
            case 12: _ = try await node.ping(other.peerID)
            case 13:
                try await node.prepareStreams(
                    with: other.peerID, publicKey: other.publicKey, named: ["a", "late"])
            case 14: try await node.prepareStreams(with: other.peerID, publicKey: node.publicKey, named: ["a"])
            case 15: try await node.finalizeHandshake(with: other.peerID)
            case 16:
                try await node.completeHandshake(with: other.peerID, publicKey: other.publicKey, streams: ["b"])
            case 17: _ = try node.messages(on: "nobody")
            case 18: _ = try node.messages(from: stranger)
            case 19: _ = node.refusedMessages
            case 20: _ = try node.events()
            case 21:
                let subscription = node.subscribeToEvents(of: [other.peerID], in: [.established])
                subscription.cancel()
            case 22: try node.trySend(ByteBuffer(integer: task), to: other.peerID, on: "b")
            default:
                try await node.send(ByteBuffer(integer: task), to: other.peerID, on: "a")
                sent.append(task)
            }
        } catch {
            #expect(Self.expectable.contains(error.code), "\(error)")
        }
    }

    @Test func everyMethodCanBeCalledFromManyTasksAtOnce() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let stranger = Identity.generate().peerID
            let received = Log<Int>()
            let reader = Task {
                for await message in try listener.messages() where message.stream == "a" {
                    received.append(message.number)
                }
            }
            let (sent, back) = (Log<Int>(), Log<Int>())
            await withTaskGroup(of: Void.self) { group in
                for task in 0..<32 {
                    group.addTask {
                        var random = SplitMix64(seed: UInt64(task))
                        for _ in 0..<100 {
                            await self.call(dialer, listener, stranger: stranger, task: task, sent, &random)
                            if task % 4 == 0 {
                                await self.call(listener, dialer, stranger: stranger, task: task, back, &random)
                            }
                        }
                    }
                }
            }
            try await eventually { received.count == sent.count }
            #expect(received.all.sorted() == sent.all.sorted())
            #expect(dialer.state(of: listener.peerID) == .established)
            #expect(listener.state(of: dialer.peerID) == .established)
            reader.cancel()
            _ = try await reader.value
        }
    }

    @Test func messagesOfManySendersKeepEachSendersOrder() async throws {
        var narrow = standard()
        narrow.sendBufferMessages = 8
        try await withNodes(narrow) { listener, dialer in
            try await establish(listener, dialer)
            let count = 100
            async let sent: Void = withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<32 {
                    group.addTask {
                        for number in 0..<count {
                            try await dialer.send(
                                ByteBuffer(integer: task * 1000 + number), to: listener.peerID, on: "a")
                        }
                    }
                }
                try await group.waitForAll()
            }
            var next = [Int](repeating: 0, count: 32)
            var messages = try listener.messages().makeAsyncIterator()
            for _ in 0..<32 * count {
                let number = try #require(await messages.next()).number
                let (task, index) = number.quotientAndRemainder(dividingBy: 1000)
                #expect(next[task] == index)
                next[task] += 1
            }
            try await sent
            #expect(next.allSatisfy { $0 == count })
        }
    }

    @Test func connectingAndDisconnectingFromManyTasksEndsWhereTheLastCallLeavesIt() async throws {
        try await withNodes { listener, dialer in
            let address = try #require(listener.listenAddresses.first)
            for round in 0..<3 {
                await withTaskGroup(of: Void.self) { group in
                    for task in 0..<16 {
                        group.addTask {
                            var random = SplitMix64(seed: UInt64(round * 100 + task))
                            for _ in 0..<5 {
                                if Bool.random(using: &random) {
                                    _ = try? await dialer.connect(to: address, timeout: .seconds(20))
                                } else {
                                    await dialer.disconnect(from: listener.peerID)
                                }
                            }
                        }
                    }
                }
                await dialer.disconnect(from: listener.peerID)
                #expect(dialer.state(of: listener.peerID) == .disconnected)
                try await eventually { listener.state(of: dialer.peerID) == .disconnected }
            }
            try await establish(listener, dialer)
            try await dialer.send(ByteBuffer(integer: 7), to: listener.peerID, on: "a")
            var messages = try listener.messages().makeAsyncIterator()
            #expect(await messages.next()?.number == 7)
        }
    }

    @Test func startingFromManyTasksStartsOnce() async throws {
        let node = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"])
        let started = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<32 { group.addTask { (try? await node.start()) != nil } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(started == 1)
        #expect(node.listenAddresses.count == 1)
        await node.stop()
        #expect(node.listenAddresses.isEmpty)
    }
}
