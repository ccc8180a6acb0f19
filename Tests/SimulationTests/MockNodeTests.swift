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
import GlueberryTesting
import LibP2P
import Multiformats
import NIOCore
import PeerIdentity
import Testing

/// An application as one writes it: it greets everybody who is `Established` and answers what it is asked.
private func serve(on node: some MessagingNode) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        let arrivals = node.subscribeToEvents(of: nil, in: [.established])
        group.addTask {
            for await event in arrivals { try await node.send("hello".utf8, to: event.peer, on: "chat") }
        }
        let messages = try node.messages()
        group.addTask {
            for await message in messages {
                try await node.send(message.payload, to: message.peer, on: message.stream)
            }
        }
        try await group.waitForAll()
    }
}

@Suite(.ownThreads, .timeLimit(.minutes(2))) struct MockNodeTests {
    private let peer = Identity.generate()

    @Test func anApplicationIsTestedWithoutANetwork() async throws {
        let node = MockNode()
        let peer = MockNode().peerID
        try await node.start()
        let application = Task { try await serve(on: node) }
        try await eventually { node.subscribers > 0 }
        node.simulateConnect(peer, establishing: ["chat"])
        node.simulateMessage("ping".utf8, from: peer, on: "chat")
        let sent = try await node.waitForMessages(2, to: peer, on: "chat")
        #expect(Set(sent.map(\.bytes)) == [Array("hello".utf8), Array("ping".utf8)])
        await node.stop()
        try await application.value
    }

    @Test func theSameApplicationRunsOnARealNode() throws {
        let world = World(seed: 150)
        let one = try world.node(.simulated(["chat"]))
        let other = try world.node(.simulated(["chat"]))
        let application = world.clock.start { try await serve(on: one) }
        let inbox = try Inbox(world.clock, other)
        try world.establish(other, one)
        world.clock.advance(by: .seconds(1))
        #expect(inbox.messages.map(\.bytes) == [Array("hello".utf8)])
        inbox.close()
        try world.finish()
        #expect(application.isDone)
    }

    @Test func connectingGoesThroughTheStatesOfANode() async throws {
        let node = MockNode()
        try await node.start()
        var events = try node.events().makeAsyncIterator()
        node.simulateConnect(self.peer.peerID)
        try await node.prepareStreams(with: self.peer.peerID, publicKey: self.peer.publicKey, named: ["a"])
        try await node.finalizeHandshake(with: self.peer.peerID)
        node.simulateDisconnect(self.peer.peerID, unwrittenMessages: ["a": 3])
        var states: [ConnectionState] = []
        var last: ConnectionEvent?
        while states.count < 4, let event = await events.next() {
            #expect(event.previous.canBecome(event.state))
            #expect(event.previous == last?.state ?? .disconnected)
            states.append(event.state)
            last = event
        }
        #expect(states == [.connecting, .connected, .established, .disconnected])
        #expect(last?.session == 1)
        #expect(last?.unwrittenMessages == ["a": 3])
        node.simulateConnect(self.peer.peerID)
        #expect(await events.next()?.session == 2)
    }

    @Test func connectWaitsForTheSimulatedConnection() async throws {
        let node = MockNode()
        try await node.start()
        let id = self.peer.peerID
        await #expect(throws: GlueberryError.self) { try await node.connect(to: id) }
        try await node.addPeer(id, addresses: [Multiaddr("/ip4/10.0.0.9/tcp/1")], metadata: ["name": "nine"])
        #expect(node.knownPeer(id)?.metadata == ["name": "nine"])
        let connecting = Task { try await node.connect(to: id) }
        try await eventually { node.state(of: id) == .connecting }
        node.simulateConnect(id, isOutbound: true)
        try await connecting.value
        let established = Task { try await node.waitUntilEstablished(with: id) }
        try await node.completeHandshake(with: id, publicKey: self.peer.publicKey, streams: ["a", "b"])
        try await established.value
        #expect(node.preparedStreams(with: id) == ["a", "b"])
        await node.removePeer(id)
        #expect(await node.peers.isEmpty && node.state(of: id) == .disconnected)
    }

    @Test func sendsAreRefusedAsANodeRefusesThem() async throws {
        let node = MockNode()
        let id = self.peer.peerID
        func code(_ stream: String) -> GlueberryError.Code? {
            do throws(GlueberryError) {
                try node.trySend(ByteBuffer(integer: 1), to: id, on: stream)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(code("a") == .notStarted)
        try await node.start()
        #expect(code("a") == .notConnected)
        node.simulateConnect(id)
        #expect(code("a") == .notEstablished)
        #expect(code("handshake") == nil)
        node.simulateConnect(id, establishing: ["a"])
        #expect(code("b") == .streamNotPrepared)
        #expect(code("a") == nil)
        #expect(node.sentMessages().map(\.stream) == ["handshake", "a"])
        #expect(node.sentMessages(to: id, on: "a").count == 1)
        node.forgetSentMessages()
        #expect(node.sentMessages().isEmpty)
        node.simulateDisconnect(id)
        #expect(code("a") == .notConnected)
    }

    @Test func theWrongKeyIsRefused() async throws {
        let node = MockNode()
        try await node.start()
        let id = self.peer.peerID
        node.simulateConnect(id)
        let wrong = Identity.generate().publicKey
        let error = await #expect(throws: GlueberryError.self) {
            try await node.prepareStreams(with: id, publicKey: wrong, named: ["a"])
        }
        #expect(error?.code == .publicKeyMismatch)
        let early = await #expect(throws: GlueberryError.self) { try await node.finalizeHandshake(with: id) }
        #expect(early?.code == .streamNotPrepared)
    }

    @Test(arguments: MockNode.Method.allCases)
    func everyMethodCanBeMadeToFailSoManyTimes(method: MockNode.Method) async throws {
        let node = MockNode()
        let (id, key) = (self.peer.peerID, self.peer.publicKey)
        try await node.addPeer(id, addresses: [], metadata: [:])
        if method != .start {
            try await node.start()
            node.simulateConnect(id)
            try await node.prepareStreams(with: id, publicKey: key, named: ["a"])
        }
        if method != .finalizeHandshake, method != .completeHandshake { node.simulateConnect(id, establishing: ["a"]) }
        node.fail(method, with: GlueberryError(.timedOut, "made to fail"), times: 2)
        let before = node.calls(of: method)
        var outcomes: [Bool] = []
        for _ in 0..<3 {
            do {
                switch method {
                case .start: try await node.start()
                case .addPeer: try await node.addPeer(id, addresses: [], metadata: [:])
                case .updateMetadata: try await node.updateMetadata([:], of: id)
                case .saveAddressBook: try await node.saveAddressBook()
                case .blacklist: try await node.blacklist(address: "192.0.2.1")
                case .connect: try await node.connect(to: id)
                case .waitUntilEstablished: try await node.waitUntilEstablished(with: id)
                case .ping: _ = try await node.ping(id)
                case .prepareStreams: try await node.prepareStreams(with: id, publicKey: key, named: ["b"])
                case .finalizeHandshake: try await node.finalizeHandshake(with: id)
                case .completeHandshake: try await node.completeHandshake(with: id, publicKey: key, streams: ["b"])
                case .send: try await node.send([1], to: id, on: "a")
                case .broadcast: try await node.broadcast([1], on: "a")
                case .messages: _ = try node.messages()
                case .events: _ = try node.events()
                }
                outcomes.append(true)
            } catch {
                #expect(error.code == .timedOut)
                outcomes.append(false)
            }
        }
        #expect(outcomes == [false, false, true])
        #expect(node.calls(of: method) == before + 3)
    }

    @Test func sequencesHaveOneConsumerAndRoutesTakeTheirMessagesAlong() async throws {
        let node = MockNode()
        try await node.start()
        let id = self.peer.peerID
        node.simulateMessage([1], from: id, on: "a")
        node.simulateMessage([2], from: id, on: "b")
        var all = try node.messages().makeAsyncIterator()
        let error = #expect(throws: GlueberryError.self) { _ = try node.messages() }
        #expect(error?.code == .alreadyClaimed)
        var routed = try node.messages(on: "b").makeAsyncIterator()
        node.simulateMessage([3], from: id, on: "b")
        node.simulateMessage([4], from: id, on: "a")
        #expect(await routed.next()?.bytes == [2])
        #expect(await routed.next()?.bytes == [3])
        #expect(await all.next()?.bytes == [1])
        #expect(await all.next()?.bytes == [4])
        await node.stop()
        #expect(await all.next() == nil)
        #expect(await routed.next() == nil)
    }

    @Test func subscriptionsAreFilteredAndEndWithTheNode() async throws {
        let node = MockNode()
        try await node.start()
        let other = MockNode().peerID
        let subscription = node.subscribeToEvents(of: [self.peer.peerID], in: [.established])
        node.simulateConnect(other, establishing: ["a"])
        node.simulateConnect(self.peer.peerID, establishing: ["a"])
        node.simulateEvent(
            ConnectionEvent(peer: self.peer.peerID, state: .cooldown, previous: .connected, session: 9))
        #expect(node.state(of: self.peer.peerID) == .cooldown)
        await node.stop()
        var seen: [PeerID] = []
        for await event in subscription { seen.append(event.peer) }
        #expect(seen == [self.peer.peerID])
    }

    @Test func aBlacklistedPeerIsDisconnectedAndDoesNotComeBack() async throws {
        let node = MockNode()
        try await node.start()
        let id = self.peer.peerID
        try await node.addPeer(id, addresses: [], metadata: [:])
        node.simulateConnect(id, establishing: ["a"])
        try await node.blacklist(id)
        #expect(await node.isBlacklisted(id))
        #expect(node.state(of: id) == .disconnected)
        node.simulateConnect(id, establishing: ["a"])
        #expect(node.state(of: id) == .disconnected)
        let error = await #expect(throws: GlueberryError.self) { try await node.connect(to: id) }
        #expect(error?.code == .peerBlacklisted)
        await node.unblacklist(id)
        node.simulateConnect(id, establishing: ["a"])
        #expect(node.state(of: id) == .established)
    }

    @Test func aBroadcastIsOneSentMessageForEachEstablishedPeer() async throws {
        let node = MockNode()
        try await node.start()
        let ids = (0..<4).map { _ in MockNode().peerID }
        for id in ids.prefix(2) { node.simulateConnect(id, establishing: ["a"]) }
        node.simulateConnect(ids[2], establishing: ["b"])
        node.simulateConnect(ids[3])
        let results = try await node.broadcast("all".utf8, on: "a")
        #expect(Set(results.keys) == Set(ids.prefix(2)))
        #expect(node.sentMessages().count == 2)
        for id in ids.prefix(2) { #expect(node.sentMessages(to: id, on: "a").map(\.bytes) == [Array("all".utf8)]) }
    }

    @Test func aBroadcastCanFailForOnePeer() async throws {
        let node = MockNode()
        try await node.start()
        let (one, other) = (MockNode().peerID, MockNode().peerID)
        for id in [one, other] { node.simulateConnect(id, establishing: ["a"]) }
        node.fail(.send, with: GlueberryError(.sendQueueFull, "made to fail"), times: 1, for: other)
        let results = try node.tryBroadcast([1], on: "a")
        #expect(throws: Never.self) { try results[one]?.get() }
        let error = #expect(throws: GlueberryError.self) { try results[other]?.get() }
        #expect(error?.code == .sendQueueFull)
        #expect(node.sentMessages().map(\.peer) == [one])
        try node.tryBroadcast([2], on: "a")
        #expect(node.sentMessages(to: other).map(\.bytes) == [[2]])
    }

    @Test func aFailureForOnePeerIsTakenBackAlone() async throws {
        let node = MockNode()
        try await node.start()
        let (one, other) = (MockNode().peerID, MockNode().peerID)
        for id in [one, other] {
            node.simulateConnect(id, establishing: ["a"])
            node.fail(.send, with: GlueberryError(.closed, "made to fail"), for: id)
        }
        node.stopFailing(.send, for: one)
        try await node.send([1], to: one, on: "a")
        await #expect(throws: GlueberryError.self) { try await node.send([1], to: other, on: "a") }
        node.stopFailing(.send)
        try await node.send([1], to: other, on: "a")
    }

    @Test func waitsEndWithTheErrorThatIsSimulated() async throws {
        let node = MockNode()
        try await node.start()
        let id = self.peer.peerID
        try await node.addPeer(id, addresses: [Multiaddr("/ip4/10.0.0.9/tcp/1")])
        let connecting = Task { try await node.connect(to: id) }
        let waiting = Task { try await node.waitUntilEstablished(with: id) }
        try await eventually { node.waiters(for: id) == 2 }
        node.simulateDisconnect(id, error: GlueberryError(.handshakeFailed, "not welcome"))
        for task in [connecting, waiting] {
            let error = await #expect(throws: GlueberryError.self) { try await task.value }
            #expect(error?.code == .handshakeFailed)
        }
    }

    @Test func anErrorEndsTheWaitForAPeerThatIsNotThere() async throws {
        let node = MockNode()
        try await node.start()
        let id = self.peer.peerID
        let events = node.subscribeToEvents()
        let waiting = Task { try await node.waitUntilEstablished(with: id) }
        try await eventually { node.waiters(for: id) == 1 }
        node.simulateDisconnect(id, error: GlueberryError(.connectionFailed, "given up"))
        let error = await #expect(throws: GlueberryError.self) { try await waiting.value }
        #expect(error?.code == .connectionFailed)
        await node.stop()
        for await event in events { Issue.record("nothing has changed: \(event)") }
    }

    @Test func noticesReachEverySubscription() async throws {
        let node = MockNode()
        try await node.start()
        let (one, other, cancelled) = (node.notices(), node.notices(), node.notices())
        cancelled.cancel()
        node.simulateNotice(NodeNotice(.sentMessageRefused, peer: self.peer.peerID, stream: "a"))
        await node.stop()
        for (subscription, count) in [(one, 1), (other, 1), (cancelled, 0)] {
            var seen: [NodeNotice.Kind] = []
            for await notice in subscription { seen.append(notice.kind) }
            #expect(seen == Array(repeating: .sentMessageRefused, count: count))
        }
    }

    @Test func whatARouteLeavesGoesToTheNextInLine() async throws {
        let node = MockNode()
        try await node.start()
        let id = self.peer.peerID
        var route: MockSequence<Message>? = try node.messages(on: "a")
        for number in [UInt8(1), 2, 3] { node.simulateMessage([number], from: id, on: "a") }
        var iterator = route?.makeAsyncIterator()
        #expect(await iterator?.next()?.bytes == [1])
        iterator = nil
        route = nil
        node.simulateMessage([4], from: id, on: "a")
        await node.stop()
        var left: [[UInt8]] = []
        for await message in try node.messages() { left.append(message.bytes) }
        #expect(left == [[2], [3], [4]])
    }

    @Test func aStoppedMockStartsWithNewSequencesAndHigherSessions() async throws {
        let node = MockNode(listen: [try Multiaddr("/ip4/10.0.0.1/tcp/1")])
        let id = self.peer.peerID
        try await node.start()
        #expect(node.listenAddresses == [try Multiaddr("/ip4/10.0.0.1/tcp/1").appending(peer: node.peerID)])
        node.simulateConnect(id)
        #expect(node.session(with: id) == 1)
        await node.stop()
        #expect(node.listenAddresses.isEmpty && node.session(with: id) == nil)
        try await node.start()
        var events = try node.events().makeAsyncIterator()
        node.simulateConnect(id)
        #expect(await events.next()?.state == .connecting)
        #expect(node.session(with: id) == 2)
    }

    @Test func aPingTakesTheTimeThatIsSimulated() async throws {
        let node = MockNode()
        try await node.start()
        node.simulateConnect(self.peer.peerID)
        node.simulateRoundTrip(.milliseconds(30))
        #expect(try await node.ping(self.peer.peerID) == .milliseconds(30))
        let error = await #expect(throws: GlueberryError.self) {
            try await node.ping(self.peer.peerID, timeout: .milliseconds(20))
        }
        #expect(error?.code == .timedOut)
    }

    @Test func whatIsSimulatedForASessionIsTold() async throws {
        let node = MockNode()
        try await node.start()
        let id = self.peer.peerID
        node.simulateEvent(
            ConnectionEvent(peer: id, state: .connected, previous: .connecting, session: 7, isOutbound: true))
        #expect(node.session(with: id) == 7)
        #expect(node.isOutbound(id) == true)
        #expect(node.direction(of: id) == .outbound)
        node.simulateDisconnect(id)
        node.simulateConnect(id)
        #expect(node.session(with: id) == 8)
        await node.networkChanged()
        #expect(node.networkChanges == 1)
    }

    @Test func whatManyTasksSimulateIsToldInTheOrderInWhichItHappened() async throws {
        let node = MockNode()
        try await node.start()
        let id = self.peer.peerID
        let events = node.subscribeToEvents()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<100 {
                        node.simulateConnect(id)
                        node.simulateDisconnect(id)
                    }
                }
            }
        }
        await node.stop()
        var last = ConnectionState.disconnected
        var count = 0
        for await event in events {
            #expect(event.previous == last)
            last = event.state
            count += 1
        }
        #expect(count >= 300)
    }

    @Test func waitsForMessagesCanBeCancelled() async throws {
        let node = MockNode()
        let waiting = Task { try await node.waitForMessages(1) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { _ = try await waiting.value }
    }
}

/// Lets other tasks run until something is so; the suite has a time limit.
private func eventually(_ condition: () -> Bool) async throws {
    while !condition() {
        try Task.checkCancellation()
        await Task.yield()
    }
}
