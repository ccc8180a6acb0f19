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

import Dispatch
import LibP2P
import Multiformats
import NIOCore
import NIOEmbedded
import NIOPosix
import PeerIdentity
import Synchronization
import Testing

@testable import Glueberry

/// What the concurrency guide promises, each promise in a test that names it.
///
/// `Tests/Mutants` has for each a change of one line that breaks it, under which its test goes red.
@Suite(.timeLimit(.minutes(3))) struct ConcurrencyPromiseTests {
    private func code(_ body: () async throws -> Void) async -> GlueberryError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? GlueberryError)?.code
        }
    }

    /// What consumers take at the same time from one node that got `count` numbered messages on each stream.
    private func numbers(_ messages: MessageSequence, _ count: Int) async -> [Int] {
        var taken: [Int] = []
        for await message in messages.prefix(count) { taken.append(message.number) }
        return taken
    }

    // MARK: Channels and subscriptions

    @Test func aChannelHasOneConsumerAndSaysSo() async throws {
        let node = try Node(identity: .generate())
        let stranger = Identity.generate().peerID
        let claims: [@Sendable () throws -> any Sendable] = [
            { try node.messages() }, { try node.messages(on: "a") }, { try node.messages(from: stranger) },
            { try node.events() },
        ]
        for claim in claims {
            let held = Log<any Sendable>()
            let refused = Log<GlueberryError.Code?>()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        do { held.append(try claim()) } catch { refused.append((error as? GlueberryError)?.code) }
                    }
                }
            }
            #expect(held.count == 1)
            #expect(refused.all == [GlueberryError.Code?](repeating: .alreadyClaimed, count: 49))
        }
        // With the claim goes the consumer, and another may come.
        _ = try node.messages()
        _ = try node.events()
    }

    @Test func eventsFanOutToAnyNumberOfSubscribers() async throws {
        try await withNodes { listener, dialer in
            let subscriptions = (0..<40).map { _ in dialer.subscribeToEvents() }
            let filtered = (0..<10).map { _ in dialer.subscribeToEvents(of: [listener.peerID], in: [.established]) }
            let primary = try dialer.events()
            try await establish(listener, dialer)
            for subscription in subscriptions {
                var states: [ConnectionState] = []
                for await event in subscription.prefix(3) { states.append(event.state) }
                #expect(states == [.connecting, .connected, .established])
            }
            for subscription in filtered {
                for await event in subscription.prefix(1) { #expect(event.state == .established) }
            }
            var states: [ConnectionState] = []
            for await event in primary.prefix(3) { states.append(event.state) }
            #expect(states == [.connecting, .connected, .established])
        }
    }

    @Test func messagesAreRoutedByStream() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let routed = try listener.messages(on: "b")
            let rest = try listener.messages()
            for number in 0..<200 {
                try await dialer.send(
                    ByteBuffer(integer: number), to: listener.peerID, on: number.isMultiple(of: 2) ? "a" : "b")
            }
            async let odd = self.numbers(routed, 100)
            async let even = self.numbers(rest, 100)
            #expect(await odd == (0..<100).map { $0 * 2 + 1 })
            #expect(await even == (0..<100).map { $0 * 2 })
        }
    }

    // MARK: Helpers for consumers and senders

    @Test func aWorkerPoolHasABoundAndDrainsOnShutdown() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            for number in 0..<200 { try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a") }
            let working = Locked((now: 0, most: 0))
            let begun = Log<Int>()
            let done = Log<Int>()
            let messages = try listener.messages()
            let processor = MessageProcessor(workers: 4)
            let pool = Task {
                await processor.run(messages) { message in
                    begun.append(message.number)
                    working.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                    for _ in 0..<10 { await Task.yield() }
                    working.withLock { $0.now -= 1 }
                    done.append(message.number)
                } onError: { _, error in
                    Issue.record(error)
                }
            }
            try await eventually { done.count >= 20 }
            await processor.shutdown()
            // What was begun is done, nothing else was taken, and the rest is there for the next consumer.
            #expect(done.all.sorted() == begun.all.sorted())
            _ = await pool.value
            #expect(working.withLock { $0.most } <= 4)
            let rest = await self.numbers(messages, 200 - done.count)
            #expect((done.all + rest).sorted() == Array(0..<200))
        }
    }

    @Test func sendsAreRateLimited() async throws {
        let loop = NIOAsyncTestingEventLoop()
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let limiter = try RateLimiter(10, per: .seconds(1), burst: 2, eventLoop: loop)
            let sent = Log<Int>()
            let sending = Task {
                for number in 0..<5 {
                    try await dialer.send([UInt8(number)], to: listener.peerID, on: "a", limitedBy: limiter)
                    sent.append(number)
                }
            }
            try await eventually { sent.count == 2 && limiter.waiting == 1 && limiter.isTimerSet }
            for count in 3...5 {
                await loop.advanceTime(by: .milliseconds(99))
                #expect(sent.count == count - 1)
                await loop.advanceTime(by: .milliseconds(1))
                let isLast = count == 5
                try await eventually {
                    sent.count == count && limiter.waiting == (isLast ? 0 : 1) && (isLast || limiter.isTimerSet)
                }
            }
            try await sending.value
        }
        await loop.run()
        await loop.shutdownGracefully()
    }

    // MARK: Locks

    /// Does something while another thread is inside a lock.
    private func holding<Value: Sendable>(_ lock: Locked<Value>, _ body: () async throws -> Void) async throws {
        let held = Held()
        DispatchQueue.global().async {
            lock.withLock { _ in
                held.isHeld.store(true, ordering: .releasing)
                held.letGo.wait()
            }
        }
        defer { held.letGo.signal() }
        try await eventually { held.isHeld.load(ordering: .acquiring) }
        try await body()
    }

    private final class Held: Sendable {
        let isHeld = Atomic(false)
        let letGo = DispatchSemaphore(value: 0)
    }

    @Test func workOnOneConcernNeverWaitsForAnothersLock() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let messages = try listener.messages()
            let directory = try #require(dialer.running?.directory)
            try await self.holding(directory.states) {
                for number in 0..<100 {
                    try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a")
                }
                #expect(await self.numbers(messages, 100) == Array(0..<100))
                _ = try await dialer.ping(listener.peerID)
                dialer.subscribeToEvents(of: [listener.peerID]).cancel()
                _ = try dialer.messages(on: "b")
                _ = dialer.listenAddresses
            }
            try await self.holding(directory.sessions) {
                #expect(dialer.state(of: listener.peerID) == .established)
                try await listener.send(ByteBuffer(integer: 7), to: dialer.peerID, on: "a")
                #expect(await self.numbers(try dialer.messages(), 1) == [7])
                dialer.subscribeToEvents(of: [listener.peerID]).cancel()
            }
        }
    }

    /// In debug builds a lock that is taken while its thread holds another ends the process, in every test.
    ///
    /// This one goes through a whole life, so that there is one that says so.
    @Test func locksNeverNest() async throws {
        try await withNodes { listener, dialer in
            let subscription = listener.subscribeToEvents(of: [dialer.peerID])
            try await establish(listener, dialer)
            let routed = try listener.messages(on: "b")
            for stream in ["a", "b"] {
                for number in 0..<50 {
                    try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: stream)
                }
            }
            #expect(await self.numbers(routed, 50) == Array(0..<50))
            #expect(await self.numbers(try listener.messages(), 50) == Array(0..<50))
            await dialer.disconnect(from: listener.peerID)
            #expect(await subscription.first { $0.state == .disconnected } != nil)
        }
        #if DEBUG
        await #expect(processExitsWith: .failure) {
            let (outer, inner) = (Locked(0), Locked(0))
            outer.withLock { _ in inner.withLock { $0 += 1 } }
        }
        #endif
    }

    // MARK: Background work

    @Test func backgroundWorkIsOwnedAndEndsOnStop() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        weak var run: NodeRun?
        weak var host: Host?
        do {
            let listener = try Node(
                identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard(),
                eventLoopGroup: group)
            let dialer = try Node(identity: .generate(), configuration: standard(), eventLoopGroup: group)
            try await listener.start()
            try await dialer.start()
            try await establish(listener, dialer)
            for stream in ["a", "b"] {
                try await dialer.send("1".utf8, to: listener.peerID, on: stream)
                try await listener.send("2".utf8, to: dialer.peerID, on: stream)
            }
            // Nobody listens there: each of these waits on a timer for its next try.
            let absent = (0..<20).map { _ in Identity.generate().peerID }
            for peer in absent { try await dialer.addPeer(peer, addresses: [Multiaddr("/ip4/127.0.0.1/tcp/1")]) }
            try await eventually { absent.allSatisfy { dialer.state(of: $0) == .reconnecting } }
            run = dialer.running
            host = run?.host
            #expect(host != nil)
            await dialer.stop()
            await listener.stop()
            #expect(run?.tasks.count ?? 0 == 0)
            #expect(run?.host.connectionCounts.all ?? 0 == 0)
        }
        // A timer, a subscription or a task that was left would keep them.
        try await eventually { run == nil && host == nil }
        try await group.shutdownGracefully()
    }

    @Test func stoppingCascadesAndReturnsWhenAllHasEnded() async throws {
        let listener = try Node(
            identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        let dialer = try Node(identity: .generate(), configuration: standard())
        try await listener.start()
        try await dialer.start()
        try await establish(listener, dialer)
        let run = try #require(listener.running)
        let address = try #require(run.host.listenAddresses.first)
        let messages = try listener.messages()
        let routed = try listener.messages(on: "a")
        let events = try listener.events()
        let subscription = listener.subscribeToEvents()
        let consumers = [
            Task { for await _ in messages {} }, Task { for await _ in routed {} }, Task { for await _ in events {} },
            Task { for await _ in subscription {} },
        ]
        let stranger = Identity.generate().peerID
        let waiting = Task { try await listener.waitUntilEstablished(with: stranger) }
        try await eventually { await run.control { $0.overview(of: 10).peers.contains { $0.peer == stranger } } }
        await listener.stop()
        #expect(await run.control { $0.overview(of: 10).peers.isEmpty })
        let error = await #expect(throws: GlueberryError.self) { try await waiting.value }
        #expect(error?.code == .stopped)
        #expect(run.host.connectionCounts.all == 0)
        #expect(run.host.connections.isEmpty)
        #expect(run.tasks.count == 0)
        #expect(run.directory.allSessions.isEmpty)
        for consumer in consumers { await consumer.value }
        // The port is free again, and the other side has been told.
        let successor = Host(identity: .generate())
        try await successor.listen(on: [address])
        await successor.stop()
        try await eventually { dialer.state(of: listener.peerID) != .established }
        await dialer.stop()
    }

    @Test func closingTwiceFromAnywhereIsSafe() async throws {
        let node = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        let other = try Node(identity: .generate(), configuration: standard())
        try await other.start()
        for _ in 0..<3 {
            try await node.start()
            try await establish(node, other)
            let subscription = node.subscribeToEvents()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<20 {
                    group.addTask { subscription.cancel() }
                    group.addTask { await other.disconnect(from: node.peerID) }
                    group.addTask { await node.stop() }
                }
            }
            #expect(node.running == nil)
            #expect(node.state(of: other.peerID) == .disconnected)
        }
        await node.stop()
        await other.stop()
        await other.stop()
    }

    // MARK: Slow consumers

    @Test func nothingBlocksOnASlowConsumer() async throws {
        var narrow = standard()
        narrow.receiveBufferMessages = 8
        narrow.sendBufferMessages = 8
        narrow.eventBuffer = 1
        try await withNodes(narrow) { listener, dialer in
            // Nobody reads these.
            let events = try listener.events()
            let subscription = listener.subscribeToEvents()
            try await establish(listener, dialer)
            let large = ByteBuffer(repeating: 7, count: 32 * 1024)
            // Stream "a" fills up, from the consumer that is not there back to the sender.
            #expect(
                await self.code {
                    while true {
                        try await dialer.send(large, to: listener.peerID, on: "a", timeout: .seconds(1))
                    }
                } == .sendTimedOut)
            // Another stream of the same peer goes on,
            let routed = try listener.messages(on: "b")
            for number in 0..<100 { try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "b") }
            #expect(await self.numbers(routed, 100) == Array(0..<100))
            // so do the multiplexer and the state of other peers,
            _ = try await dialer.ping(listener.peerID)
            let third = try Node(identity: .generate(), configuration: narrow)
            try await third.start()
            try await establish(listener, third)
            try await third.send("hello".utf8, to: listener.peerID, on: "b")
            #expect(await self.first(of: routed) == "hello")
            await third.stop()
            try await eventually { listener.state(of: third.peerID) != .established }
            // and the state of the peer itself.
            await dialer.disconnect(from: listener.peerID)
            try await eventually { listener.state(of: dialer.peerID) != .established }
            withExtendedLifetime((events, subscription)) {}
        }
    }

    private func first(of messages: MessageSequence) async -> String? {
        for await message in messages { return String(decoding: message.bytes, as: UTF8.self) }
        return nil
    }

    // MARK: Shared objects

    @Test func lazySharedObjectsAreMadeOnceUnderContention() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let session = try #require(dialer.running?.directory.session(with: listener.peerID))
            for round in 0..<20 {
                let name = "late\(round)"
                let channels = Log<ObjectIdentifier>()
                let queues = Log<ObjectIdentifier>()
                let hub = dialer.hubs.withLock { $0.messages }
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<16 {
                        group.addTask {
                            queues.append(ObjectIdentifier(hub.queue(for: .init(peer: listener.peerID, stream: name))))
                            do {
                                try await dialer.prepareStreams(
                                    with: listener.peerID, publicKey: listener.publicKey, named: [name])
                                channels.append(ObjectIdentifier(try #require(session.channel(name))))
                            } catch {
                                Issue.record(error)
                            }
                        }
                    }
                }
                #expect(Set(channels.all).count == 1)
                #expect(channels.count == 16)
                #expect(Set(queues.all).count == 1)
            }
        }
    }

    /// The bytes of the next messages on a stream.
    private func payloads(_ count: Int, of messages: MessageSequence) async -> [[UInt8]] {
        var payloads: [[UInt8]] = []
        for await message in messages.prefix(count) { payloads.append(message.bytes) }
        return payloads
    }

    @Test func whatIsHandedOutIsACopy() async throws {
        try await withNodes { sender, first in
            let second = try Node(identity: .generate(), configuration: standard())
            try await second.start()
            let result: Result<Void, any Error>
            do {
                for receiver in [first, second] { try await establish(sender, receiver) }
                try await self.whatIsSentStaysTheCallers(sender, [first, second])
                try await self.whatWasReceivedStaysAsItIs(sender, first)
                try await self.whatWasAskedForStaysAsItIs(sender, first)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await second.stop()
            try result.get()
        }
    }

    /// Payloads are sealed in memory of the node's own, though the caller's is what it is given.
    private func whatIsSentStaysTheCallers(_ sender: Node, _ receivers: [Node]) async throws {
        let bytes = pattern(12_000)
        let whole = ByteBuffer(bytes: bytes)
        // It shares its memory with `whole`.
        let slice = try #require(whole.getSlice(at: 4000, length: 4000))
        let expected = Array(bytes[4000..<8000])
        let array = expected
        for receiver in receivers {
            try await sender.send(slice, to: receiver.peerID, on: "a")
            try sender.trySend(slice, to: receiver.peerID, on: "a")
            try await sender.send(array, to: receiver.peerID, on: "a")
            try sender.trySend(array, to: receiver.peerID, on: "a")
        }
        for results in [
            try await sender.broadcast(slice, on: "a"), try sender.tryBroadcast(slice, on: "a"),
            try await sender.broadcast(array, on: "a"), try sender.tryBroadcast(array, on: "a"),
        ] {
            #expect(results.count == receivers.count)
            for result in results.values { try result.get() }
        }
        for receiver in receivers {
            let payloads = await self.payloads(8, of: try receiver.messages(on: "a"))
            #expect(payloads == [[UInt8]](repeating: expected, count: 8))
        }
        #expect(Array(whole.readableBytesView) == pattern(12_000))
        #expect(array == Array(pattern(12_000)[4000..<8000]))
        // What is sent is what it was at the call, whatever becomes of the buffer before it is written.
        var reused = ByteBuffer(repeating: 0, count: 2000)
        for number in 0..<100 {
            reused.setRepeatingByte(UInt8(number), count: 2000, at: 0)
            try sender.trySend(reused, to: receivers[0].peerID, on: "a")
        }
        let payloads = await self.payloads(100, of: try receivers[0].messages(on: "a"))
        #expect(payloads == (0..<100).map { [UInt8](repeating: UInt8($0), count: 2000) })
    }

    /// Each message has memory of its own, which neither later ones nor those who hold others write to.
    private func whatWasReceivedStaysAsItIs(_ sender: Node, _ receiver: Node) async throws {
        let messages = try receiver.messages(on: "b")
        for number in 0..<100 { try await sender.send(pattern(500, seed: number), to: receiver.peerID, on: "b") }
        var received: [ByteBuffer] = []
        for await message in messages.prefix(50) { received.append(message.payload) }
        // None is a part of something larger, which it would keep alive.
        #expect(received.allSatisfy { $0.storageCapacity < 1024 })
        // The consumer writes into every second one,
        for index in stride(from: 0, to: 50, by: 2) { received[index].setRepeatingByte(0xff, count: 500, at: 0) }
        // while others are still to be read and more arrive.
        for number in 100..<200 { try await sender.send(pattern(500, seed: number), to: receiver.peerID, on: "b") }
        let later = await self.payloads(150, of: messages)
        #expect(later == (50..<200).map { pattern(500, seed: $0) })
        for (index, payload) in received.enumerated() {
            let expected = index % 2 == 0 ? [UInt8](repeating: 0xff, count: 500) : pattern(500, seed: index)
            #expect(Array(payload.readableBytesView) == expected)
        }
    }

    /// Lists and figures are those of the moment.
    private func whatWasAskedForStaysAsItIs(_ sender: Node, _ receiver: Node) async throws {
        let (peers, snapshot) = (await sender.allPeers, await sender.snapshot())
        let statistics = try #require(sender.statistics(of: receiver.peerID))
        let all = sender.statistics
        let before = ["\(peers)", "\(snapshot)", "\(statistics)", "\(all.peers[receiver.peerID] ?? statistics)"]
        try await sender.addPeer(Identity.generate().peerID, addresses: [])
        try await sender.send([1], to: receiver.peerID, on: "b")
        try await eventually { sender.statistics(of: receiver.peerID) != statistics }
        let after = ["\(peers)", "\(snapshot)", "\(statistics)", "\(all.peers[receiver.peerID] ?? statistics)"]
        #expect(after == before)
        #expect(await sender.allPeers.count == peers.count + 1)
    }

    // MARK: Waiting

    @Test(arguments: EndlessWait.allCases) func everyWaitCanBeCancelled(_ wait: EndlessWait) async throws {
        try await WaitingRoom.with(wait) { room in
            let executor = WatchedExecutor()
            let ended = Log<Void>()
            let waiting = Task(executorPreference: executor) {
                defer { ended.append(()) }
                try await room.wait(wait)
            }
            // It has got as far as it can, and that is where it waits.
            try await eventually { await room.isWaited(for: wait) && executor.isIdle }
            #expect(ended.count == 0)
            waiting.cancel()
            // Were it not for the cancellation, this would be waited for until the time limit of the suite.
            let outcome = await waiting.result
            switch outcome {
            case .success: #expect(wait.end == .returns)
            case .failure(let error):
                let code = try #require(error as? GlueberryError).code
                #expect(wait.end == .throwsError(code))
            }
            await room.expectNobodyWaits()
        }
    }
}
