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

/// The same scenario, written against `MessagingNode`, is played with a real node and with a mock: calls come to the same, and
/// so do the events.
@Suite(.timeLimit(.minutes(2))) struct MockLikenessTests {
    private static var configuration: NodeConfiguration {
        var configuration = NodeConfiguration()
        configuration.connectTimeout = .seconds(5)
        configuration.handshakeTimeout = .seconds(7)
        configuration.maximumMessageSize = 1000
        configuration.maximumPeers = 2
        return configuration
    }

    @Test(arguments: Scenario.allCases)
    func aMockDoesWhatANodeDoes(scenario: Scenario) throws {
        let (outcomes, events) = try self.play(scenario, on: RealStage(Self.configuration))
        let (simulated, simulatedEvents) = try self.play(scenario, on: MockStage(Self.configuration))
        #expect(outcomes == scenario.expected)
        #expect(simulated == outcomes)
        #expect(simulatedEvents == events)
    }

    private func play(_ scenario: Scenario, on stage: some Stage) throws -> (outcomes: [String], events: [String]) {
        let events = stage.node.subscribeToEvents()
        let outcomes = try scenario.play(stage)
        try stage.finish()
        // One that never ran does not end them.
        events.cancel()
        let read = stage.clock.start {
            var lines: [String] = []
            for await event in events {
                var line = "\(event.previous) \(event.state) \(event.session)"
                if let isOutbound = event.isOutbound { line += isOutbound ? " outbound" : " inbound" }
                if let error = event.error { line += " \(error.code)" }
                lines.append(line)
            }
            return lines
        }
        return (outcomes, try #require(read.result).get())
    }
}

/// What is played.
enum Scenario: String, CaseIterable, Sendable {
    case beforeTheStart, strangers, timeOuts, timeOutsOfTheConfiguration, cancellation, cancelledBefore
    case dialThatFails, stop, disconnection, removal
    case blacklisting, blacklistedBefore, blacklistedWhileAway, blockThatEnds
    case handshakeThatFails, lossOfAPeerThatDialled, lossOfAPeerThatWasDialled, cancelledReconnection
    case tryThatIsTheLast, changeOfNetwork, success, addressOfNobody, book, sending, broadcast, sessions, starting
    case consumers

    func play(_ stage: some Stage) throws -> [String] {
        switch self {
        case .beforeTheStart: try self.beforeTheStart(stage)
        case .starting: try self.starting(stage)
        default: try self.playStarted(stage)
        }
    }

    private func playStarted(_ stage: some Stage) throws -> [String] {
        try stage.ask { try await $0.start() }
        let id = stage.peer.peerID
        switch self {
        case .beforeTheStart, .starting: return []
        case .strangers:
            return [
                try stage.call { try await $0.connect(to: id) },
                try stage.call { await $0.disconnect(from: id) },
                "\(try stage.ask { await $0.cancelReconnection(of: id) })",
                try stage.call { try await $0.waitUntilEstablished(with: id, timeout: .seconds(1)) },
                try stage.call { _ = try await $0.ping(id) },
                stage.state,
            ]
        case .timeOuts:
            stage.vanish()
            try self.add(stage)
            let connecting = stage.begin { try await $0.connect(to: id, timeout: .seconds(2)) }
            let waiting = stage.begin { try await $0.waitUntilEstablished(with: id, timeout: .seconds(3)) }
            return [try stage.outcome(of: connecting), try stage.outcome(of: waiting), stage.state]
        case .timeOutsOfTheConfiguration:
            stage.vanish()
            try self.add(stage)
            let connecting = stage.begin { try await $0.connect(to: id) }
            let waiting = stage.begin { try await $0.waitUntilEstablished(with: id) }
            return [try stage.outcome(of: connecting), try stage.outcome(of: waiting), stage.state]
        case .cancellation:
            return try self.waits(stage) { calls in for call in calls { call.cancel() } }
        case .cancelledBefore:
            try self.establish(stage)
            let call = stage.begin { node in
                withUnsafeCurrentTask { $0?.cancel() }
                try await node.waitUntilEstablished(with: id)
            }
            return [try stage.outcome(of: call)]
        case .dialThatFails:
            stage.refuseDials()
            try self.add(stage)
            let connecting = stage.begin { try await $0.connect(to: id) }
            let waiting = stage.begin { try await $0.waitUntilEstablished(with: id, timeout: .milliseconds(500)) }
            try stage.dialFails()
            let isWaiting = !waiting.isDone
            return [
                try stage.outcome(of: connecting), "\(isWaiting)", stage.state, try stage.outcome(of: waiting),
            ]
        case .stop:
            return try self.waits(stage) { _ in try stage.ask { await $0.stop() } }
                + [try stage.call { try await $0.connect(to: id) }]
        case .disconnection:
            return try self.waits(stage) { _ in try stage.ask { await $0.disconnect(from: id) } }
        case .removal:
            return try self.waits(stage) { _ in try stage.ask { await $0.removePeer(id) } }
                + [try stage.call { try await $0.connect(to: id) }]
        case .blacklisting:
            return try self.waits(stage) { _ in try stage.ask { try await $0.blacklist(id) } }
                + [
                    try stage.call { try await $0.connect(to: id) },
                    try stage.call { try await $0.waitUntilEstablished(with: id) },
                    "\(try stage.ask { await $0.unblacklist(id) })", stage.state,
                    "\(try stage.ask { await $0.unblacklist(id) })",
                ]
        case .blacklistedBefore:
            try stage.ask { try await $0.blacklist(id) }
            try self.add(stage)
            return [
                stage.state, try stage.call { try await $0.connect(to: id) },
                "\(try stage.ask { await $0.isBlacklisted(id) })", "\(try stage.ask { await $0.peers.count })",
                "\(try stage.ask { await $0.allPeers.count })", "\(try stage.ask { await $0.blacklisted.count })",
            ]
        case .blacklistedWhileAway:
            let waiting = stage.begin { try await $0.waitUntilEstablished(with: id) }
            stage.clock.run()
            try stage.ask { try await $0.blacklist(id) }
            return [try stage.outcome(of: waiting), stage.state]
        case .blockThatEnds:
            try stage.ask { try await $0.blacklist(id, for: .seconds(60)) }
            let before = try stage.ask { await $0.isBlacklisted(id) }
            stage.clock.advance(by: .seconds(61))
            return [
                "\(before)", "\(try stage.ask { await $0.isBlacklisted(id) })",
                try stage.call { try await $0.connect(to: id) },
                "\(try stage.ask { await $0.unblacklist(id) })", "\(try stage.ask { await $0.blacklisted.count })",
            ]
        case .handshakeThatFails:
            try self.add(stage)
            try stage.dialSucceeds()
            let waiting = stage.begin { try await $0.waitUntilEstablished(with: id) }
            let began = stage.clock.elapsed
            try stage.handshakeTimesOut()
            let lines = [
                try stage.outcome(of: waiting), stage.state, "\(stage.clock.elapsed - began < .seconds(8))",
                "\(String(describing: stage.node.session(with: id)))",
                try stage.call { try await $0.connect(to: id) }, stage.state,
            ]
            stage.refuseDials()
            try stage.cooldownEnds()
            return lines + [stage.state]
        case .lossOfAPeerThatDialled:
            try stage.peerDials()
            let waiting = stage.begin { try await $0.waitUntilEstablished(with: id) }
            try stage.lose()
            return [try stage.outcome(of: waiting), stage.state]
        case .lossOfAPeerThatWasDialled:
            try self.add(stage)
            try stage.dialSucceeds()
            let waiting = stage.begin { try await $0.waitUntilEstablished(with: id, timeout: .milliseconds(500)) }
            try stage.lose()
            let isWaiting = !waiting.isDone
            return ["\(isWaiting)", stage.state, try stage.outcome(of: waiting)]
        case .cancelledReconnection:
            stage.refuseDials()
            try self.add(stage)
            let waiting = stage.begin { try await $0.waitUntilEstablished(with: id) }
            try stage.dialFails()
            let cancelled = try stage.ask { await $0.cancelReconnection(of: id) }
            return [
                "\(cancelled)", try stage.outcome(of: waiting), stage.state,
                "\(try stage.ask { await $0.cancelReconnection(of: id) })",
            ]
        case .tryThatIsTheLast:
            try self.add(stage)
            let cancelled = try stage.ask { await $0.cancelReconnection(of: id) }
            let again = try stage.ask { await $0.cancelReconnection(of: id) }
            let before = stage.state
            try stage.dialSucceeds()
            return ["\(cancelled)", "\(again)", before, stage.state]
        case .changeOfNetwork:
            stage.refuseDials()
            try self.add(stage)
            try stage.dialFails()
            let before = stage.state
            try stage.ask { await $0.networkChanged() }
            return [before, stage.state]
        case .success:
            try self.add(stage)
            let connecting = stage.begin { try await $0.connect(to: id) }
            let waiting = stage.begin { try await $0.waitUntilEstablished(with: id) }
            try stage.dialSucceeds()
            let connected = try stage.outcome(of: connecting)
            let isWaiting = !waiting.isDone
            let key = stage.peer.publicKey
            try stage.ask { try await $0.completeHandshake(with: id, publicKey: key, streams: ["a"]) }
            return [
                connected, "\(isWaiting)", try stage.outcome(of: waiting), stage.state,
                try stage.call { try await $0.connect(to: id) },
            ]
        case .addressOfNobody:
            let address = stage.address
            return [
                try stage.call { try await $0.connect(to: address) },
                try stage.call { node in try await node.connect(to: address.appending(peer: id), timeout: .zero) },
                stage.state, "\(try stage.ask { await $0.peer(id)?.addresses == [address] })",
            ]
        case .book: return try self.book(stage)
        case .sending: return try self.sending(stage)
        case .broadcast: return try self.broadcast(stage)
        case .sessions: return try self.sessions(stage)
        case .consumers: return try self.consumers(stage)
        }
    }

    // MARK: Steps

    private func add(_ stage: some Stage) throws {
        let (id, address) = (stage.peer.peerID, stage.address)
        try stage.ask { try await $0.addPeer(id, addresses: [address]) }
    }

    private func establish(_ stage: some Stage) throws {
        let (id, key) = (stage.peer.peerID, stage.peer.publicKey)
        try self.add(stage)
        try stage.dialSucceeds()
        try stage.ask { try await $0.completeHandshake(with: id, publicKey: key, streams: ["a"]) }
    }

    /// Has one call wait for a connection and one for a handshake, and ends both.
    private func waits<Played: Stage>(
        _ stage: Played, until end: ([VirtualTask<String>]) throws -> Void
    ) throws -> [String] {
        let id = stage.peer.peerID
        stage.vanish()
        try self.add(stage)
        let calls = [
            stage.begin { try await $0.connect(to: id) },
            stage.begin { try await $0.waitUntilEstablished(with: id) },
        ]
        try end(calls)
        return try calls.map { try stage.outcome(of: $0) } + [stage.state]
    }

    // MARK: Scenarios of many calls

    private func beforeTheStart(_ stage: some Stage) throws -> [String] {
        let (id, key) = (stage.peer.peerID, stage.peer.publicKey)
        return [
            try stage.call { try await $0.connect(to: id) },
            try stage.call { try await $0.waitUntilEstablished(with: id) },
            try stage.call { try await $0.send([1], to: id, on: "a") },
            try stage.call { try $0.trySend([1], to: id, on: "a", in: 1) },
            try stage.call { try await $0.broadcast([1], on: "a") },
            try stage.call { try $0.tryBroadcast([1], on: "no name") },
            try stage.call { try await $0.prepareStreams(with: id, publicKey: key, named: ["a"]) },
            try stage.call { try await $0.finalizeHandshake(with: id) },
            try stage.call { _ = try await $0.ping(id) },
            "\(try stage.ask { await $0.cancelReconnection(of: id) })", "\(stage.node.listenAddresses)",
        ]
    }

    private func starting(_ stage: some Stage) throws -> [String] {
        try self.add(stage)
        let before = stage.state
        try stage.ask { try await $0.start() }
        let started = stage.state
        try stage.dialSucceeds()
        return [before, started, try stage.call { try await $0.start() }, stage.state]
    }

    private func book(_ stage: some Stage) throws -> [String] {
        let (id, address) = (stage.peer.peerID, stage.address)
        let (second, third) = (Identity.generate().peerID, Identity.generate().peerID)
        let large = ["name": String(repeating: "x", count: 5000)]
        var lines = [
            try stage.call { try await $0.updateMetadata([:], of: id) },
            try stage.call { try await $0.addPeer(id, addresses: [address.appending(peer: second)]) },
            try stage.call { try await $0.addPeer(id, addresses: [], metadata: large) },
            try stage.call { try await $0.addPeer(id, addresses: [], metadata: ["name": "nine"]) },
            try stage.call { try await $0.updateMetadata(large, of: id) },
            stage.state,
            try stage.call { try await $0.addPeer(id, addresses: [address.appending(peer: id), address]) },
            stage.state,
        ]
        let entry = try stage.ask { await $0.peer(id) }
        lines += ["\(entry?.addresses == [address])", "\(entry?.metadata ?? [:])"]
        try stage.ask { try await $0.updateMetadata(["name": "ten"], of: id) }
        lines += [
            "\(try stage.ask { await $0.peer(id)?.metadata ?? [:] })",
            try stage.call { try await $0.addPeer(second, addresses: []) },
            try stage.call { try await $0.addPeer(third, addresses: []) },
            "\(try stage.ask { Set(await $0.peers.map(\.peer)) == [id, second] })",
            try stage.call { try await $0.blacklist(address: "somewhere") },
            try stage.call { try await $0.blacklist(subnet: "10.1.0.0/16") },
            "\(try stage.ask { try await $0.unblacklist(subnet: "10.1.0.0/16") })",
            "\(try stage.ask { try await $0.unblacklist(address: "10.1.0.1") })",
            try stage.call { try await $0.saveAddressBook() },
        ]
        try stage.ask { await $0.removePeer(id) }
        return lines + ["\(try stage.ask { await $0.peer(id) == nil })"]
    }

    private func sending(_ stage: some Stage) throws -> [String] {
        let (id, key) = (stage.peer.peerID, stage.peer.publicKey)
        let wrong = Identity.generate().publicKey
        let large = [UInt8](repeating: 1, count: 1001)
        let limiter = try RateLimiter(1, per: .seconds(60), eventLoop: stage.clock.next())
        var lines = [
            try stage.call { try await $0.send([1], to: id, on: "a") },
            try stage.call { try await $0.prepareStreams(with: id, publicKey: key, named: ["a"]) },
        ]
        try self.add(stage)
        try stage.dialSucceeds()
        lines += [
            try stage.call { try await $0.send([1], to: id, on: "a") },
            try stage.call { try await $0.send([1], to: id, on: "handshake") },
            try stage.call { try await $0.finalizeHandshake(with: id) },
            try stage.call { try await $0.prepareStreams(with: id, publicKey: wrong, named: ["a"]) },
            try stage.call { try await $0.prepareStreams(with: id, publicKey: key, named: ["handshake"]) },
            try stage.call { try await $0.prepareStreams(with: id, publicKey: key, named: ["a"]) },
            try stage.call { try await $0.finalizeHandshake(with: id) },
            try stage.call { try await $0.finalizeHandshake(with: id) },
            try stage.call { try await $0.send([1], to: id, on: "a", timeout: .seconds(1)) },
            try stage.call { try $0.trySend([1], to: id, on: "b") },
            try stage.call { try await $0.send(large, to: id, on: "a") },
            try stage.call { try $0.trySend(ByteBuffer(bytes: large), to: id, on: "a") },
            try stage.call { try await $0.send([1], to: id, on: "a", limitedBy: limiter) },
            try stage.call { try await $0.send([1], to: id, on: "a", timeout: .seconds(2), limitedBy: limiter) },
        ]
        return lines
    }

    private func broadcast(_ stage: some Stage) throws -> [String] {
        let id = stage.peer.peerID
        let large = [UInt8](repeating: 1, count: 1001)
        func outcome(
            _ body: @escaping @Sendable (any MessagingNode) async throws -> [PeerID: Result<Void, GlueberryError>]
        ) throws -> String {
            let results = try stage.ask { try await body($0) }
            return results.map { peer, result in
                let code = if case .failure(let error) = result { error.code.description } else { "done" }
                return peer == id ? code : "a stranger"
            }.joined(separator: ", ")
        }
        let nobody = try outcome { try await $0.broadcast([1], on: "a") }
        try self.establish(stage)
        return [
            nobody, try outcome { try await $0.broadcast([1], on: "a", timeout: .seconds(1)) },
            try outcome { try $0.tryBroadcast([1], on: "a") }, try outcome { try await $0.broadcast([1], on: "b") },
            try outcome { try await $0.broadcast(large, on: "a") },
            try stage.call { try await $0.broadcast([1], on: "handshake") },
        ]
    }

    private func sessions(_ stage: some Stage) throws -> [String] {
        let (id, key) = (stage.peer.peerID, stage.peer.publicKey)
        try stage.peerDials()
        let first = try #require(stage.node.session(with: id))
        var lines = ["\(first)", "\(stage.node.direction(of: id) == .inbound)"]
        lines += [
            try stage.call { try await $0.prepareStreams(with: id, publicKey: key, named: ["a"], in: first + 1) },
            try stage.call { try await $0.completeHandshake(with: id, publicKey: key, streams: ["a"], in: first) },
            try stage.call { try await $0.send([1], to: id, on: "a", in: first + 1) },
            try stage.call { try await $0.send([1], to: id, on: "a", in: first) },
        ]
        try stage.lose()
        return lines + [
            "\(stage.node.session(with: id) == nil)", "\(stage.node.isOutbound(id) == nil)",
            try stage.call { try $0.trySend([1], to: id, on: "a", in: first) },
            try stage.call { try $0.trySend([1], to: id, on: "a") },
            try stage.call { try await $0.finalizeHandshake(with: id, in: first) },
            try stage.call { try await $0.finalizeHandshake(with: id) },
        ]
    }

    private func consumers(_ stage: some Stage) throws -> [String] {
        let node = stage.node
        var messages = try? node.messages()
        var events = try? node.events()
        var lines = [
            try stage.call { _ = try $0.messages() }, try stage.call { _ = try $0.events() },
            try stage.call { _ = try $0.messages(on: "a") }, try stage.call { _ = try $0.messages(on: "a") },
        ]
        messages = nil
        events = nil
        lines += [try stage.call { _ = try $0.messages() }, try stage.call { _ = try $0.events() }]
        messages = try node.messages()
        events = try node.events()
        let notices = node.notices()
        let subscription = node.subscribeToEvents(in: [.established])
        subscription.cancel()
        let cancelled = stage.begin { _ in for await _ in subscription {} }
        lines += [try stage.outcome(of: cancelled)]
        let (claimed, claimedEvents) = (try #require(messages), try #require(events))
        let reading = [
            stage.begin { _ in for await _ in claimed {} }, stage.begin { _ in for await _ in claimedEvents {} },
            stage.begin { _ in for await _ in notices {} },
        ]
        lines += ["\(reading.contains { $0.isDone })"]
        try stage.ask { await $0.stop() }
        lines += try reading.map { try stage.outcome(of: $0) }
        let late = stage.node.subscribeToEvents()
        return lines + [try stage.outcome(of: stage.begin { _ in for await _ in late {} })]
    }

    // MARK: What is to come of it

    var expected: [String] {
        switch self {
        case .beforeTheStart:
            [
                "notStarted", "notStarted", "notStarted", "notStarted", "notStarted", "invalidStreamName",
                "notStarted", "notStarted", "notStarted", "false", "[]",
            ]
        case .strangers: ["peerUnknown", "done", "false", "timedOut after 1 s", "notConnected", "Disconnected"]
        case .timeOuts: ["timedOut after 2 s", "timedOut after 3 s", "Connecting"]
        case .timeOutsOfTheConfiguration: ["timedOut after 5 s", "timedOut after 12 s", "Connecting"]
        case .cancellation: ["cancelled", "cancelled", "Connecting"]
        case .cancelledBefore: ["cancelled"]
        case .dialThatFails: ["connectionFailed", "true", "Reconnecting", "timedOut"]
        case .stop: ["stopped", "stopped", "Disconnected", "notStarted"]
        case .disconnection: ["closed", "closed", "Disconnected"]
        case .removal: ["closed", "closed", "Disconnected", "peerUnknown"]
        case .blacklisting:
            [
                "peerBlacklisted", "peerBlacklisted", "Disconnected", "peerBlacklisted", "peerBlacklisted", "true",
                "Connecting", "false",
            ]
        case .blacklistedBefore: ["Disconnected", "peerBlacklisted", "true", "0", "1", "1"]
        case .blacklistedWhileAway: ["peerBlacklisted", "Disconnected"]
        case .blockThatEnds: ["true", "false", "peerUnknown", "false", "0"]
        case .handshakeThatFails:
            [
                "handshakeTimedOut after 7 s", "Cooldown", "true", "nil", "inCooldown", "Cooldown", "Reconnecting",
            ]
        case .lossOfAPeerThatDialled: ["closed", "Disconnected"]
        case .lossOfAPeerThatWasDialled: ["true", "Reconnecting", "timedOut"]
        case .cancelledReconnection: ["true", "notConnected", "Disconnected", "false"]
        case .tryThatIsTheLast: ["true", "false", "Connecting", "Connected"]
        case .changeOfNetwork: ["Reconnecting", "Connecting"]
        case .success: ["done", "true", "done", "Established", "done"]
        case .addressOfNobody: ["invalidAddress", "timedOut", "Connecting", "true"]
        case .book:
            [
                "peerUnknown", "invalidAddress", "metadataTooLarge", "done", "metadataTooLarge", "Disconnected", "done",
                "Connecting", "true", "[\"name\": \"nine\"]", "[\"name\": \"ten\"]", "done", "addressBookFull", "true",
                "invalidAddress", "done", "true", "false", "done", "true",
            ]
        case .sending:
            [
                "notConnected", "notConnected", "notEstablished", "done", "streamNotPrepared", "publicKeyMismatch",
                "invalidStreamName", "done", "done", "done", "done", "streamNotPrepared", "messageTooLarge",
                "messageTooLarge", "done", "sendTimedOut after 2 s",
            ]
        case .broadcast: ["", "done", "done", "", "messageTooLarge", "invalidStreamName"]
        case .sessions:
            [
                "1", "true", "staleSession", "done", "staleSession", "done", "true", "true", "staleSession",
                "notConnected", "staleSession", "notConnected",
            ]
        case .starting: ["Disconnected", "Connecting", "alreadyStarted", "Connected"]
        case .consumers:
            [
                "alreadyClaimed", "alreadyClaimed", "done", "done", "done", "done", "done", "false", "done", "done",
                "done", "done",
            ]
        }
    }
}
