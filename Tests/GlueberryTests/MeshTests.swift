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

/// Many nodes, each connected to all others.
@Suite(.timeLimit(.minutes(5))) struct MeshTests {
    @Test func tenNodesExchangeEveryMessageWithEachOtherOnceAndInOrder() async throws {
        let count = 50
        let nodes = try (0..<10).map { _ in
            try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        }
        for node in nodes { try await node.start() }
        let result: Result<Void, any Error>
        do { result = .success(try await exchange(count, among: nodes)) } catch { result = .failure(error) }
        await withTaskGroup(of: Void.self) { group in
            for node in nodes { group.addTask { await node.stop() } }
        }
        try result.get()
    }

    private func exchange(_ count: Int, among nodes: [Node]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, node) in nodes.enumerated() {
                for other in nodes[(index + 1)...] {
                    group.addTask {
                        try await node.connect(to: #require(other.listenAddresses.first), timeout: .seconds(60))
                        try await node.waitUntilEstablished(with: other.peerID, timeout: .seconds(60))
                        try await other.waitUntilEstablished(with: node.peerID, timeout: .seconds(60))
                    }
                }
            }
            try await group.waitForAll()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in nodes {
                let others = nodes.filter { $0 !== node }
                for other in others {
                    group.addTask {
                        for number in 0..<count {
                            try await node.send(ByteBuffer(integer: number), to: other.peerID, on: "a")
                        }
                    }
                }
                group.addTask {
                    var received: [PeerID: [Int]] = [:]
                    var messages = try node.messages().makeAsyncIterator()
                    for _ in 0..<others.count * count {
                        let message = try #require(await messages.next())
                        received[message.peer, default: []].append(message.number)
                    }
                    for other in others { #expect(received[other.peerID] == Array(0..<count)) }
                }
            }
            try await group.waitForAll()
        }
        for node in nodes {
            for other in nodes where other !== node { #expect(node.state(of: other.peerID) == .established) }
        }
    }
}
