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
import Logging
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// The nonces of a pair of peers are random, and there are only so many messages that they suffice for.
@Suite(.timeLimit(.minutes(2))) struct PairMessageTests {
    @Test func theMessageThatCrossesTheThresholdWarnsOnceOverAllSessions() async throws {
        let identity = Identity.generate()
        let observed = Observed()
        var configuration = observed.configure(standard(["a"]))
        // What earlier processes sent and received.
        configuration.pairMessageCounts = [identity.peerID: (1 << 40) - 5]
        // A test that is kept waiting reads late, and that would be told as well.
        configuration.stallTimeout = .seconds(600)
        let node = try Node(identity: .generate(), configuration: configuration, logger: observed.logger)
        let other = try Node(identity: identity, listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard(["a"]))
        try await node.start()
        try await other.start()
        var notices = node.notices().makeAsyncIterator()
        var received = try other.messages().makeAsyncIterator()
        var answers = try node.messages().makeAsyncIterator()
        func exchange(_ sent: Int, _ answered: Int) async throws {
            try await establish(other, node)
            for _ in 0..<sent { try await node.send([1], to: other.peerID, on: "a") }
            for _ in 0..<sent { _ = try #require(await received.next()) }
            for _ in 0..<answered { try await other.send([1], to: node.peerID, on: "a") }
            for _ in 0..<answered { _ = try #require(await answers.next()) }
        }
        try await exchange(2, 2)
        #expect(node.statistics(of: other.peerID)?.pairMessages == (1 << 40) - 1)
        #expect(observed.records.all.allSatisfy { $0.level < .warning })
        await node.disconnect(from: other.peerID)
        try await eventually { other.state(of: node.peerID) == .disconnected }
        try await exchange(1, 3)
        #expect(node.statistics(of: other.peerID)?.pairMessages == (1 << 40) + 3)

        let notice = try #require(await notices.next())
        #expect(notice.kind == .pairKeyWorn(messages: 1 << 40))
        #expect(notice.peer == other.peerID)
        #expect(notice.description.contains("new identity"))
        let warnings = observed.records.all.filter { $0.level == .warning }
        #expect(warnings.count == 1)
        #expect(warnings.first?.value("advice")?.contains("streams 2.0.0") == true)
        await node.stop()
        await other.stop()
    }

    @Test func messagesOfTheHandshakeDoNotCountBecauseTheyAreNotEncrypted() async throws {
        try await withObservedNodes { listener, _, dialer, _ in
            try await establish(listener, dialer)
            #expect(dialer.statistics(of: listener.peerID)?.streams[StreamName.handshake]?.messagesSent ?? 0 > 0)
            #expect(dialer.statistics(of: listener.peerID)?.pairMessages == 0)
        }
    }

    private func warnings(_ ledger: PairMessageLedger) -> Log<PairKeyWarning> {
        let log = Log<PairKeyWarning>()
        ledger.setObserver { log.append($0) }
        return log
    }

    @Test func aWarningComesAtTheThresholdAndAtEveryDoubling() {
        let peer = Identity.generate().peerID
        let ledger = PairMessageLedger(threshold: 100)
        let log = warnings(ledger)
        for _ in 0..<1000 { ledger.counter(for: peer).add(1) }
        #expect(log.all == [100, 200, 400, 800].map { PairKeyWarning(peer: peer, messages: $0) })
    }

    @Test func aBatchThatPassesSeveralThresholdsWarnsOnce() {
        let peer = Identity.generate().peerID
        let ledger = PairMessageLedger(threshold: 100)
        let log = warnings(ledger)
        ledger.counter(for: peer).add(1000)
        ledger.counter(for: peer).add(500)
        #expect(log.all.map(\.messages) == [1000])
        ledger.counter(for: peer).add(100)
        #expect(log.all.map(\.messages) == [1000, 1600])
    }

    @Test func eachThresholdWarnsOnceHoweverManyCount() async {
        let peer = Identity.generate().peerID
        let ledger = PairMessageLedger(threshold: 1000)
        let log = warnings(ledger)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<1000 { ledger.counter(for: peer).add(1) } }
            }
        }
        #expect(ledger.count(of: peer) == 8000)
        #expect(log.count == 4)
    }

    @Test func aLargeCountOutlivesTheStatisticsOfAPeerThatIsAway() {
        let (large, small) = (Identity.generate().peerID, Identity.generate().peerID)
        let ledger = PairMessageLedger()
        ledger.counter(for: large).add(1 << 30)
        ledger.counter(for: small).add(7)
        ledger.removeSmall(except: [large, small])
        #expect(ledger.count(of: small) == 7)
        ledger.removeSmall(except: [])
        #expect(ledger.count(of: large) == 1 << 30)
        #expect(ledger.count(of: small) == 0)
    }

    @Test func theLargestCountDoesNotOverflow() {
        let peer = Identity.generate().peerID
        let ledger = PairMessageLedger(known: [peer: .max - 5], threshold: 1 << 40)
        let log = warnings(ledger)
        ledger.counter(for: peer).add(2)
        #expect(ledger.count(of: peer) == UInt64.max - 3)
        #expect(log.count == 1)
    }
}
