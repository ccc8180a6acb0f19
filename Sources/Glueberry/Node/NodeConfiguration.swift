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

public import LibP2P
public import Metrics
import NIOCore
public import PeerIdentity
public import Tracing
import Yamux

/// What a node can be told: times, sizes, and how the handshake is done.
public struct NodeConfiguration: Sendable {
    /// Who does the handshake that comes between `Connected` and `Established`.
    public enum Handshake: Sendable {
        /// The ready-made one, see ``StandardHandshake``.
        case standard(StandardHandshake)
        /// The application: it sends and receives on the stream `handshake` and calls `prepareStreams`,
        /// `finalizeHandshake` or `completeHandshake`.
        case application
    }

    /// How the handshake is done.
    ///
    /// Default: the application does it.
    public var handshake = Handshake.application
    /// The longest wait of `connect`.
    ///
    /// It is longer than a dial takes at most (`host.timeouts.dial`), so that a dial which fails says itself why. Default
    /// 45 s.
    public var connectTimeout: Duration = .seconds(45)
    /// From `Connected` to `Established`; then the peer goes into `Cooldown`.
    ///
    /// Default 30 s.
    public var handshakeTimeout: Duration = .seconds(30)
    /// How long a peer is left alone after a handshake that failed, or after it sent us away.
    ///
    /// Default 60 s.
    public var cooldown: Duration = .seconds(60)
    /// Delay before the first reconnection; doubled with every failure.
    ///
    /// Default 1 s.
    public var reconnectBase: Duration = .seconds(1)
    /// The longest delay between reconnections.
    ///
    /// Default 5 min.
    public var reconnectMaximum: Duration = .seconds(300)
    /// Reconnections before giving up; 0 goes on for ever.
    ///
    /// The first dial is not one of them, and a session that was established for 10 s begins the count anew. Default 10.
    public var reconnectAttempts = 10
    /// The largest message that is sent or taken, in bytes.
    ///
    /// Default 10 MiB.
    public var maximumMessageSize = 10 * 1024 * 1024
    /// The longest wait of `send` for room in the queue.
    ///
    /// Default 30 s.
    public var sendTimeout: Duration = .seconds(30)
    /// The high watermark of sending, in bytes: so many per peer and stream are accepted and not yet written before
    /// `send` waits.
    ///
    /// Default 1 MiB.
    public var sendBufferBytes = 1024 * 1024
    /// The high watermark of sending, in messages: so many per peer and stream are accepted and not yet written before
    /// `send` waits.
    ///
    /// Default 4,096.
    public var sendBufferMessages = 4096
    /// The low watermark of sending, in bytes: once `send` has had to wait, it goes on when no more are left.
    ///
    /// At most `sendBufferBytes`. Default: half of that.
    public var sendLowWatermarkBytes: Int?
    /// The low watermark of sending, in messages: once `send` has had to wait, it goes on when no more are left.
    ///
    /// At most `sendBufferMessages`. Default: half of that.
    public var sendLowWatermarkMessages: Int?
    /// The high watermark of receiving, in messages: with so many per peer and stream waiting for a consumer, the queue
    /// is full, see ``receivePolicy``.
    ///
    /// Default 4,096.
    public var receiveBufferMessages = 4096
    /// The high watermark of receiving, in bytes: with so many per peer and stream waiting for a consumer, the queue is
    /// full, see ``receivePolicy``.
    ///
    /// Default 4 MiB.
    public var receiveBufferBytes = 4 * 1024 * 1024
    /// The low watermark of receiving, in messages: a stream that was held up goes on when no more are left.
    ///
    /// At most `receiveBufferMessages`. Default: half of that.
    public var receiveLowWatermarkMessages: Int?
    /// The low watermark of receiving, in bytes: a stream that was held up goes on when no more are left.
    ///
    /// At most `receiveBufferBytes`. Default: half of that.
    public var receiveLowWatermarkBytes: Int?
    /// What happens to messages that arrive for a full queue.
    ///
    /// Default: backpressure, which loses nothing.
    public var receivePolicy = ReceivePolicy.backpressure
    /// What happens to messages that arrive for a full queue, for streams that are to differ from ``receivePolicy``, by
    /// their names.
    ///
    /// Default: none.
    public var receivePolicies: [String: ReceivePolicy] = [:]
    /// Which streams go first, and how those that are alike share, by their names.
    ///
    /// Default: all are ``StreamPriority/normal``.
    public var streamPriorities: [String: StreamPriority] = [:]
    /// How long received messages wait without anybody taking one before a notice says so, see ``NodeNotice``.
    ///
    /// Default 10 s.
    public var stallTimeout: Duration = .seconds(10)
    /// Bytes that ended sessions of all peers together may have left unread; over it no further session is taken from peers
    /// that dial, until consumers have read some.
    ///
    /// What is there is not dropped. A peer that stays connected is held up long before. Default 64 MiB.
    public var maximumLeftoverBytes = 64 * 1024 * 1024
    /// Events per consumer that wait before older ones of the same peers give way.
    ///
    /// The latest of each peer stays, of ``maximumPeers`` peers at most. Default 1,024.
    public var eventBuffer = 1024
    /// Is told of every notice, for example that a message over the maximum size was refused; see ``NodeNotice``.
    ///
    /// It runs in a task of the node, one notice at a time, never on an event loop or under a lock; a slow one misses
    /// notices and holds nothing up but the end of `stop`, which waits until it has returned. Default: nobody is told.
    public var onNotice: (@Sendable (NodeNotice) async -> Void)?
    /// How long `stop` and `disconnect` wait for accepted messages to be written.
    ///
    /// Default 2 s.
    public var flushTimeout: Duration = .seconds(2)
    /// How long a connection may take to answer after ``Node/networkChanged()`` before it is given up.
    ///
    /// Default 3 s.
    public var probeTimeout: Duration = .seconds(3)
    /// How long a connection that another peer opened may carry no session before it is closed with the code for a trim
    /// (0x1005), so that it does not occupy a place for ever.
    ///
    /// Peers in the book are exempt. Nil closes none. Default 30 s.
    public var idleConnectionTimeout: Duration? = .seconds(30)
    /// The calendar's time that events and other records carry; never used to measure.
    package var now: @Sendable () -> Timestamp = { .now }
    /// By which part of the range that ``Backoff`` gives a try is put off, from 0 through 1.
    package var jitter: @Sendable () -> Double = { .random(in: 0...1) }
    /// Where metrics go; nil is the factory that the process has set up when the node is created.
    public var metricsFactory: (any MetricsFactory)?
    /// Where spans go; nil is the tracer that the process has set up when the node is created.
    public var tracer: (any Tracer)?
    /// What protects the messages of named streams.
    ///
    /// Default ``StreamEncryption/transport``.
    public var streamEncryption = StreamEncryption.transport
    /// Messages that earlier processes of this identity and its peers have sealed with their common keys, from
    /// ``PeerStatistics/pairMessages``: the counting goes on from there.
    public var pairMessageCounts: [PeerID: UInt64] = [:]
    /// Messages under the key of one pair after which a notice and a warning in the log are due, and again at every
    /// doubling.
    ///
    /// Default 2^40.
    public var pairMessageThreshold: UInt64 = 1 << 40
    /// What else the node's health depends on; asked by ``Node/health(deadline:)``.
    public var healthChecks: [any HealthChecking] = []
    /// Peers in the address book; to add more is an error.
    ///
    /// Default 100,000.
    public var maximumPeers = 100_000
    /// Dials that run at the same time; further ones wait for their turn, those that somebody waits for first.
    ///
    /// Default 16.
    public var maximumDials = 16
    /// How long changes of the address book are gathered before they are written.
    ///
    /// Default 200 ms.
    public var addressBookWriteDelay: Duration = .milliseconds(200)
    /// The libp2p host below.
    public var host = HostConfiguration()

    /// The documented defaults.
    public init() {}

    /// The bad fields, each with what is wrong with it.
    func problems() -> [String] {
        var problems: [String] = []
        func positive(_ duration: Duration, _ name: String) {
            if duration <= .zero { problems.append("\(name) must be above 0") }
        }
        func positive(_ count: Int, _ name: String) {
            if count <= 0 { problems.append("\(name) must be above 0") }
        }
        positive(self.connectTimeout, "connectTimeout")
        positive(self.probeTimeout, "probeTimeout")
        if let timeout = self.idleConnectionTimeout { positive(timeout, "idleConnectionTimeout") }
        positive(self.handshakeTimeout, "handshakeTimeout")
        positive(self.cooldown, "cooldown")
        positive(self.reconnectBase, "reconnectBase")
        if self.reconnectMaximum < self.reconnectBase { problems.append("reconnectMaximum is below reconnectBase") }
        if self.reconnectAttempts < 0 { problems.append("reconnectAttempts must not be negative") }
        positive(self.maximumMessageSize, "maximumMessageSize")
        if self.maximumMessageSize > 64 * 1024 * 1024 - 64 {
            problems.append("maximumMessageSize is above 64 MiB, which other implementations refuse")
        }
        positive(self.sendTimeout, "sendTimeout")
        positive(self.sendBufferBytes, "sendBufferBytes")
        positive(self.sendBufferMessages, "sendBufferMessages")
        positive(self.receiveBufferMessages, "receiveBufferMessages")
        positive(self.receiveBufferBytes, "receiveBufferBytes")
        func watermark(_ low: Int?, _ name: String, below high: Int, _ highName: String) {
            guard let low else { return }
            if low < 0 { problems.append("\(name) must not be negative") }
            if low > high { problems.append("\(name) is above \(highName)") }
        }
        watermark(self.sendLowWatermarkBytes, "sendLowWatermarkBytes", below: self.sendBufferBytes, "sendBufferBytes")
        watermark(
            self.sendLowWatermarkMessages, "sendLowWatermarkMessages", below: self.sendBufferMessages,
            "sendBufferMessages")
        watermark(
            self.receiveLowWatermarkBytes, "receiveLowWatermarkBytes", below: self.receiveBufferBytes,
            "receiveBufferBytes")
        watermark(
            self.receiveLowWatermarkMessages, "receiveLowWatermarkMessages", below: self.receiveBufferMessages,
            "receiveBufferMessages")
        for name in self.receivePolicies.keys.sorted() where !StreamName.isValid(name) {
            problems.append("receivePolicies names \"\(name)\", which is not a stream name")
        }
        for (name, priority) in self.streamPriorities.sorted(by: { $0.key < $1.key }) {
            if !StreamName.isValid(name) || name == StreamName.handshake {
                problems.append("streamPriorities names \"\(name)\", which is not a stream name")
            }
            if !StreamPriority.weights.contains(priority.weight) {
                problems.append("streamPriorities gives \"\(name)\" a weight that is not in \(StreamPriority.weights)")
            }
        }
        positive(self.stallTimeout, "stallTimeout")
        positive(self.maximumLeftoverBytes, "maximumLeftoverBytes")
        positive(self.eventBuffer, "eventBuffer")
        if self.pairMessageThreshold == 0 { problems.append("pairMessageThreshold must be above 0") }
        positive(self.maximumPeers, "maximumPeers")
        positive(self.maximumDials, "maximumDials")
        positive(self.addressBookWriteDelay, "addressBookWriteDelay")
        if self.flushTimeout < .zero { problems.append("flushTimeout must not be negative") }
        if case .standard(let handshake) = self.handshake {
            if handshake.hello.count > StandardHandshakeRun.maximumHelloLength {
                problems.append("handshake.hello has more than \(StandardHandshakeRun.maximumHelloLength) bytes")
            }
            for name in handshake.streams where !StreamName.isValid(name) || name == StreamName.handshake {
                problems.append("handshake.streams names \"\(name)\", which is not a stream name")
            }
        }
        return problems + self.host.problems().map { "host.\($0)" }
    }
}

extension HostConfiguration {
    /// The bad fields, each with what is wrong with it.
    ///
    /// The multiplexer brings each of its values into the legal range itself; only what would leave a node without streams,
    /// or end every connection, is among them.
    fileprivate func problems() -> [String] {
        let counts = [
            ("limits.connections", self.limits.connections),
            ("limits.connectionsPerPeer", self.limits.connectionsPerPeer),
            ("limits.outboundConnections", self.limits.outboundConnections),
            ("limits.unauthenticatedConnections", self.limits.unauthenticatedConnections),
            ("limits.connectionsPerAddress", self.limits.connectionsPerAddress),
            ("limits.streamsPerPeer", self.limits.streamsPerPeer),
            ("limits.dialsPerPeer", self.limits.dialsPerPeer),
            ("limits.addressesPerDial", self.limits.addressesPerDial),
            ("streamWriteBuffer", self.streamWriteBuffer),
            ("yamux.maximumInboundStreams", self.yamux.maximumInboundStreams),
        ]
        let times = [
            ("timeouts.accept", self.timeouts.accept),
            ("timeouts.dial", self.timeouts.dial),
            ("timeouts.dialAttempt", self.timeouts.dialAttempt),
            ("timeouts.negotiation", self.timeouts.negotiation),
            ("timeouts.securityHandshake", self.timeouts.securityHandshake),
            ("timeouts.streamNegotiation", self.timeouts.streamNegotiation),
            ("timeouts.identify", self.timeouts.identify),
            ("timeouts.ping", self.timeouts.ping),
            // Without keep-alive it means nothing.
            (
                "yamux.keepAliveTimeout",
                self.yamux.keepAliveInterval > .zero ? self.yamux.keepAliveTimeout : .nanoseconds(1)
            ),
        ]
        // Without these a connection closes at once, or every address is tried at once.
        let pauses = [
            ("timeouts.close", self.timeouts.close),
            ("timeouts.nextPublicAddress", self.timeouts.nextPublicAddress),
            ("timeouts.nextPrivateAddress", self.timeouts.nextPrivateAddress),
        ]
        let notPositive = counts.filter { $0.1 <= 0 }.map(\.0) + times.filter { $0.1 <= .zero }.map(\.0)
        var negative = pauses.filter { $0.1 < .zero }.map(\.0)
        // At 0 the windows of a peer's streams do not grow.
        if self.limits.bufferedBytesPerPeer < 0 { negative.append("limits.bufferedBytesPerPeer") }
        return notPositive.map { "\($0) must be above 0" } + negative.map { "\($0) must not be negative" }
    }
}

extension Duration {
    /// The same time as the event loop counts it.
    init(_ amount: TimeAmount) { self = .nanoseconds(amount.nanoseconds) }
}

extension TimeAmount {
    /// The same time in the event loop's terms; what does not fit becomes the longest that does.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else {
            self = .nanoseconds(seconds < 0 ? .min / 2 : .max / 2)
            return
        }
        let (sum, overflowAgain) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        self = .nanoseconds(overflowAgain ? .max / 2 : min(sum, .max / 2))
    }
}
