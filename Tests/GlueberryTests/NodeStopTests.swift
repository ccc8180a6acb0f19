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
import Multiformats
import NIOCore
import NIOPosix
import PeerIdentity
import Testing

@testable import Glueberry

/// A stop ends everything, wherever it is called from and whatever goes on.
@Suite(.timeLimit(.minutes(3))) struct NodeStopTests {
    private func code(_ body: () async throws -> Void) async -> GlueberryError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? GlueberryError)?.code
        }
    }

    /// A socket that takes connections and never says a word.
    private func withSilentAddress(_ peer: PeerID, _ body: (Multiaddr) async throws -> Void) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .bind(host: "127.0.0.1", port: 0).outcome()
        let port = try #require(server.localAddress?.port)
        let result: Result<Void, any Error>
        do { result = .success(try await body(Multiaddr("/ip4/127.0.0.1/tcp/\(port)/p2p/\(peer)"))) } catch {
            result = .failure(error)
        }
        try await server.close()
        try result.get()
    }

    @Test func nothingOfANodeIsLeftAfterItsStop() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            for number in 0..<100 { try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a") }
            let runs = try [listener, dialer].map { try #require($0.running) }
            #expect(runs.allSatisfy { $0.host.connectionCounts.all == 1 })
            await dialer.stop()
            await listener.stop()
            for run in runs {
                #expect(run.host.connectionCounts == (0, 0))
                #expect(run.host.connections.isEmpty)
                #expect(run.tasks.count == 0)
                #expect(run.directory.allSessions.isEmpty)
                #expect(run.host.listenAddresses.isEmpty)
            }
        }
    }

    @Test func aStoppedNodeIsLetGoOf() async throws {
        weak var run: NodeRun?
        weak var host: Host?
        weak var connection: Connection?
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            run = dialer.running
            host = run?.host
            connection = host?.connections.first
            #expect(connection != nil)
            // Nobody ever reads it.
            try await listener.send("unread".utf8, to: dialer.peerID, on: "a")
            let hub = dialer.hubs.withLock { $0.messages }
            try await eventually { hub.existingQueue(for: .init(peer: listener.peerID, stream: "a"))?.count == 1 }
            await dialer.stop()
        }
        // The last of it is released on its event loop, a moment later.
        try await eventually { run == nil && host == nil && connection == nil }
    }

    @Test func stoppingFromWithinAMessageLoopReturns() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let handler = Task {
                var count = 0
                for await _ in try listener.messages() {
                    count += 1
                    if count == 3 { await listener.stop() }
                }
                return count
            }
            for number in 0..<10 {
                // From the third on the listener may be gone already.
                do { try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a") } catch {
                    #expect(number >= 3)
                }
            }
            #expect(try await handler.value >= 3)
            #expect(listener.running == nil)
        }
    }

    @Test func stoppingFromWithinAnEventLoopReturns() async throws {
        try await withNodes { listener, dialer in
            let established = dialer.subscribeToEvents(in: [.established])
            let handler = Task {
                for await _ in established { await dialer.stop() }
            }
            // The stop may come while this call still waits.
            _ = try? await dialer.connect(to: #require(listener.listenAddresses.first), timeout: .seconds(20))
            await handler.value
            #expect(dialer.running == nil)
        }
    }

    @Test func stoppingFromWithinTheVerificationOfAPeerReturns() async throws {
        let (stopped, note) = AsyncStream.makeStream(of: Void.self)
        let box = Log<Node>()
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(
            StandardHandshake(streams: ["a"]) { _, _, _ in
                for node in box.all { await node.stop() }
                note.finish()
                return false
            })
        try await withNodes(configuration, other: standard(["a"])) { listener, dialer in
            box.append(listener)
            _ = try? await dialer.connect(to: #require(listener.listenAddresses.first), timeout: .seconds(20))
            for await _ in stopped {}
            #expect(listener.running == nil)
        }
    }

    @Test func aStopFromAnOwnedTaskAndOneFromOutsideDoNotWaitForEachOther() async throws {
        let (verifying, noteVerifying) = AsyncStream.makeStream(of: Void.self)
        let (released, release) = AsyncStream.makeStream(of: Void.self)
        let box = Log<Node>()
        let inside = Log<Bool>()
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(
            StandardHandshake(streams: ["a"]) { _, _, _ in
                noteVerifying.finish()
                // Whether it is cancelled or not.
                await Task.detached { for await _ in released {} }.value
                for node in box.all { await node.stop() }
                inside.append(true)
                return false
            })
        try await withNodes(configuration, other: standard(["a"])) { listener, dialer in
            box.append(listener)
            let dialling = Task {
                _ = try? await dialer.connect(to: #require(listener.listenAddresses.first), timeout: .seconds(20))
            }
            for await _ in verifying {}
            // This one waits for the verification, which in turn is about to stop the node.
            let stopping = Task { await listener.stop() }
            try await eventually { listener.running == nil }
            release.finish()
            await stopping.value
            #expect(inside.count == 1)
            await dialling.value
        }
    }

    @Test func aStopFromATaskThatAnOwnedTaskStartedReturnsToo() async throws {
        let (stopped, note) = AsyncStream.makeStream(of: Void.self)
        let box = Log<Node>()
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(
            StandardHandshake(streams: ["a"]) { _, _, _ in
                await Task { for node in box.all { await node.stop() } }.value
                note.finish()
                return false
            })
        try await withNodes(configuration, other: standard(["a"])) { listener, dialer in
            box.append(listener)
            _ = try? await dialer.connect(to: #require(listener.listenAddresses.first), timeout: .seconds(20))
            for await _ in stopped {}
            await listener.stop()
            #expect(listener.running == nil)
        }
    }

    @Test func aCancelledTaskStopsANodeLikeAnyOther() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            for number in 0..<500 { try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a") }
            let run = try #require(dialer.running)
            let stopping = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                await dialer.stop()
            }
            await stopping.value
            #expect(run.host.connectionCounts == (0, 0))
            // What was accepted was flushed all the same.
            var messages = try listener.messages().makeAsyncIterator()
            for number in 0..<500 { #expect(await messages.next()?.number == number) }
        }
    }

    @Test func fiftyTasksThatStartAndStopLeaveOneStateAndNothingRunning() async throws {
        let node = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        let peerID = node.peerID
        let runs = Log<NodeRun>()
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<50 {
                group.addTask {
                    if index.isMultiple(of: 2) {
                        do throws(GlueberryError) { try await node.start() } catch {
                            #expect(error.code == .alreadyStarted)
                        }
                        if let run = node.running { runs.append(run) }
                    } else {
                        await node.stop()
                    }
                }
            }
        }
        await node.stop()
        #expect(node.running == nil && node.peerID == peerID)
        for run in runs.all {
            #expect(run.host.connectionCounts == (0, 0) && run.tasks.count == 0 && run.host.listenAddresses.isEmpty)
        }
        try await node.start()
        #expect(!node.listenAddresses.isEmpty)
        await node.stop()
    }

    @Test func whatWasTakenBeforeAStopEndsAndIsTakenAnewAfterTheNextStart() async throws {
        try await withNodes { listener, dialer in
            let identity = dialer.peerID
            try await establish(listener, dialer)
            let old = dialer.subscribeToEvents(in: [.established])
            let claimed = try dialer.messages(on: "a")
            await dialer.stop()
            #expect(await old.first { _ in true } == nil)
            #expect(await claimed.first { _ in true } == nil)
            try await dialer.start()
            #expect(dialer.peerID == identity)
            let new = dialer.subscribeToEvents(in: [.disconnected])
            // The name is free again, though the old sequence is still held.
            var messages = try dialer.messages(on: "a").makeAsyncIterator()
            try await establish(listener, dialer)
            try await listener.send([5], to: identity, on: "a")
            #expect(await messages.next()?.bytes == [5])
            await dialer.disconnect(from: listener.peerID)
            #expect(await new.first { _ in true }?.peer == listener.peerID)
            withExtendedLifetime((old, claimed)) {}
        }
    }

    @Test func everyStopOfManyReturnsWhenTheNodeHasStopped() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let run = try #require(dialer.running)
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        await dialer.stop()
                        #expect(run.host.connectionCounts == (0, 0))
                        #expect(run.tasks.count == 0)
                    }
                }
            }
            await dialer.stop()
            #expect(dialer.running == nil)
        }
    }

    @Test func stoppingBeforeAStartIsHarmless() async throws {
        let node = try Node(identity: .generate())
        await node.stop()
        try await node.start()
        await node.stop()
        await node.stop()
    }

    @Test func aStopWhileTheNodeStartsLeavesNothingRunning() async throws {
        for _ in 0..<20 {
            let node = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"])
            async let started: Void? = try? node.start()
            async let stopped: Void = node.stop()
            _ = await (started, stopped)
            await node.stop()
            #expect(node.running == nil)
        }
    }

    @Test func aStopEndsEveryCallThatWaitsForAConnection() async throws {
        let peer = Identity.generate().peerID
        try await withSilentAddress(peer) { address in
            let node = try Node(identity: .generate(), configuration: standard())
            try await node.start()
            let dials = (0..<8).map { _ in Task { try await node.connect(to: address) } }
            let waits = (0..<8).map { _ in Task { try await node.waitUntilEstablished(with: peer) } }
            try await eventually { node.state(of: peer) == .connecting }
            await node.stop()
            for dial in dials { await #expect(code { _ = try await dial.value } != nil) }
            for wait in waits { await #expect(code { try await wait.value } != nil) }
        }
    }

    @Test func waitingAtANodeThatHasJustStoppedReturns() async throws {
        let node = try Node(identity: .generate(), configuration: standard())
        try await node.start()
        let run = try #require(node.running)
        await node.stop()
        // What a task asks for that looked the node up a moment before the stop.
        let (connect, wait) = (Settlement<Void, GlueberryError>(), Settlement<Void, GlueberryError>())
        let peer = Identity.generate().peerID
        run.execute {
            $0.connect(peer, waiter: connect)
            $0.awaitEstablished(peer, waiter: wait)
        }
        await #expect(throws: GlueberryError.self) { try await connect.value().get() }
        await #expect(throws: GlueberryError.self) { try await wait.value().get() }
    }

    @Test func aStopEndsEverySendThatWaits() async throws {
        var narrow = standard()
        narrow.sendBufferMessages = 2
        narrow.flushTimeout = .milliseconds(10)
        narrow.receiveBufferMessages = 2
        try await withNodes(narrow) { listener, dialer in
            try await establish(listener, dialer)
            // Nobody reads at the listener, so that these wait for room sooner or later.
            let senders = (0..<16).map { index in
                Task {
                    while true { try await dialer.send(pattern(100_000, seed: index), to: listener.peerID, on: "a") }
                }
            }
            let session = try #require(dialer.running?.directory.session(with: listener.peerID))
            let channel = try #require(session.channel("a"))
            try await eventually { channel.waitingSends > 10 }
            await dialer.stop()
            for sender in senders {
                let code = await code { try await sender.value }
                #expect(code == .stopped || code == .closed || code == .notStarted || code == .notConnected)
            }
        }
    }

    @Test func callsOnAStoppedNodeAreTypedErrors() async throws {
        let node = try Node(identity: .generate(), configuration: standard())
        let peer = Identity.generate().peerID
        await #expect(code { try await node.connect(to: peer) } == .notStarted)
        await #expect(code { try await node.waitUntilEstablished(with: peer) } == .notStarted)
        await #expect(code { try await node.send([1], to: peer, on: "a") } == .notStarted)
        await #expect(code { try node.trySend(ByteBuffer(), to: peer, on: "a") } == .notStarted)
        await #expect(code { _ = try await node.ping(peer) } == .notStarted)
        await #expect(code { try await node.finalizeHandshake(with: peer) } == .notStarted)
        await node.disconnect(from: peer)
        await node.removePeer(peer)
        await node.networkChanged()
        #expect(node.state(of: peer) == .disconnected)
        #expect(node.isOutbound(peer) == nil)
    }

    @Test func aNodeRunsAsOftenAsItIsStarted() async throws {
        try await withNodes { listener, dialer in
            for round in 0..<5 {
                try await establish(listener, dialer)
                try await dialer.send(ByteBuffer(integer: round), to: listener.peerID, on: "a")
                var messages = try listener.messages().makeAsyncIterator()
                #expect(await messages.next()?.number == round)
                await dialer.stop()
                try await eventually { listener.state(of: dialer.peerID) == .disconnected }
                try await dialer.start()
            }
        }
    }

    @Test func theSequencesOfAStoppedNodeEnd() async throws {
        let node = try Node(identity: .generate(), configuration: standard())
        try await node.start()
        let messages = Task { for await _ in try node.messages() {} }
        let routed = Task { for await _ in try node.messages(on: "a") {} }
        let events = Task { for await _ in try node.events() {} }
        let subscription = Task { for await _ in node.subscribeToEvents(in: [.established]) {} }
        await Task.yield()
        await node.stop()
        try await messages.value
        try await routed.value
        try await events.value
        await subscription.value
    }
}
