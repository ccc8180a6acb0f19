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
import LibP2P
import Logging
import NIOCore
import PeerIdentity
import Testing

/// The code of the concurrency guide; `ArticleSnippetTests` compares the two.
@Suite(.timeLimit(.minutes(2))) struct ConcurrencyGuide {
    @Test func everyMethodFromAnyNumberOfTasks() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let node = dialer
            let peer = listener.peerID
            // snippet: safe
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await node.send("to a".utf8, to: peer, on: "a") }
                group.addTask { try await node.send("to b".utf8, to: peer, on: "b") }
                group.addTask { print(node.state(of: peer)) }
                try await group.waitForAll()
            }
            // end
            var received: Set<String> = []
            for await message in try listener.messages().prefix(2) { received.insert(String(buffer: message.payload)) }
            #expect(received == ["to a", "to b"])
        }
    }

    @Test func oneConsumer() async throws {
        let node = try Node(identity: .generate())
        // snippet: single-consumer
        let messages = try node.messages()
        do {
            _ = try node.messages()
        } catch {
            print(error)  // alreadyClaimed: another consumer reads these messages
        }
        // end
        #expect(throws: GlueberryError.self) { try node.messages() }
        withExtendedLifetime(messages) {}
    }

    @Test func manySubscribers() async throws {
        let lost = Log<PeerID>()
        let greeted = Log<PeerID>()
        try await withNodes { listener, node in
            // snippet: fan-out
            let losses = node.subscribeToEvents(in: [.disconnected])
            let arrivals = node.subscribeToEvents(in: [.established])
            let monitor = Task {
                for await event in losses { lost.append(event.peer) }
            }
            let greeter = Task {
                for await event in arrivals {
                    try await node.send("hello".utf8, to: event.peer, on: "a")
                    greeted.append(event.peer)
                }
            }
            // end
            try await establish(listener, node)
            try await eventually { greeted.all == [listener.peerID] }
            await node.disconnect(from: listener.peerID)
            try await eventually { lost.all == [listener.peerID] }
            losses.cancel()
            arrivals.cancel()
            await monitor.value
            try await greeter.value
        }
    }

    @Test func routes() async throws {
        let votes = Log<String>()
        let rest = Log<String>()
        func vote(_ message: Message) async { votes.append(String(buffer: message.payload)) }
        func handle(_ message: Message) async { rest.append(String(buffer: message.payload)) }
        try await withNodes { node, dialer in
            try await establish(node, dialer)
            try await dialer.send("a vote".utf8, to: node.peerID, on: "b")
            try await dialer.send("something else".utf8, to: node.peerID, on: "a")
            // snippet: routing
            let consensus = try node.messages(on: "b")
            let others = try node.messages()
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await message in consensus.prefix(1) { await vote(message) } }
                group.addTask { for await message in others.prefix(1) { await handle(message) } }
            }
            // end
            #expect(votes.all == ["a vote"])
            #expect(rest.all == ["something else"])
        }
    }

    @Test func workers() async throws {
        let processed = Log<String>()
        @Sendable func process(_ message: Message) async throws { processed.append(String(buffer: message.payload)) }
        try await withNodes { node, dialer in
            try await establish(node, dialer)
            for number in 0..<20 { try await dialer.send("\(number)".utf8, to: node.peerID, on: "a") }
            let logger = Logger(label: "guide")
            // snippet: worker-pool
            let processor = MessageProcessor(workers: 4, order: .perStream)
            let pool = Task {
                await processor.run(try node.messages()) { message in
                    try await process(message)
                } onError: { message, error in
                    logger.warning("not processed", metadata: ["stream": "\(message.stream)", "error": "\(error)"])
                }
            }
            // end
            try await eventually { processed.count == 20 }
            // snippet: worker-pool-end
            // Takes no more messages, and returns when those that were taken are done.
            await processor.shutdown()
            // end
            _ = try await pool.value
            #expect(processed.all == (0..<20).map { "\($0)" })
        }
    }

    @Test func limitedSends() async throws {
        try await withNodes { listener, node in
            try await establish(listener, node)
            let peer = listener.peerID
            let readings = (0..<5).map { Array("\($0)".utf8) }
            // snippet: rate-limit
            let limiter = try RateLimiter(10, per: .seconds(1), burst: 5)
            for reading in readings {
                try await node.send(reading, to: peer, on: "a", limitedBy: limiter)
            }
            // end
            var received: [[UInt8]] = []
            for await message in try listener.messages().prefix(5) { received.append(message.bytes) }
            #expect(received == readings)
        }
    }

    @Test func answersThatWaitForNobody() async throws {
        try await withNodes { node, dialer in
            try await establish(node, dialer)
            try await dialer.send("ping".utf8, to: node.peerID, on: "a")
            // snippet: answering
            for await message in try node.messages().prefix(1) {
                do {
                    try node.trySend(message.payload, to: message.peer, on: message.stream)
                } catch {
                    // The queue is full: that peer does not read. Do without the answer, or keep it for later.
                    print(error)
                }
            }
            // end
            for await message in try dialer.messages().prefix(1) { #expect(String(buffer: message.payload) == "ping") }
        }
    }
}
