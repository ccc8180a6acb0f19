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
import NIOPosix
import PeerIdentity
import Testing

@testable import Glueberry

/// A call that waits, which would go on for ever.
enum EndlessWait: CaseIterable {
    case send, limitedSend, broadcast, rateLimiter
    case messages, events, subscription, notices
    case connect, established, disconnect, ping, health, applicationHandshake
    case idleProcessor, busyProcessor

    /// What the call does once its task is cancelled.
    enum End: Equatable {
        case throwsError(GlueberryError.Code)
        case returns
    }

    var end: End {
        switch self {
        case .send, .limitedSend, .broadcast, .rateLimiter, .connect, .established, .ping,
            .applicationHandshake:
            .throwsError(.cancelled)
        case .messages, .events, .subscription, .notices, .disconnect, .health, .idleProcessor,
            .busyProcessor:
            .returns
        }
    }
}

/// What endless waits need: a node, another one that reads nothing, and a peer that never says a word.
final class WaitingRoom: Sendable {
    /// A health check that does not answer.
    private struct Hanging: HealthChecking {
        let asked: Log<Void>
        var healthCheckName: String { "hanging" }

        func healthProblem() async -> String? {
            self.asked.append(())
            try? await Task.sleep(for: .seconds(3600))
            return nil
        }
    }

    /// Messages whose consumer can be seen to ask for one.
    private struct Watched: AsyncSequence, Sendable {
        typealias Failure = Never
        let messages: MessageSequence
        let asked: Log<Void>

        func makeAsyncIterator() -> Iterator {
            Iterator(messages: self.messages.makeAsyncIterator(), asked: self.asked)
        }

        struct Iterator: AsyncIteratorProtocol {
            var messages: MessageSequence.AsyncIterator
            let asked: Log<Void>

            mutating func next() async -> Message? { await self.next(isolation: nil) }

            mutating func next(isolation actor: isolated (any Actor)?) async -> Message? {
                self.asked.append(())
                return await self.messages.next(isolation: actor)
            }
        }
    }

    private let node: Node
    private let other: Node
    private let otherGroup: MultiThreadedEventLoopGroup
    private let silent = Identity.generate().peerID
    private let listener: SilentListener
    private let limiter: RateLimiter
    private let processor = MessageProcessor(workers: 1)
    /// What health checks and sequences were asked, and messages that are being worked on.
    private let asked = Log<Void>()
    private let begun = Log<Void>()
    private let resumption = DispatchSemaphore(value: 0)

    private static func configuration(for wait: EndlessWait, asked: Log<Void>) -> NodeConfiguration {
        var patient = standard()
        if wait == .applicationHandshake { patient.handshake = .application }
        patient.handshakeTimeout = .seconds(3600)
        patient.connectTimeout = .seconds(3600)
        patient.sendTimeout = .seconds(3600)
        patient.flushTimeout = wait == .disconnect ? .seconds(3600) : .zero
        patient.sendBufferMessages = 2
        patient.healthChecks = wait == .health ? [Hanging(asked: asked)] : []
        patient.host.timeouts.dial = .hours(1)
        patient.host.timeouts.securityHandshake = .hours(1)
        patient.host.timeouts.negotiation = .hours(1)
        patient.host.timeouts.dialAttempt = .hours(1)
        return patient
    }

    private init(for wait: EndlessWait) async throws {
        self.node = try Node(
            identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"],
            configuration: Self.configuration(for: wait, asked: self.asked))
        self.otherGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var narrow = standard()
        if wait == .applicationHandshake { narrow.handshake = .application }
        narrow.receiveBufferMessages = 1
        self.other = try Node(identity: .generate(), configuration: narrow, eventLoopGroup: self.otherGroup)
        self.listener = try await SilentListener()
        self.limiter = try RateLimiter(1, per: .seconds(3600))
    }

    private func open(for wait: EndlessWait) async throws {
        try await self.node.start()
        try await self.other.start()
        if wait == .applicationHandshake {
            try await self.other.connect(to: #require(self.node.listenAddresses.first))
            try await eventually { self.node.session(with: self.other.peerID) != nil }
        } else {
            try await establish(self.node, self.other)
        }
        try await self.node.addPeer(self.silent, addresses: [self.listener.address])
        switch wait {
        case .limitedSend, .rateLimiter: #expect(self.limiter.tryPass())
        case .disconnect: try await self.fillUp()
        case .busyProcessor:
            for number in 0..<3 {
                try await self.other.send(ByteBuffer(integer: number), to: self.node.peerID, on: "a")
            }
        case .ping:
            let resumption = self.resumption
            self.otherGroup.any().execute { resumption.wait() }
        default: break
        }
    }

    private func close() async throws {
        self.resumption.signal()
        await self.other.stop()
        await self.node.stop()
        try await self.listener.close()
        try await self.otherGroup.shutdownGracefully()
    }

    /// Runs `body` with everything that one wait needs.
    static func with(_ wait: EndlessWait, _ body: (WaitingRoom) async throws -> Void) async throws {
        let room = try await WaitingRoom(for: wait)
        let result: Result<Void, any Error>
        do {
            try await room.open(for: wait)
            result = .success(try await body(room))
        } catch {
            result = .failure(error)
        }
        try await room.close()
        try result.get()
    }

    private var large: ByteBuffer { ByteBuffer(repeating: 1, count: 256 * 1024) }

    /// Has the node send until nothing more is taken, and nothing goes out either.
    private func fillUp() async throws {
        try await eventually {
            (try? self.node.trySend(self.large, to: self.other.peerID, on: "a")) == nil
                && self.other.flowControl(of: self.node.peerID, on: "a")?.receiving.isBlocked == true
        }
    }

    // MARK: Waiting

    /// Waits, for ever.
    func wait(_ wait: EndlessWait) async throws {
        let (node, peer) = (self.node, self.other.peerID)
        switch wait {
        case .send: while true { try await node.send(self.large, to: peer, on: "a") }
        case .limitedSend: try await node.send([1], to: peer, on: "a", limitedBy: self.limiter)
        case .broadcast: while true { try await node.broadcast(self.large, on: "a")[peer]?.get() }
        case .rateLimiter: try await self.limiter.wait()
        case .messages: for await _ in try node.messages() {}
        case .events: for await _ in try node.events() {}
        case .subscription: for await _ in node.subscribeToEvents(of: [self.silent]) {}
        case .notices: for await _ in node.notices() {}
        case .connect: try await node.connect(to: self.silent)
        case .established: try await node.waitUntilEstablished(with: self.silent)
        case .disconnect: await node.disconnect(from: peer)
        case .ping: _ = try await node.ping(peer, timeout: .seconds(3600))
        case .health:
            let report = await node.health(deadline: .seconds(3600))
            #expect(report.failures.contains { $0.name == "hanging" })
        case .applicationHandshake:
            let patient = HandshakeStateMachine(timeout: .seconds(3600))
            try await ApplicationHandshake(with: peer, on: node, patient).result()
        case .idleProcessor, .busyProcessor:
            await self.processor.run(Watched(messages: try node.messages(), asked: self.asked)) { _ in
                self.begun.append(())
                try await Task.sleep(for: .seconds(3600))
            } onError: { _, error in
                #expect(error is CancellationError)
            }
        }
    }

    /// Whether what the call waits for is seen to be waited for.
    ///
    /// Where nothing is said here, the call has nothing else to wait for.
    func isWaited(for wait: EndlessWait) async -> Bool {
        switch wait {
        case .send, .broadcast: self.node.flowControl(of: self.other.peerID, on: "a")?.waitingSends == 1
        case .limitedSend, .rateLimiter: self.limiter.waiting == 1
        case .connect: await self.entry { !$0.connectWaiters.isEmpty }
        case .established: await self.entry { !$0.establishedWaiters.isEmpty }
        case .health: self.asked.count == 1
        case .idleProcessor: self.asked.count == 1 && self.processor.messagesInProgress == 0
        // There is no worker for a second message, so none is asked for.
        case .busyProcessor: self.asked.count == 1 && self.begun.count == 1 && self.processor.messagesInProgress == 1
        case .messages, .events, .subscription, .notices, .disconnect, .ping, .applicationHandshake: true
        }
    }

    private func entry(_ body: @escaping @Sendable (PeerEntry) -> Bool) async -> Bool {
        let silent = self.silent
        return await self.node.running?.control { $0.entries[silent].map(body) ?? false } ?? false
    }

    /// What the wait leaves behind: nobody, and everything else as it was.
    func expectNobodyWaits() async {
        #expect(self.limiter.waiting == 0)
        #expect(self.processor.messagesInProgress == 0)
        #expect((self.node.flowControl(of: self.other.peerID, on: "a")?.waitingSends ?? 0) == 0)
        #expect(!(await self.entry { !$0.connectWaiters.isEmpty || !$0.establishedWaiters.isEmpty }))
    }
}
