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
import LibP2P
import MetricsTestKit
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct MetricsTests {
    @Test func whatOneNodeSendsTheOtherReceives() async throws {
        try await withObservedNodes { listener, listening, dialer, dialling in
            try await establish(listener, dialer)
            var messages = try listener.messages().makeAsyncIterator()
            for size in 1...10 {
                try await dialer.send([UInt8](repeating: 1, count: size), to: listener.peerID, on: "a")
            }
            try dialer.trySend(ByteBuffer(bytes: [1]), to: listener.peerID, on: "b")
            for _ in 1...11 { _ = try #require(await messages.next()) }
            #expect(dialling.count(.messagesSent, [("stream", "a")]) == 10)
            #expect(dialling.count(.bytesSent, [("stream", "a")]) == 55)
            #expect(dialling.count(.messagesSent, [("stream", "b")]) == 1)
            #expect(listening.count(.messagesReceived, [("stream", "a")]) == 10)
            #expect(listening.count(.bytesReceived, [("stream", "a")]) == 55)
            #expect(listening.count(.messagesReceived, [("stream", "b")]) == 1)
            #expect(listening.count(.messagesSent, [("stream", "a")]) == 0)
            #expect(dialling.count(.connectionsOpened, [("direction", "outbound")]) == 1)
            #expect(listening.count(.connectionsOpened, [("direction", "inbound")]) == 1)
            for observed in [listening, dialling] {
                #expect(observed.count(.handshakeResults, [("result", "success")]) == 1)
                #expect(observed.recorded(.handshakeDuration).count == 1)
                #expect(observed.count(.eventsEmitted, [("state", "Connected")]) == 1)
                #expect(observed.count(.eventsEmitted, [("state", "Established")]) == 1)
            }
        }
    }

    @Test func namesAndLabelsAreTheOnesOfTheOriginal() throws {
        #expect(NodeMetrics.Name.allCases.count == 20)
        #expect(NodeMetrics.Name.allCases.allSatisfy { $0.rawValue.hasPrefix("glueberry_") })
        let factory = TestMetrics()
        let metrics = try #require(NodeMetrics(factory))
        _ = metrics.stream("a")
        var labels: [String: Set<String>] = [:]
        for counter in factory.counters { labels[counter.label, default: []].formUnion(counter.dimensions.map(\.0)) }
        for recorder in factory.recorders {
            labels[recorder.label, default: []].formUnion(recorder.dimensions.map(\.0))
        }
        for meter in factory.meters { labels[meter.label, default: []].formUnion(meter.dimensions.map(\.0)) }
        #expect(
            labels == [
                "glueberry_connections_opened_total": ["direction"],
                "glueberry_connections_closed_total": ["direction"],
                "glueberry_connection_attempts_total": ["result"],
                "glueberry_handshake_duration_seconds": [],
                "glueberry_handshake_results_total": ["result"],
                "glueberry_messages_sent_total": ["stream"],
                "glueberry_messages_received_total": ["stream"],
                "glueberry_bytes_sent_total": ["stream"],
                "glueberry_bytes_received_total": ["stream"],
                "glueberry_streams_opened_total": ["stream"],
                "glueberry_streams_closed_total": ["stream"],
                "glueberry_encryption_errors_total": [],
                "glueberry_decryption_errors_total": [],
                "glueberry_key_derivations_total": ["cached"],
                "glueberry_events_emitted_total": ["state"],
                "glueberry_events_dropped_total": [],
                "glueberry_messages_dropped_total": [],
                "glueberry_backpressure_engaged_total": ["stream"],
                "glueberry_backpressure_wait_seconds": ["stream"],
                "glueberry_pending_messages": ["stream"],
            ])
    }

    @Test func aNodeWithoutAFactoryHasNoMetricsAndWithoutATracerNoSpans() throws {
        let node = try Node(identity: .generate())
        #expect(node.instruments.metrics == nil)
        #expect(node.instruments.tracing == nil)
        #expect(node.instruments.stream("a", with: node.peerID).tracing == nil)
        #expect(NodeMetrics(NOOPMetricsHandler.instance) == nil)
    }

    @Test func handlesAreMadeOncePerStreamName() throws {
        let metrics = try #require(NodeMetrics(TestMetrics()))
        #expect(metrics.stream("a") === metrics.stream("a"))
        #expect(metrics.stream("a") !== metrics.stream("b"))
    }

    @Test func streamNamesBeyondAHundredShareALabel() throws {
        let factory = TestMetrics()
        let metrics = try #require(NodeMetrics(factory))
        for number in 0..<1000 { metrics.stream("s\(number)").sent(messages: 1, bytes: 1) }
        #expect(factory.counters(label: NodeMetrics.Name.messagesSent.rawValue).count == 101)
        #expect(
            factory.counterTotal(
                label: NodeMetrics.Name.messagesSent.rawValue, dimensions: [("stream", NodeMetrics.otherStreams)])
                == 900)
        #expect(!StreamName.isValid(NodeMetrics.otherStreams))
        #expect(metrics.stream("s5") === metrics.stream("s5"))
    }

    @Test func whatIsSentIsReportedOnceHoweverManyReport() async throws {
        let observed = Observed()
        let instruments = NodeInstruments(metrics: observed.metrics)
        let stream = instruments.stream("a", with: Identity.generate().peerID)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<1000 {
                        stream.sent(bytes: 3)
                        stream.flush()
                    }
                }
            }
        }
        stream.flush()
        #expect(observed.count(.messagesSent, [("stream", "a")]) == 8000)
        #expect(observed.count(.bytesSent, [("stream", "a")]) == 24_000)
    }

    @Test func theGaugeOfPendingMessagesShowsAllPeersTogether() throws {
        let observed = Observed()
        let instruments = NodeInstruments(metrics: observed.metrics)
        let first = instruments.stream("a", with: Identity.generate().peerID)
        let second = instruments.stream("a", with: Identity.generate().peerID)
        first.pendingChanged(to: 5)
        second.pendingChanged(to: 7)
        first.pendingChanged(to: 1)
        second.pendingChanged(to: 0)
        #expect(observed.gauge(.pendingMessages, [("stream", "a")]) == [5, 12, 8, 1])
    }
}
