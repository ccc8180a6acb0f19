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

import FoundationEssentials
import LibP2P
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// Every method from any number of tasks at once.
@Suite(.timeLimit(.minutes(5))) struct NodeConcurrencyTests {
    /// What the calls may throw while a session lasts: most of the errors are about the peer that is not there.
    private static let expectable: Set<GlueberryError.Code> = [
        .alreadyStarted, .alreadyClaimed, .peerUnknown, .peerBlacklisted, .timedOut, .connectionFailed,
        .publicKeyMismatch, .sendQueueFull, .notConnected, .closed,
    ]

    /// What they never throw, however sessions end.
    private static let outrageous: Set<GlueberryError.Code> = [
        .cancelled, .configurationInvalid, .decryptionFailed, .encryptionFailed, .internalFailure, .messageTooLarge,
        .publicKeyInvalid, .versionMismatch,
    ]

    /// The public methods and properties of a node in the sources, and how many there are of each name.
    private func publicNames() throws -> [String: Int] {
        let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/Sources/Glueberry"
        var names: [String: Int] = [:]
        for folder in ["Node", "Observability", "Health"] {
            let files = try FileManager.default.contentsOfDirectory(atPath: "\(root)/\(folder)")
            for file in files where file == "Node.swift" || file.hasPrefix("Node+") {
                let data = try Data(contentsOf: URL(fileURLWithPath: "\(root)/\(folder)/\(file)"))
                for line in String(decoding: data, as: UTF8.self).split(separator: "\n") {
                    let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init)
                    guard line.hasPrefix("    public "),
                        let keyword = words.firstIndex(where: { ["func", "var", "let"].contains($0) })
                    else { continue }
                    names[words[keyword + 1], default: 0] += 1
                }
            }
        }
        return names
    }

    @Test func everyPublicMethodIsAmongThoseThatAreCalled() throws {
        let called = Dictionary(grouping: NodeCall.all, by: \.name).mapValues(\.count)
        let names = try self.publicNames()
        #expect(names.count > 40)
        for (name, count) in names { #expect(called[name, default: 0] >= count, "\(name)") }
        for name in called.keys { #expect(names[name] != nil, "\(name)") }
    }

    /// Calls everything once, in an order of its own.
    private func callEverything(
        _ scene: NodeCall.Scene, _ calls: [NodeCall], seed: Int, _ isExpectable: (GlueberryError) -> Bool
    ) async {
        var random = SplitMix64(seed: UInt64(seed))
        for call in calls.shuffled(using: &random) {
            do {
                try await call.call(scene)
            } catch {
                #expect((error as? GlueberryError).map(isExpectable) == true, "\(call.name): \(error)")
            }
        }
    }

    @Test func everyMethodCanBeCalledFromManyTasksAtOnce() async throws {
        var configuration = standard()
        // `networkChanged` probes the connection: what does not answer soon on a busy machine is not gone.
        configuration.probeTimeout = .seconds(60)
        try await withNodes(configuration) { listener, dialer in
            try await establish(listener, dialer)
            let session = dialer.session(with: listener.peerID)
            let stranger = Identity.generate().peerID
            let limiter = try RateLimiter(1_000_000, burst: 1000)
            let calls = NodeCall.all.filter { !$0.endsRun }
            var readers: [Task<Void, any Error>] = []
            var traffic: [(sent: Log<Int>, received: Log<Int>)] = []
            await withTaskGroup(of: Void.self) { group in
                for (node, other) in [(dialer, listener), (listener, dialer)] {
                    let (sent, received) = (Log<Int>(), Log<Int>())
                    traffic.append((sent, received))
                    readers.append(
                        Task { for await message in try other.messages(on: "a") { received.append(message.number) } })
                    for task in 0..<16 {
                        let scene = NodeCall.Scene(
                            node: node, other: other, victim: stranger, stranger: stranger, limiter: limiter,
                            number: task, sent: sent)
                        group.addTask {
                            for round in 0..<2 {
                                await self.callEverything(scene, calls, seed: task * 10 + round) {
                                    Self.expectable.contains($0.code)
                                }
                            }
                        }
                    }
                }
            }
            // The session is the one that there was, and all that was taken has arrived, once.
            #expect(dialer.session(with: listener.peerID) == session)
            for (sent, received) in traffic {
                // Of ten ways to send only the four that do not wait may find no room.
                #expect(sent.count >= 16 * 2 * 6)
                try await eventually { received.count >= sent.count }
                #expect(received.all.sorted() == sent.all.sorted())
            }
            #expect(dialer.state(of: listener.peerID) == .established)
            #expect(listener.state(of: dialer.peerID) == .established)
            for reader in readers {
                reader.cancel()
                try await reader.value
            }
        }
    }

    @Test func everyMethodCanBeCalledWhileTheNodeStopsAndStarts() async throws {
        var brisk = standard()
        brisk.cooldown = .milliseconds(1)
        brisk.reconnectBase = .milliseconds(1)
        brisk.reconnectMaximum = .milliseconds(10)
        brisk.reconnectAttempts = 0
        brisk.flushTimeout = .milliseconds(10)
        brisk.sendTimeout = .milliseconds(100)
        try await withNodes(brisk) { listener, dialer in
            try await establish(listener, dialer)
            let stranger = Identity.generate().peerID
            let limiter = try RateLimiter(1_000_000, burst: 1000)
            let received = Log<Int>()
            let reader = Task {
                for await message in try listener.messages(on: "a") { received.append(message.number) }
            }
            // Somebody reads whatever run there is, until it ends, and the other side never stops sending.
            let taken = Log<Void>()
            let reading = Task {
                while !Task.isCancelled {
                    if let messages = try? dialer.messages(on: "b") { for await _ in messages { taken.append(()) } }
                    await Task.yield()
                }
            }
            let pace = try RateLimiter(2000, burst: 10)
            let sending = Task {
                while (try? await pace.wait()) != nil { _ = try? listener.tryBroadcast([1], on: "b") }
            }
            await withTaskGroup(of: Void.self) { group in
                for task in 0..<8 {
                    let scene = NodeCall.Scene(
                        node: dialer, other: listener, victim: task % 2 == 0 ? listener.peerID : stranger,
                        stranger: stranger, limiter: limiter, number: task, sent: Log<Int>())
                    group.addTask {
                        for round in 0..<2 {
                            await self.callEverything(scene, NodeCall.all, seed: 1000 + task * 10 + round) {
                                !Self.outrageous.contains($0.code)
                            }
                        }
                    }
                }
            }
            // After all that the node starts, connects and delivers as ever, in both directions.
            try? await dialer.start()
            await dialer.unblacklist(listener.peerID)
            let before = taken.count
            try await eventually { (try? await establish(listener, dialer)) != nil }
            try await eventually {
                (try? await dialer.send(ByteBuffer(integer: 4711), to: listener.peerID, on: "a")) != nil
            }
            try await eventually { received.all.contains(4711) && taken.count > before }
            sending.cancel()
            await sending.value
            // And it ends, with all that it had.
            let run = try #require(dialer.running)
            await dialer.stop()
            #expect(run.tasks.count == 0)
            #expect(run.host.connectionCounts.all == 0)
            #expect(run.directory.allSessions.isEmpty)
            #expect(dialer.state(of: listener.peerID) == .disconnected)
            try await eventually { listener.state(of: dialer.peerID) != .established }
            reading.cancel()
            await reading.value
            await listener.stop()
            // The end of the node is that of its messages.
            try await reader.value
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
