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
import PeerIdentity
import Testing

/// A handshake that an application writes itself, from the first message to encrypted ones.
@Suite(.timeLimit(.minutes(3))) struct ApplicationHandshakeTests {
    /// The messages of the example: a request with the key, a response with the other key, and the end.
    private enum Kind {
        static let request: UInt8 = 10
        static let response: UInt8 = 11
        static let done: UInt8 = 12
    }

    private let quick = HandshakeStateMachine(
        maximumRetries: 100_000, retryInterval: .milliseconds(20), timeout: .seconds(150))

    /// The side that asks.
    private func ask(_ node: Node, _ peer: PeerID) async throws -> Int {
        let handshake = try ApplicationHandshake(with: peer, on: node, self.quick)
        try handshake.request([Kind.request] + node.publicKey.bytes)
        for await message in try node.messages(on: "handshake") {
            let body = Array(message.bytes.dropFirst())
            switch message.bytes.first {
            case Kind.response where handshake.state == .sentRequest:
                try handshake.received()
                let key = try PublicKey(ed25519: body)
                try await node.prepareStreams(with: peer, publicKey: key, named: ["chat"])
                try handshake.finalize([Kind.done])
            case Kind.done where handshake.state == .sentFinalize:
                try handshake.complete()
                try await node.finalizeHandshake(with: peer)
                try await handshake.result()
                return handshake.retries
            default: break  // a repetition of what is done already
            }
        }
        throw GlueberryError(.closed, "the node stopped")
    }

    /// The side that answers, and overhears the first messages of each kind.
    private func answer(_ node: Node, deafTo count: Int) async throws {
        var overheard: [UInt8: Int] = [:]
        for await message in try node.messages(on: "handshake") {
            guard let kind = message.bytes.first else { continue }
            overheard[kind, default: 0] += 1
            guard overheard[kind, default: 0] > count else { continue }
            switch kind {
            case Kind.request:
                let key = try PublicKey(ed25519: Array(message.bytes.dropFirst()))
                try await node.prepareStreams(with: message.peer, publicKey: key, named: ["chat"])
                try await node.send([Kind.response] + node.publicKey.bytes, to: message.peer, on: "handshake")
            case Kind.done:
                try await node.send([Kind.done], to: message.peer, on: "handshake")
                try await node.finalizeHandshake(with: message.peer)
                return
            default: break
            }
        }
    }

    @Test(arguments: [0, 3]) func bothSidesEstablishThoughMessagesAreOverheard(deafTo count: Int) async throws {
        var configuration = NodeConfiguration()
        // Not before the handshake's own.
        configuration.handshakeTimeout = .seconds(200)
        try await withNodes(configuration) { listener, dialer in
            let answering = Task { try await self.answer(listener, deafTo: count) }
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            let retries = try await self.ask(dialer, listener.peerID)
            try await answering.value
            #expect(retries >= 2 * count)
            try await dialer.waitUntilEstablished(with: listener.peerID)
            try await listener.waitUntilEstablished(with: dialer.peerID)
            try await dialer.send([42], to: listener.peerID, on: "chat")
            var messages = try listener.messages(on: "chat").makeAsyncIterator()
            #expect(await messages.next()?.bytes == [42])
        }
    }

    private func failure(_ handshake: ApplicationHandshake) async -> GlueberryError.Code? {
        do throws(GlueberryError) {
            try await handshake.result()
            return nil
        } catch {
            return error.code
        }
    }

    @Test func withoutAnAnswerItFailsAfterTheLastRepetition() async throws {
        try await withNodes(NodeConfiguration()) { listener, dialer in
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            let handshake = try ApplicationHandshake(
                with: listener.peerID, on: dialer,
                HandshakeStateMachine(maximumRetries: 2, retryInterval: .milliseconds(10)))
            try handshake.request([1])
            #expect(await self.failure(handshake) == .handshakeFailed)
            #expect(handshake.retries == 2 && handshake.state == .failed)
            var messages = try listener.messages(on: "handshake").makeAsyncIterator()
            for _ in 0..<3 { #expect(await messages.next()?.bytes == [1]) }
        }
    }

    @Test func itFailsWithItsSession() async throws {
        try await withNodes(NodeConfiguration()) { listener, dialer in
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            let handshake = try ApplicationHandshake(with: listener.peerID, on: dialer, self.quick)
            try handshake.request([1])
            await dialer.disconnect(from: listener.peerID)
            #expect(await self.failure(handshake) == .closed)
        }
    }

    /// It has nothing to repeat, and its time is long.
    @Test func itNoticesTheEndOfItsSessionBeforeItHasSentAnything() async throws {
        try await withNodes(NodeConfiguration()) { listener, dialer in
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            let handshake = try ApplicationHandshake(
                with: listener.peerID, on: dialer, HandshakeStateMachine(timeout: .seconds(3600)))
            await listener.disconnect(from: dialer.peerID)
            #expect(await self.failure(handshake) == .closed)
        }
    }

    @Test func oneThatNothingIsDoneAboutEndsInTime() async throws {
        try await withNodes(NodeConfiguration()) { listener, dialer in
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            let handshake = try ApplicationHandshake(
                with: listener.peerID, on: dialer, HandshakeStateMachine(timeout: .milliseconds(50)))
            #expect(await self.failure(handshake) == .handshakeTimedOut)
        }
    }

    @Test func waitingForItEndsWithTheTask() async throws {
        try await withNodes(NodeConfiguration()) { listener, dialer in
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            let handshake = try ApplicationHandshake(with: listener.peerID, on: dialer)
            let waiting = Task { await self.failure(handshake) }
            waiting.cancel()
            #expect(await waiting.value == .cancelled)
            #expect(handshake.state == .initial)
        }
    }

    @Test func itNeedsAPeerThatIsConnectedAndAHandshakeOfTheApplication() async throws {
        try await withNodes { listener, dialer in
            let peer = listener.peerID
            _ = #expect(throws: GlueberryError.self) { try ApplicationHandshake(with: peer, on: dialer) }
        }
        let node = try Node(identity: .generate())
        let peer = Identity.generate().peerID
        #expect { try ApplicationHandshake(with: peer, on: node) } throws: {
            ($0 as? GlueberryError)?.code == .notStarted
        }
        try await node.start()
        #expect { try ApplicationHandshake(with: peer, on: node) } throws: {
            ($0 as? GlueberryError)?.code == .notConnected
        }
        await node.stop()
    }
}
