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
import Metrics
import Synchronization

/// The metrics of a node: every handle is made once per set of labels and kept.
///
/// A node has none of this while metrics are off, so that nothing is looked up or allocated for them.
final class NodeMetrics: Sendable {
    /// The names, which are the ones of the original.
    enum Name: String, CaseIterable {
        case connectionsOpened = "glueberry_connections_opened_total"
        case connectionsClosed = "glueberry_connections_closed_total"
        case connectionAttempts = "glueberry_connection_attempts_total"
        case handshakeDuration = "glueberry_handshake_duration_seconds"
        case handshakeResults = "glueberry_handshake_results_total"
        case messagesSent = "glueberry_messages_sent_total"
        case messagesReceived = "glueberry_messages_received_total"
        case bytesSent = "glueberry_bytes_sent_total"
        case bytesReceived = "glueberry_bytes_received_total"
        case streamsOpened = "glueberry_streams_opened_total"
        case streamsClosed = "glueberry_streams_closed_total"
        case encryptionErrors = "glueberry_encryption_errors_total"
        case decryptionErrors = "glueberry_decryption_errors_total"
        case keyDerivations = "glueberry_key_derivations_total"
        case eventsEmitted = "glueberry_events_emitted_total"
        case eventsDropped = "glueberry_events_dropped_total"
        case messagesDropped = "glueberry_messages_dropped_total"
        case backpressureEngaged = "glueberry_backpressure_engaged_total"
        case backpressureWait = "glueberry_backpressure_wait_seconds"
        case pendingMessages = "glueberry_pending_messages"
    }

    /// Stream names that have metrics of their own; all further ones share the label ``otherStreams``.
    static let maximumStreamNames = 100
    /// Not a stream name, so that it cannot be taken for one.
    static let otherStreams = "(other)"

    private let factory: any MetricsFactory
    private let inboundOpened: Counter
    private let outboundOpened: Counter
    private let inboundClosed: Counter
    private let outboundClosed: Counter
    private let attemptsSucceeded: Counter
    private let attemptsFailed: Counter
    private let handshakeDuration: Recorder
    private let handshakeResults: [NodeInstruments.HandshakeResult: Counter]
    private let derivedKeys: Counter
    private let cachedKeys: Counter
    private let events: [ConnectionState: Counter]
    let encryptionErrors: Counter
    let decryptionErrors: Counter
    let eventsDropped: Counter
    let messagesDropped: Counter
    private let streams = Locked<[String: StreamMetrics]>([:])

    /// Creates the handles; nil if the factory makes only ones that do nothing.
    init?(_ factory: any MetricsFactory) {
        if factory is NOOPMetricsHandler { return nil }
        func counter(_ name: Name, _ label: (String, String)? = nil) -> Counter {
            Counter(label: name.rawValue, dimensions: label.map { [$0] } ?? [], factory: factory)
        }
        self.factory = factory
        self.inboundOpened = counter(.connectionsOpened, ("direction", "inbound"))
        self.outboundOpened = counter(.connectionsOpened, ("direction", "outbound"))
        self.inboundClosed = counter(.connectionsClosed, ("direction", "inbound"))
        self.outboundClosed = counter(.connectionsClosed, ("direction", "outbound"))
        self.attemptsSucceeded = counter(.connectionAttempts, ("result", "success"))
        self.attemptsFailed = counter(.connectionAttempts, ("result", "failure"))
        self.handshakeDuration = Recorder(
            label: Name.handshakeDuration.rawValue, dimensions: [], aggregate: true, factory: factory)
        self.handshakeResults = Dictionary(
            uniqueKeysWithValues: NodeInstruments.HandshakeResult.allCases.map {
                ($0, counter(.handshakeResults, ("result", $0.rawValue)))
            })
        self.derivedKeys = counter(.keyDerivations, ("cached", "false"))
        self.cachedKeys = counter(.keyDerivations, ("cached", "true"))
        self.events = Dictionary(
            uniqueKeysWithValues: ConnectionState.allCases.map { ($0, counter(.eventsEmitted, ("state", $0.rawValue))) }
        )
        self.encryptionErrors = counter(.encryptionErrors)
        self.decryptionErrors = counter(.decryptionErrors)
        self.eventsDropped = counter(.eventsDropped)
        self.messagesDropped = counter(.messagesDropped)
    }

    func connectionOpened(isOutbound: Bool) { (isOutbound ? self.outboundOpened : self.inboundOpened).increment() }

    func connectionClosed(isOutbound: Bool) { (isOutbound ? self.outboundClosed : self.inboundClosed).increment() }

    func connectionAttempted(succeeded: Bool) { (succeeded ? self.attemptsSucceeded : self.attemptsFailed).increment() }

    func handshakeEnded(_ result: NodeInstruments.HandshakeResult, seconds: Double) {
        self.handshakeResults[result]?.increment()
        self.handshakeDuration.record(seconds)
    }

    func keyDerived(isCached: Bool) { (isCached ? self.cachedKeys : self.derivedKeys).increment() }

    func eventEmitted(_ state: ConnectionState) { self.events[state]?.increment() }

    /// The metrics of a stream name, over all peers.
    func stream(_ name: String) -> StreamMetrics {
        let (known, label) = self.streams.withLock { streams -> (StreamMetrics?, String) in
            if let known = streams[name] { return (known, name) }
            let label = streams.count < Self.maximumStreamNames ? name : Self.otherStreams
            return (streams[label], label)
        }
        if let known { return known }
        // The factory is the application's, and not called under the lock.
        let made = StreamMetrics(label, factory: self.factory)
        return self.streams.withLock { streams in
            if let known = streams[label] { return known }
            streams[label] = made
            return made
        }
    }
}

/// The metrics of one stream name, over all peers.
final class StreamMetrics: Sendable {
    private let messagesSent: Counter
    private let messagesReceived: Counter
    private let bytesSent: Counter
    private let bytesReceived: Counter
    let opened: Counter
    let closed: Counter
    let backpressureEngaged: Counter
    private let backpressureWait: Recorder
    private let pendingMessages: Meter
    private let pending = Atomic<Int>(0)

    init(_ stream: String, factory: any MetricsFactory) {
        let labels = [("stream", stream)]
        func counter(_ name: NodeMetrics.Name) -> Counter {
            Counter(label: name.rawValue, dimensions: labels, factory: factory)
        }
        self.messagesSent = counter(.messagesSent)
        self.messagesReceived = counter(.messagesReceived)
        self.bytesSent = counter(.bytesSent)
        self.bytesReceived = counter(.bytesReceived)
        self.opened = counter(.streamsOpened)
        self.closed = counter(.streamsClosed)
        self.backpressureEngaged = counter(.backpressureEngaged)
        self.backpressureWait = Recorder(
            label: NodeMetrics.Name.backpressureWait.rawValue, dimensions: labels, aggregate: true, factory: factory)
        self.pendingMessages = Meter(
            label: NodeMetrics.Name.pendingMessages.rawValue, dimensions: labels, factory: factory)
    }

    func sent(messages: Int, bytes: Int) {
        self.messagesSent.increment(by: messages)
        self.bytesSent.increment(by: bytes)
    }

    func received(messages: Int, bytes: Int) {
        self.messagesReceived.increment(by: messages)
        self.bytesReceived.increment(by: bytes)
    }

    func waited(seconds: Double) { self.backpressureWait.record(seconds) }

    /// Several peers have streams of this name: the gauge shows what is pending for all of them.
    func pendingChanged(by difference: Int) {
        var (_, total) = self.pending.wrappingAdd(difference, ordering: .relaxed)
        while true {
            self.pendingMessages.set(total)
            // Whoever set an older value after a newer one puts it right again.
            let latest = self.pending.load(ordering: .relaxed)
            if latest == total { return }
            total = latest
        }
    }
}
