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

import GlueberryTesting
import LibP2P
import Multiformats
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Many nodes that all want to be connected, and a network that fails at random.
///
/// Seeds: 200 for twenty nodes; from 201 on for six, eight of them or as many as `GLUEBERRY_SIMULATION_SEEDS` says.
@Suite(.ownThreads, .timeLimit(.minutes(10))) struct MeshTests {
    @Test(arguments: [UInt64(200)])
    func twentyNodesAreAllEstablishedAgainAfterMinutesOfFaults(seed: UInt64) throws {
        try Mesh(nodes: 20, seed: seed).run(minutes: 2)
    }

    @Test(arguments: MeshSeeds.six)
    func sixNodesAreAllEstablishedAgainAfterMinutesOfFaults(seed: UInt64) throws {
        try Mesh(nodes: 6, seed: seed).run(minutes: 2)
    }
}

private enum MeshSeeds {
    static var six: Range<UInt64> {
        let asked = getenv("GLUEBERRY_SIMULATION_SEEDS").flatMap { UInt64(String(cString: $0)) } ?? 8
        return 201..<(201 + max(1, min(asked, 100_000)))
    }
}

/// A mesh, what is done to it, and the account of every message.
private final class Mesh {
    /// The messages of one sender to one receiver on one stream in one session of the sender's.
    struct Lane: Hashable, Sendable {
        let sender: Int
        let receiver: Int
        let stream: String
        let session: UInt64
    }

    struct Account: Sendable {
        var accepted = 0
        var received: [Int] = []
        var unwritten: Int?
        /// The receiver's own session numbers, in the order of arrival.
        var sessions: [UInt64] = []
    }

    private let seed: UInt64
    private let world: World
    private let nodes: [Node]
    private let watches: [Watch]
    private let accounts = Locked<[Lane: Account]>([:])
    private var random: SeededGenerator
    /// What was done to whom, for the report of a failure.
    private var history: [(time: Duration, one: Int, other: Int?, text: String)] = []

    init(nodes count: Int, seed: UInt64) throws {
        self.seed = seed
        self.random = SeededGenerator(seed: seed)
        let world = World(seed: seed, quality: LinkQuality(latency: .milliseconds(15), jitter: .milliseconds(20)))
        self.world = world
        var configuration = NodeConfiguration.simulated()
        configuration.reconnectAttempts = 0
        configuration.reconnectMaximum = .seconds(8)
        self.nodes = try (0..<count).map { _ in try world.node(configuration) }
        self.watches = self.nodes.map { Watch(world.clock, $0) }
    }

    func run(minutes: Int) throws {
        try self.receive()
        try self.connectAll()
        let end = self.world.clock.elapsed + .seconds(60 * minutes)
        while self.world.clock.elapsed < end {
            self.doSomething()
            self.world.clock.advance(by: .milliseconds(Int.random(in: 5...400, using: &self.random)))
        }
        self.world.network.healAll()
        self.world.network.setQuality(LinkQuality(latency: .milliseconds(15)))
        for node in self.nodes { self.world.network.acceptDials(to: node.peerID) }
        let isWhole = self.world.clock.run(within: .seconds(180)) { self.missing.isEmpty }
        #expect(isWhole, "seed \(self.seed): \(self.missing)")
        // What is on its way arrives.
        self.world.clock.advance(by: .seconds(20))
        #expect(self.missing.isEmpty, "seed \(self.seed): \(self.missing)")
        self.check()
        try self.world.finish()
    }

    /// The pairs of which a side is not `Established`.
    private var missing: [String] {
        var missing: [String] = []
        for (index, node) in self.nodes.enumerated() {
            for (otherIndex, other) in self.nodes.enumerated()
            where index != otherIndex && node.state(of: other.peerID) != .established {
                missing.append("\(index) is \(node.state(of: other.peerID)) with \(otherIndex)")
            }
        }
        return missing
    }

    private func connectAll() throws {
        for (index, node) in self.nodes.enumerated() {
            for other in self.nodes[(index + 1)...] {
                // One side wants the connection, or the other, or both, who then dial each other at once.
                let wish = Int.random(in: 0...2, using: &self.random)
                for (wanting, wanted) in [(node, other), (other, node)].suffix(from: wish / 2).prefix(wish == 1 ? 2 : 1)
                {
                    let address = try #require(self.world.network.address(of: wanted.peerID))
                    let id = wanted.peerID
                    _ = self.world.clock.start { try await wanting.addPeer(id, addresses: [address]) }
                }
            }
        }
        #expect(
            self.world.clock.run(within: .seconds(120)) { self.missing.isEmpty }, "seed \(self.seed): \(self.missing)")
    }

    // MARK: Faults and traffic

    private func doSomething() {
        let network = self.world.network
        let first = Int.random(in: 0..<self.nodes.count, using: &self.random)
        let second = (first + Int.random(in: 1..<self.nodes.count, using: &self.random)) % self.nodes.count
        let (one, other) = (self.nodes[first], self.nodes[second])
        func note(_ text: String, _ numbers: (Int, Int?)) {
            self.history.append((self.world.clock.elapsed, numbers.0, numbers.1, text))
        }
        switch Int.random(in: 0..<100, using: &self.random) {
        case 0..<70: self.burst(first, second)
        case 70..<76:
            note("cut", (first, second))
            network.cut(one.peerID, other.peerID)
        case 76..<80:
            note("partition", (first, second))
            network.partition(one.peerID, other.peerID)
        case 80..<82:
            note("block \(first) to \(second)", (first, second))
            network.block(from: one.peerID, to: other.peerID)
        case 82..<90:
            note("heal", (first, second))
            network.heal(one.peerID, other.peerID)
        case 90:
            note("heal all", (first, nil))
            network.healAll()
        case 91..<93:
            let quality = LinkQuality(
                latency: .milliseconds(Int.random(in: 1...300, using: &self.random)), jitter: .milliseconds(100),
                bytesPerSecond: Int.random(in: 2000...200_000, using: &self.random))
            note("slow \(first) to \(second)", (first, second))
            network.setQuality(quality, from: one.peerID, to: other.peerID)
        case 93..<95:
            note("quick \(first) to \(second)", (first, second))
            network.setQuality(LinkQuality(latency: .milliseconds(15)), from: one.peerID, to: other.peerID)
        case 95:
            note("refuse dials to \(first)", (first, nil))
            network.refuseDials(to: one.peerID)
        case 96..<98:
            for node in self.nodes { network.acceptDials(to: node.peerID) }
        case 98:
            note("\(first) closes a connection", (first, second))
            one.connections(to: other).first?.closeNow(code: ConnectionErrorCode.protocolViolation)
        default:
            note("the network of \(first) changes", (first, nil))
            _ = self.world.clock.start { await one.networkChanged() }
        }
    }

    /// What happened to a pair, for the report of a failure.
    private func story(_ one: Int, _ other: Int) -> String {
        let pair = Set([one, other])
        var lines = self.history.filter { pair.contains($0.one) && ($0.other.map { pair.contains($0) } ?? true) }
            .map { ($0.time, $0.text) }
        for (node, peer) in [(one, other), (other, one)] {
            lines += self.watches[node].entries.filter { $0.event.peer == self.nodes[peer].peerID }.map { entry in
                (
                    entry.time,
                    "        \(node): \(entry.event.state), session \(entry.event.session) "
                        + "\(entry.event.error?.message ?? "") \(entry.event.unwrittenMessages)"
                )
            }
        }
        return lines.sorted { $0.0 < $1.0 }.map { "\($0.0) \($0.1)" }.joined(separator: "\n")
    }

    /// A few messages of one node to another.
    private func burst(_ sender: Int, _ receiver: Int) {
        let stream = Bool.random(using: &self.random) ? "a" : "b"
        let size = Int.random(in: 0...2000, using: &self.random)
        for _ in 0..<Int.random(in: 1...12, using: &self.random) {
            self.send(sender, receiver, stream, size)
        }
        let session = self.nodes[sender].session(with: self.nodes[receiver])?.generation ?? 0
        let lane = Lane(sender: sender, receiver: receiver, stream: stream, session: session)
        let accepted = self.accounts.withLock { $0[lane]?.accepted ?? 0 }
        self.history.append(
            (
                self.world.clock.elapsed, sender, receiver,
                "\(sender) to \(receiver) on \(stream) in session \(session): \(accepted) sent so far"
            ))
    }

    private func send(_ sender: Int, _ receiver: Int, _ stream: String, _ size: Int) {
        let node = self.nodes[sender]
        // Nothing else runs meanwhile, so that this is the session that takes the message.
        guard let session = node.session(with: self.nodes[receiver]), session.isEstablished else { return }
        let lane = Lane(sender: sender, receiver: receiver, stream: stream, session: session.generation)
        let number = self.accounts.withLock { $0[lane]?.accepted ?? 0 }
        var payload = ByteBuffer(integer: number)
        payload.writeInteger(session.generation)
        payload.writeRepeatingByte(0, count: size)
        guard (try? node.trySend(payload, to: self.nodes[receiver].peerID, on: stream)) != nil else { return }
        self.accounts.withLock { $0[lane, default: Account()].accepted += 1 }
    }

    private func receive() throws {
        let numbers = Dictionary(uniqueKeysWithValues: self.nodes.enumerated().map { ($0.element.peerID, $0.offset) })
        for (receiver, node) in self.nodes.enumerated() {
            let messages = try node.messages()
            let accounts = self.accounts
            _ = self.world.clock.start {
                for await message in messages {
                    let session = message.payload.getInteger(at: message.payload.readerIndex + 8, as: UInt64.self) ?? 0
                    let lane = Lane(
                        sender: numbers[message.peer] ?? -1, receiver: receiver, stream: message.stream,
                        session: session)
                    accounts.withLock { accounts in
                        accounts[lane, default: Account()].received.append(message.number)
                        accounts[lane, default: Account()].sessions.append(message.session)
                    }
                }
            }
        }
    }

    // MARK: The account

    private func check() {
        let numbers = Dictionary(uniqueKeysWithValues: self.nodes.enumerated().map { ($0.element.peerID, $0.offset) })
        var accounts = self.accounts.withLock { $0 }
        for (sender, watch) in self.watches.enumerated() {
            #expect(watch.violations().isEmpty, "seed \(self.seed), node \(sender): \(watch.violations())")
            for entry in watch.entries where entry.event.state == .disconnected {
                for (stream, count) in entry.event.unwrittenMessages {
                    let lane = Lane(
                        sender: sender, receiver: numbers[entry.event.peer] ?? -1, stream: stream,
                        session: entry.event.session)
                    accounts[lane, default: Account()].unwritten = count
                }
            }
        }
        var total = (accepted: 0, received: 0, ended: 0)
        var broken: Set<Set<Int>> = []
        for (lane, account) in accounts {
            if account.received != Array(0..<account.received.count) { broken.insert([lane.sender, lane.receiver]) }
            let name = "seed \(self.seed), \(lane.sender) to \(lane.receiver), \(lane.stream), session \(lane.session)"
            total.accepted += account.accepted
            total.received += account.received.count
            // Once, in order, without a gap.
            #expect(account.received == Array(0..<account.received.count), "\(name): \(account.received)")
            #expect(account.sessions == account.sessions.sorted(), "\(name): \(account.sessions)")
            #expect(account.received.count <= account.accepted, "\(name)")
            let current = self.nodes[lane.sender].session(with: self.nodes[lane.receiver])?.generation
            if current == lane.session {
                #expect(account.received.count == account.accepted, "\(name): the session lives, and messages are lost")
            } else {
                total.ended += 1
                let unwritten = account.unwritten ?? 0
                #expect(
                    account.received.count + unwritten <= account.accepted,
                    "\(name): \(account.accepted) accepted, \(account.received.count) received, \(unwritten) unwritten")
            }
        }
        for pair in broken {
            let numbers = pair.sorted()
            print("seed \(self.seed), nodes \(numbers):\n\(self.story(numbers[0], numbers[1]))")
        }
        print(
            "mesh of \(self.nodes.count), seed \(self.seed): \(total.accepted) accepted, \(total.received) received, "
                + "\(total.ended) of \(accounts.count) lanes ended, \(self.watches.reduce(0) { $0 + $1.count(.established) }) sessions"
        )
        #expect(total.received > 0 && total.ended > 0)
    }
}
