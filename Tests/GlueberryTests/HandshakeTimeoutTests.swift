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
import PeerIdentity
import Testing

@testable import Glueberry

/// A handshake that does not come to an end: time-out, `Cooldown`, `Disconnected`, and the next try.
@Suite(.timeLimit(.minutes(4))) struct HandshakeTimeoutTests {
    private func quick(_ timeout: Duration = .milliseconds(500)) -> NodeConfiguration {
        var configuration = standard()
        configuration.handshakeTimeout = timeout
        configuration.cooldown = .milliseconds(200)
        configuration.reconnectBase = .milliseconds(20)
        configuration.reconnectAttempts = 0
        return configuration
    }

    /// A host that takes handshake streams and does with each what the test says.
    private func withMuteHost(
        _ handle: @escaping @Sendable (LibP2P.Stream) async -> Void, _ body: (Host) async throws -> Void
    ) async throws {
        let host = Host(identity: .generate())
        host.handle(StreamName.protocolID(of: StreamName.handshake), with: handle)
        try await host.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")])
        let result: Result<Void, any Error>
        do { result = .success(try await body(host)) } catch { result = .failure(error) }
        await host.stop()
        try result.get()
    }

    @Test func aStreamThatIsOpenAndSilentTimesOutThenCoolsDownAndIsTriedAgain() async throws {
        let streams = Log<Bool>()
        try await self.withMuteHost { stream in
            streams.append(true)
            while let bytes = try? await stream.read(), bytes.readableBytes > 0 {}
        } _: { host in
            let node = try Node(identity: .generate(), configuration: self.quick())
            try await node.start()
            let events = node.subscribeToEvents(of: [host.peerID])
            try await node.addPeer(host.peerID, addresses: host.listenAddresses)
            var states: [ConnectionState] = []
            var errors: [GlueberryError.Code?] = []
            for await event in events {
                states.append(event.state)
                errors.append(event.error?.code)
                if states.count == 7 { break }
            }
            #expect(
                states == [
                    .connecting, .connected, .cooldown, .disconnected, .reconnecting, .connecting, .connected,
                ])
            #expect(errors[2] == .handshakeTimedOut)
            // On a busy machine a session may time out before its stream has arrived; another follows.
            try await eventually { streams.count >= 2 }
            await node.stop()
        }
    }

    @Test func whoeverWaitsForTheHandshakeIsToldThatItTimedOut() async throws {
        try await self.withMuteHost { stream in
            while let bytes = try? await stream.read(), bytes.readableBytes > 0 {}
        } _: { host in
            let node = try Node(identity: .generate(), configuration: self.quick())
            try await node.start()
            try await node.addPeer(host.peerID, addresses: host.listenAddresses)
            await #expect {
                try await node.waitUntilEstablished(with: host.peerID)
            } throws: {
                ($0 as? GlueberryError)?.code == .handshakeTimedOut
            }
            await node.stop()
        }
    }

    @Test func aPeerInCooldownIsNotLetIn() async throws {
        var configuration = self.quick()
        configuration.cooldown = .seconds(500)
        try await self.withMuteHost { stream in
            while let bytes = try? await stream.read(), bytes.readableBytes > 0 {}
        } _: { host in
            let node = try Node(
                identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: configuration)
            try await node.start()
            try await node.addPeer(host.peerID, addresses: host.listenAddresses)
            try await eventually { node.state(of: host.peerID) == .cooldown }
            try await eventually { host.connections.isEmpty }
            if let connection = try? await host.connect(to: node.peerID, addresses: node.listenAddresses) {
                try await eventually { connection.isClosed }
            }
            #expect(node.state(of: host.peerID) == .cooldown)
            let explanation = await node.explain(host.peerID)
            #expect(try #require(explanation.cooldown) > .seconds(100))
            await node.stop()
        }
    }

    @Test func aHelloThatIsTooLongEndsTheHandshakeStreamAndNotTheNode() async throws {
        let resets = Log<UInt32?>()
        try await self.withMuteHost { stream in
            do {
                try await stream.write(Frame.encode(ByteBuffer(bytes: [1] + pattern(4097))))
                while let bytes = try await stream.read(), bytes.readableBytes > 0 {}
            } catch {
                resets.append((error as? HostError)?.resetCode)
            }
        } _: { host in
            let node = try Node(identity: .generate(), configuration: self.quick(.seconds(600)))
            try await node.start()
            let events = node.subscribeToEvents(of: [host.peerID], in: [.cooldown])
            try await node.addPeer(host.peerID, addresses: host.listenAddresses)
            // It is refused before it is read, which ends the handshake at once.
            #expect(await events.first { _ in true } != nil)
            try await eventually { resets.count > 0 }
            #expect(resets.all.first == StreamErrorCode.protocolViolation)
            #expect(node.refusedMessages.malformed > 0)
            await node.stop()
        }
    }

    @Test func theListenerOpensNoHandshakeStreamOfItsOwn() async throws {
        let opened = Log<Bool>()
        let node = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        try await node.start()
        let peer = ScriptedPeer()
        // Whoever is dialled takes the dialler's stream; a second one would come here.
        peer.host.handle(StreamName.protocolID(of: StreamName.handshake)) { _ in opened.append(true) }
        try await peer.establish(with: node)
        // What the node sends over an encrypted stream comes after anything that it could have opened before.
        let (arrived, note) = AsyncStream.makeStream(of: Void.self)
        peer.host.handle(StreamName.protocolID(of: "a")) { stream in
            _ = try? await stream.read()
            note.finish()
        }
        try await node.send([1], to: peer.peerID, on: "a")
        for await _ in arrived {}
        #expect(opened.count == 0)
        await peer.host.stop()
        await node.stop()
    }

    @Test(arguments: 0..<8) func applicationsThatCompleteAtOnceOnBothSidesEndInOneSession(round: Int) async throws {
        // Neither waits for a word of the other: each may be established before it knows of the other's connection.
        let nodes = try (0..<2).map { _ in
            var configuration = NodeConfiguration()
            configuration.reconnectBase = .milliseconds(100)
            return try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: configuration)
        }
        for node in nodes { try await node.start() }
        let completing = zip(nodes, nodes.reversed()).map { node, other in
            let connected = node.subscribeToEvents(in: [.connected])
            return Task {
                for await event in connected {
                    _ = try? await node.completeHandshake(
                        with: event.peer, publicKey: other.publicKey, streams: ["a"])
                }
            }
        }
        async let one: Void = nodes[0].addPeer(nodes[1].peerID, addresses: nodes[1].listenAddresses)
        async let two: Void = nodes[1].addPeer(nodes[0].peerID, addresses: nodes[0].listenAddresses)
        _ = try await (one, two)
        try await nodes[0].waitUntilEstablished(with: nodes[1].peerID, timeout: .seconds(60))
        try await nodes[1].waitUntilEstablished(with: nodes[0].peerID, timeout: .seconds(60))
        // Messages arrive both ways, on whichever session they ended up with.
        var arriving = [try nodes[0].messages(on: "a"), try nodes[1].messages(on: "a")].map {
            $0.makeAsyncIterator()
        }
        for index in 0..<2 {
            let other = 1 - index
            let sending = Task {
                // Until one arrives: a session may give way to another while both settle.
                while !Task.isCancelled {
                    _ = try? await nodes[index].send([UInt8(index)], to: nodes[other].peerID, on: "a")
                    try? await Task.sleep(for: .milliseconds(50))
                }
            }
            #expect(await arriving[other].next()?.bytes == [UInt8(index)])
            sending.cancel()
            await sending.value
        }
        for node in nodes { await node.stop() }
        for task in completing { await task.value }
    }
}
