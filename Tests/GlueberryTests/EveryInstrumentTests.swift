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

import CoreMetrics
import InMemoryTracing
import LibP2P
import MetricsTestKit
import Multiformats
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// One life of a node in which everything happens that metrics and spans can tell of.
@Suite(.timeLimit(.minutes(3))) struct EveryInstrumentTests {
    /// The node that is observed talks with another and with a peer that misbehaves; it also dials nobody.
    private func live(_ observed: Observed) async throws {
        var configuration = standard(["a"])
        configuration.eventBuffer = 2
        // A dial that fails is not followed by another before its peer is removed.
        configuration.reconnectBase = .seconds(300)
        configuration.sendBufferMessages = 2
        let node = try observed.node(listen: ["/ip4/127.0.0.1/tcp/0"], configuration)
        var slow = standard(["a"])
        slow.receiveBufferMessages = 2
        let other = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: slow)
        let hostile = ScriptedPeer()
        let refused = ScriptedPeer()
        let result: Result<Void, any Error>
        do {
            try await node.start()
            try await other.start()
            try await self.failToDial(node)
            try await establish(other, node)
            try await self.fillTheQueue(of: other, from: node)
            try await self.reconnect(node, other)
            try await self.misbehave(hostile, node)
            try await self.failTheHandshake(refused, node, observed)
            // The cipher cannot be made to refuse a message, so its one hook is called by hand.
            node.instruments.stream("a", with: other.peerID).sealingFailed()
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await hostile.host.stop()
        await refused.host.stop()
        await other.stop()
        await node.stop()
        try result.get()
        try await self.ignoreTheHandshake(observed)
    }

    private func failToDial(_ node: Node) async throws {
        let nobody = Identity.generate().peerID
        await #expect(throws: GlueberryError.self) {
            try await node.connect(to: Multiaddr("\(deadAddress)/p2p/\(nobody)"), timeout: .seconds(20))
        }
        await node.removePeer(nobody)
    }

    /// Sends more than the other node takes while nobody reads there, until sends wait.
    private func fillTheQueue(of other: Node, from node: Node) async throws {
        let instruments = node.instruments.stream("a", with: other.peerID)
        let sending = Task {
            for _ in 0..<64 { try await node.send([UInt8](repeating: 7, count: 65_536), to: other.peerID, on: "a") }
        }
        try await eventually { instruments.statistics.sendsThatWaited > 0 }
        var messages = try other.messages().makeAsyncIterator()
        for _ in 0..<64 { #expect(await messages.next()?.payload.readableBytes == 65_536) }
        try await sending.value
        try await other.send([1, 2, 3], to: node.peerID, on: "a")
        var received = try node.messages().makeAsyncIterator()
        #expect(await received.next()?.bytes == [1, 2, 3])
    }

    private func reconnect(_ node: Node, _ other: Node) async throws {
        await node.disconnect(from: other.peerID)
        try await node.connect(to: other.peerID, timeout: .seconds(20))
        try await node.waitUntilEstablished(with: other.peerID, timeout: .seconds(20))
    }

    private func misbehave(_ hostile: ScriptedPeer, _ node: Node) async throws {
        try await hostile.establish(with: node)
        let stream = try await hostile.open("a", to: node)
        try await stream.write(Frame.encode(ByteBuffer(bytes: pattern(40))))
        try await eventually { node.refusedMessages.notAuthentic == 1 }
    }

    private func failTheHandshake(_ refused: ScriptedPeer, _ node: Node, _ observed: Observed) async throws {
        _ = try await refused.host.connect(to: node.peerID, addresses: node.listenAddresses)
        let stream = try await refused.open(StreamName.handshake, to: node)
        try await stream.write(Frame.encode(ByteBuffer(bytes: [99])))
        try await eventually { node.statistics(of: refused.peerID)?.connections.handshakesFailed == 1 }
    }

    /// A node whose application never reads the handshake messages that it gets.
    private func ignoreTheHandshake(_ observed: Observed) async throws {
        let node = try observed.node(listen: ["/ip4/127.0.0.1/tcp/0"], NodeConfiguration())
        let peer = ScriptedPeer()
        try await node.start()
        let result: Result<Void, any Error>
        do {
            _ = try await peer.host.connect(to: node.peerID, addresses: node.listenAddresses)
            let stream = try await peer.open(StreamName.handshake, to: node)
            for _ in 0..<3 { try await stream.write(Frame.encode(ByteBuffer(bytes: [1]))) }
            try await eventually {
                node.statistics(of: peer.peerID)?.streams[StreamName.handshake]?.messagesReceived == 3
            }
            await node.disconnect(from: peer.peerID)
            #expect(node.statistics(of: peer.peerID)?.total.messagesDropped == 3)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await peer.host.stop()
        await node.stop()
        try result.get()
    }

    @Test func everyMetricAndEverySpanIsEmittedInOneLife() async throws {
        let observed = Observed()
        try await live(observed)

        let durations: Set<NodeMetrics.Name> = [.handshakeDuration, .backpressureWait]
        for name in NodeMetrics.Name.allCases {
            switch name {
            case _ where durations.contains(name):
                let seconds = observed.recorded(name)
                #expect(!seconds.isEmpty, "\(name.rawValue) was never recorded")
                // In another unit it would be thousands.
                #expect(seconds.allSatisfy { $0 >= 0 && $0 < 120 }, "\(name.rawValue) is not in seconds: \(seconds)")
                #expect(seconds.contains { $0 > 0 })
            case .pendingMessages:
                let values = observed.gauge(name, [("stream", "a")])
                #expect(values.contains { $0 > 0 })
                #expect(values.last == 0, "nothing is pending after the stop")
            default: #expect(observed.metrics.counterTotal(label: name.rawValue) > 0, "\(name.rawValue) stayed at 0")
            }
        }
        for name in NodeTracing.Name.allCases {
            #expect(!observed.spans(name).isEmpty, "\(name.rawValue) was never finished")
        }
        #expect(observed.tracer.activeSpans.isEmpty, "every span that began has ended")

        #expect(observed.count(.connectionsOpened, [("direction", "outbound")]) == 2)
        #expect(observed.count(.connectionsOpened, [("direction", "inbound")]) == 3)
        #expect(observed.metrics.counterTotal(label: NodeMetrics.Name.connectionsClosed.rawValue) == 5)
        #expect(observed.count(.connectionAttempts, [("result", "success")]) == 2)
        // The node tries again after a while, which a slow machine may reach.
        #expect(observed.count(.connectionAttempts, [("result", "failure")]) >= 1)
        #expect(observed.count(.handshakeResults, [("result", "success")]) == 3)
        #expect(observed.count(.handshakeResults, [("result", "failure")]) == 2)
        #expect(observed.count(.keyDerivations, [("cached", "false")]) == 2)
        #expect(observed.count(.keyDerivations, [("cached", "true")]) == 1)
        #expect(observed.count(.messagesSent, [("stream", "a")]) == 64)
        #expect(observed.count(.bytesSent, [("stream", "a")]) == 64 * 65_536)
        #expect(observed.count(.messagesReceived, [("stream", "a")]) == 1)
        #expect(observed.count(.bytesReceived, [("stream", "a")]) == 3)
        #expect(observed.count(.decryptionErrors) == 1)
        #expect(observed.count(.messagesDropped) == 3)
        #expect(observed.count(.eventsEmitted, [("state", "Established")]) == 3)
        #expect(
            observed.metrics.counterTotal(label: NodeMetrics.Name.streamsOpened.rawValue)
                == observed.metrics.counterTotal(label: NodeMetrics.Name.streamsClosed.rawValue))

        let failed = observed.spans(.decrypt).filter { $0.text("error.message") != nil }
        #expect(failed.count == 1)
        #expect(observed.spans(.dial).contains { $0.text("error.message")?.contains("127.0.0.1") == true })
        let results = Set(observed.spans(.handshake).compactMap { $0.text("handshake.result") })
        #expect(results == ["success", "failure"])
    }

    @Test func aHandshakeThatTimesOutIsCountedAsOne() async throws {
        let observed = Observed()
        var configuration = NodeConfiguration()
        configuration.handshakeTimeout = .milliseconds(50)
        let node = try observed.node(listen: ["/ip4/127.0.0.1/tcp/0"], configuration)
        let peer = ScriptedPeer()
        try await node.start()
        _ = try await peer.host.connect(to: node.peerID, addresses: node.listenAddresses)
        _ = try await peer.open(StreamName.handshake, to: node)
        try await eventually { node.state(of: peer.peerID) == .cooldown }
        await peer.host.stop()
        await node.stop()
        #expect(observed.count(.handshakeResults, [("result", "timeout")]) == 1)
        #expect(observed.recorded(.handshakeDuration).allSatisfy { $0 >= 0.05 })
        #expect(try observed.span(.handshake).text("handshake.result") == "timeout")
        #expect(node.statistics(of: peer.peerID)?.connections.handshakesTimedOut == 1)
    }
}
