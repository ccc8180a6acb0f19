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

/// What a node says of its connections, and does with them when it is told to.
@Suite(.timeLimit(.minutes(4))) struct NodeConnectionTests {
    /// A socket that takes connections and never says a word; the body may close what it has taken.
    private func withSilentAddress(_ peer: PeerID, _ body: (Multiaddr) async throws -> Void) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).outcome()
        let port = try #require(server.localAddress?.port)
        let result: Result<Void, any Error>
        do { result = .success(try await body(Multiaddr("/ip4/127.0.0.1/tcp/\(port)/p2p/\(peer)"))) } catch {
            result = .failure(error)
        }
        try await server.close()
        try result.get()
    }

    private func withNode(
        _ configuration: NodeConfiguration = standard(), _ body: (Node) async throws -> Void
    ) async throws {
        let node = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: configuration)
        try await node.start()
        let result: Result<Void, any Error>
        do { result = .success(try await body(node)) } catch { result = .failure(error) }
        await node.stop()
        try result.get()
    }

    // MARK: Explanations

    @Test func aPeerThatCannotBeReachedIsExplainedAddressByAddress() async throws {
        var configuration = standard()
        configuration.reconnectBase = .seconds(100)
        configuration.reconnectMaximum = .seconds(200)
        configuration.host.timeouts.dial = .milliseconds(500)
        try await self.withNode(configuration) { node in
            let peer = Identity.generate().peerID
            try await self.withSilentAddress(peer) { silent in
                let refused = try Multiaddr("/ip4/127.0.0.1/tcp/1")
                try await node.addPeer(peer, addresses: [refused, silent])
                try await eventually { node.state(of: peer) == .reconnecting }
                let explanation = await node.explain(peer)
                #expect(explanation.state == .reconnecting && explanation.isKnown && explanation.isWanted)
                #expect(explanation.failures == 1 && explanation.reconnections == 1)
                #expect(explanation.maximumReconnections == 10)
                let next = try #require(explanation.nextTry)
                #expect(next > .seconds(1) && next <= .seconds(110))
                let attempt = try #require(explanation.tries.first)
                #expect(explanation.tries.count == 1 && attempt.number == 1)
                #expect(attempt.addresses.map(\.address) == [refused, silent.withoutPeer])
                #expect(attempt.addresses.map(\.stage) == [.connecting, .securityNegotiation])
                #expect(attempt.addresses.first?.error?.code == .ioFailed)
                #expect(attempt.duration >= .milliseconds(500) && attempt.age >= attempt.duration)
                guard case .failed(let error) = attempt.outcome else {
                    Issue.record("ended as \(attempt.outcome)")
                    return
                }
                #expect(error.code == .connectionFailed)
                let text = explanation.description
                #expect(text.contains("Reconnecting") && text.contains("next try in"))
                #expect(text.contains("\(refused) at connecting") && text.contains("at securityNegotiation"))
            }
        }
    }

    @Test func aDialThatRunsIsExplainedToo() async throws {
        try await self.withNode { node in
            let peer = Identity.generate().peerID
            try await self.withSilentAddress(peer) { silent in
                try await node.addPeer(peer, addresses: [silent])
                var explanation = await node.explain(peer)
                while explanation.tries.last?.addresses.first?.stage != .securityNegotiation {
                    try Task.checkCancellation()
                    explanation = await node.explain(peer)
                }
                #expect(explanation.state == .connecting)
                guard case .running = explanation.tries.last?.outcome else {
                    Issue.record("ended as \(String(describing: explanation.tries.last?.outcome))")
                    return
                }
                await node.disconnect(from: peer)
                guard case .abandoned = await node.explain(peer).tries.last?.outcome else {
                    Issue.record("not abandoned")
                    return
                }
            }
        }
    }

    @Test func aSessionIsExplainedWhileItLivesAndAfterIt() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let living = await dialer.explain(listener.peerID)
            #expect(living.state == .established && living.connections == 1 && living.nextTry == nil)
            let session = try #require(living.session)
            #expect(session.number == 1 && session.isOutbound && session.handshakeDuration != nil)
            #expect(session.duration == nil && session.error == nil)
            #expect(living.tries.last?.addresses.last?.hasSucceeded == true)
            #expect(await listener.explain(dialer.peerID).session?.isOutbound == false)
            #expect(dialer.direction(of: listener.peerID) == .outbound)
            #expect(listener.direction(of: dialer.peerID) == .inbound)
            await dialer.disconnect(from: listener.peerID)
            let ended = await dialer.explain(listener.peerID)
            #expect(ended.state == .disconnected && !ended.isWanted)
            #expect(ended.session?.duration != nil && ended.session?.error?.code == .closed)
            #expect(dialer.direction(of: listener.peerID) == nil)
        }
    }

    @Test func theHistoryOfTriesIsBounded() async throws {
        var configuration = standard()
        configuration.reconnectBase = .milliseconds(1)
        configuration.reconnectMaximum = .milliseconds(2)
        configuration.reconnectAttempts = 30
        try await self.withNode(configuration) { node in
            let peer = Identity.generate().peerID
            let events = node.subscribeToEvents(of: [peer])
            try await node.addPeer(peer, addresses: [Multiaddr("/ip4/127.0.0.1/tcp/1")])
            for await event in events where event.state == .disconnected && event.previous == .disconnected { break }
            let explanation = await node.explain(peer)
            #expect(explanation.tries.map(\.number) == Array(24...31), "31 tries: the first dial and 30 reconnections")
            #expect(!explanation.isWanted && explanation.nextTry == nil)
        }
    }

    @Test func aPeerOfWhichNothingIsKnownIsExplainedAsSuch() async throws {
        let peer = Identity.generate().peerID
        let node = try Node(identity: .generate(), configuration: standard())
        let before = await node.explain(peer)
        #expect(!before.isKnown && before.state == .disconnected && before.tries.isEmpty)
        try await node.addPeer(peer, addresses: [Multiaddr("/ip4/127.0.0.1/tcp/1")])
        #expect(await node.explain(peer).isKnown)
    }

    // MARK: Tries

    @Test func cancellingTheReconnectionKeepsThePeerInTheBook() async throws {
        var configuration = standard()
        configuration.reconnectBase = .seconds(100)
        configuration.reconnectMaximum = .seconds(200)
        try await self.withNode(configuration) { node in
            let peer = Identity.generate().peerID
            try await node.addPeer(peer, addresses: [Multiaddr("/ip4/127.0.0.1/tcp/1")])
            try await eventually { node.state(of: peer) == .reconnecting }
            #expect(await node.cancelReconnection(of: peer))
            #expect(node.state(of: peer) == .disconnected)
            #expect(await node.peer(peer) != nil)
            #expect(await node.explain(peer).nextTry == nil)
            #expect(await !node.cancelReconnection(of: peer), "there is nothing left to cancel")
            #expect(await !node.cancelReconnection(of: Identity.generate().peerID))
        }
    }

    @Test func aChangedNetworkIsTriedAtOnce() async throws {
        var configuration = standard()
        configuration.reconnectBase = .seconds(1000)
        configuration.reconnectMaximum = .seconds(2000)
        // What does not answer soon on a busy machine is not gone.
        configuration.probeTimeout = .seconds(60)
        let port: Multiaddr
        let identity = Identity.generate()
        do {
            let first = try Node(identity: identity, listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
            try await first.start()
            port = try #require(first.listenAddresses.first)
            await first.stop()
        }
        try await self.withNode(configuration) { node in
            try await node.addPeer(identity.peerID, addresses: [port])
            try await eventually { node.state(of: identity.peerID) == .reconnecting }
            let again = try Node(identity: identity, listen: [port.withoutPeer], configuration: standard())
            try await again.start()
            await node.networkChanged()
            try await node.waitUntilEstablished(with: identity.peerID, timeout: .seconds(60))
            // A connection that answers the probe stays.
            await node.networkChanged()
            _ = try await node.ping(identity.peerID, timeout: .seconds(60))
            #expect(node.state(of: identity.peerID) == .established)
            await again.stop()
        }
    }

    @Test func aPingSaysWhyItHasNoAnswer() async throws {
        func code(_ body: () async throws -> Void) async -> GlueberryError.Code? {
            do {
                try await body()
                return nil
            } catch {
                return (error as? GlueberryError)?.code
            }
        }
        try await withNodes { listener, dialer in
            #expect(await code { _ = try await dialer.ping(listener.peerID) } == .notConnected)
            try await establish(listener, dialer)
            #expect(await code { _ = try await dialer.ping(listener.peerID, timeout: .zero) } == .timedOut)
            let pinging = Task { try await dialer.ping(listener.peerID, timeout: .seconds(3600)) }
            pinging.cancel()
            let cancelled = await code { _ = try await pinging.value }
            #expect(cancelled == .cancelled || cancelled == nil, "unless the answer was faster")
        }
    }

    @Test func aConnectThatNobodyAnswersEndsAfterTheDefaultDeadline() async throws {
        var configuration = standard()
        configuration.connectTimeout = .milliseconds(100)
        try await self.withNode(configuration) { node in
            let peer = Identity.generate().peerID
            try await self.withSilentAddress(peer) { silent in
                await #expect {
                    try await node.connect(to: silent)
                } throws: {
                    ($0 as? GlueberryError)?.code == .timedOut
                }
            }
        }
    }

    @Test func whoIsNotLetInIsNeverConnectedAndTriesAgainAfterTheCooldown() async throws {
        try await withNodes { listener, dialer in
            try await listener.blacklist(dialer.peerID)
            let events = dialer.subscribeToEvents()
            let waiting = Task { try await dialer.waitUntilEstablished(with: listener.peerID, timeout: .seconds(500)) }
            let error = await #expect(throws: GlueberryError.self) {
                try await dialer.connect(to: #require(listener.listenAddresses.first), timeout: .seconds(60))
            }
            #expect(error?.code == .connectionFailed)
            let told = await #expect(throws: GlueberryError.self) { try await waiting.value }
            #expect(told?.code == .connectionFailed)
            var seen: [ConnectionState] = []
            for await event in events {
                seen.append(event.state)
                if event.state == .reconnecting { break }
            }
            #expect(seen == [.connecting, .disconnected, .reconnecting])
            #expect(try #require(await dialer.explain(listener.peerID).nextTry) > .seconds(30))
        }
    }

    @Test func whoWaitsForAPeerThatSendsUsAwayIsTold() async throws {
        // The listener never completes the handshake and then closes the connection.
        var configuration = NodeConfiguration()
        configuration.handshakeTimeout = .seconds(200)
        try await withNodes(configuration, other: standard()) { listener, dialer in
            try await dialer.connect(to: #require(listener.listenAddresses.first), timeout: .seconds(20))
            let waiting = Task { () -> GlueberryError.Code? in
                do throws(GlueberryError) {
                    try await dialer.waitUntilEstablished(with: listener.peerID, timeout: .seconds(500))
                    return nil
                } catch {
                    return error.code
                }
            }
            try await eventually { listener.state(of: dialer.peerID) == .connected }
            let run = try #require(dialer.running)
            try await eventually {
                await run.control { $0.entries[listener.peerID]?.establishedWaiters.isEmpty == false }
            }
            await listener.disconnect(from: dialer.peerID)
            #expect(await waiting.value == .closed)
            try await eventually { dialer.state(of: listener.peerID) == .reconnecting }
            let next = try #require(await dialer.explain(listener.peerID).nextTry)
            #expect(next > .seconds(2), "it waits the cooldown")
        }
    }

    // MARK: Connections without a session

    @Test func aConnectionWithoutASessionIsTrimmed() async throws {
        var configuration = standard()
        configuration.idleConnectionTimeout = .milliseconds(100)
        try await self.withNode(configuration) { node in
            let host = Host(identity: .generate())
            let connection = try await host.connect(to: node.peerID, addresses: node.listenAddresses)
            try await eventually { connection.isClosed }
            guard case .closedByPeer(ConnectionErrorCode.garbageCollected) = connection.closeReason else {
                Issue.record("closed with \(String(describing: connection.closeReason))")
                return
            }
            #expect(node.state(of: host.peerID) == .disconnected)
            await host.stop()
        }
    }

    @Test func aConnectionOfAPeerInTheBookOrWithASessionIsNotTrimmed() async throws {
        var configuration = standard()
        configuration.idleConnectionTimeout = .seconds(3)
        try await self.withNode(configuration) { node in
            let (known, unknown) = (Host(identity: .generate()), Host(identity: .generate()))
            // Without an address the node does not dial it.
            try await node.addPeer(known.peerID, addresses: [])
            let kept = try await known.connect(to: node.peerID, addresses: node.listenAddresses)
            let inSession = try Node(identity: .generate(), configuration: standard())
            try await inSession.start()
            try await establish(node, inSession)
            // By the time that a later one is trimmed, the time of the earlier ones is long over.
            let trimmed = try await unknown.connect(to: node.peerID, addresses: node.listenAddresses)
            try await eventually { trimmed.isClosed }
            #expect(!kept.isClosed)
            #expect(node.state(of: inSession.peerID) == .established)
            await known.stop()
            await unknown.stop()
            await inSession.stop()
        }
    }

    @Test func withoutATimeNothingIsTrimmed() async throws {
        var configuration = standard()
        configuration.idleConnectionTimeout = nil
        #expect(configuration.problems().isEmpty)
        configuration.idleConnectionTimeout = .zero
        #expect(configuration.problems().count == 1)
    }

    // MARK: Addresses and times

    @Test func aNodeKnowsWhereOthersSeeIt() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            try await eventually { !listener.observedAddresses.isEmpty && !dialer.observedAddresses.isEmpty }
            let address = try #require(listener.listenAddresses.first).withoutPeer
            #expect(listener.observedAddresses == [ObservedAddress(address: address, peers: 1)])
            #expect(dialer.observedAddresses.map(\.description) == ["/ip4/127.0.0.1 (1 peer)"])
        }
    }

    @Test func eventsCarryTheTimeThatTheConfigurationSays() async throws {
        var configuration = standard()
        let clock = Log<Void>()
        configuration.now = {
            clock.append(())
            return Timestamp(seconds: 1_000_000 + Int64(clock.count))
        }
        try await withNodes(configuration) { listener, dialer in
            var events = try dialer.events().makeAsyncIterator()
            try await establish(listener, dialer)
            var last = Timestamp(seconds: 1_000_000)
            for _ in 0..<3 {
                let event = try #require(await events.next())
                #expect(event.timestamp > last && event.timestamp < Timestamp(seconds: 2_000_000))
                last = event.timestamp
            }
        }
    }

    @Test func theSystemsClockIsTheDefault() {
        // Between 2020 and 2100.
        let now = NodeConfiguration().now()
        #expect(now > Timestamp(seconds: 1_577_836_800) && now < Timestamp(seconds: 4_102_444_800))
    }

    // MARK: Ends that nobody announces

    @Test func aSocketThatIsClosedWithoutAWordIsNoticed() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let channels = Log<any Channel>()
            let events = dialer.subscribeToEvents(of: [listener.peerID], in: [.disconnected])
            // As the system does for a process that is killed: no last word, only the end of the transport.
            let run = try #require(listener.running)
            for channel in run.host.channels { channels.append(channel) }
            #expect(channels.count == 1)
            for channel in channels.all { channel.close(promise: nil) }
            let event = try #require(await events.first { _ in true })
            #expect(event.previous == .established && event.error?.code == .closed)
        }
    }
}
