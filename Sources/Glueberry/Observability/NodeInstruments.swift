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
import Metrics
import NIOCore
import PeerIdentity
import Tracing

/// Is told what happens in a node, by those to whom it happens, and turns it into metrics, spans and statistics.
///
/// Calls come from any thread and do not wait. It lives as long as the node, over all its runs.
final class NodeInstruments: Sendable {
    enum HandshakeResult: String, Sendable, CaseIterable {
        case success, failure, timeout
    }

    /// Nil while metrics are off.
    let metrics: NodeMetrics?
    /// Nil without a tracer.
    let tracing: NodeTracing?
    let logger: Logger
    let pairs: PairMessageLedger
    /// The calendar's time in nanoseconds since the beginning of 1970, for stamps that others read.
    private let wallClock: @Sendable () -> UInt64
    private let table: Locked<StatisticsTable>

    init(
        metrics: (any MetricsFactory)? = nil, tracer: (any Tracer)? = nil, logger: Logger? = nil,
        pairs: PairMessageLedger? = nil, limits: StatisticsTable.Limits = .init(),
        wallClock: @escaping @Sendable () -> UInt64 = WallClock.nanosecondsSince1970
    ) {
        self.metrics = metrics.flatMap { NodeMetrics($0) }
        self.tracing = tracer.flatMap { NodeTracing($0) }
        self.logger = logger ?? Logger(label: "glueberry.node") { _ in SwiftLogNoOpLogHandler() }
        self.pairs = pairs ?? PairMessageLedger()
        self.wallClock = wallClock
        self.table = Locked(StatisticsTable(limits: limits))
    }

    /// The instruments that a configuration asks for, and where it asks for none, those that the process has set up.
    convenience init(_ configuration: NodeConfiguration, logger: Logger) {
        self.init(
            metrics: configuration.metricsFactory ?? MetricsSystem.factory,
            tracer: configuration.tracer ?? InstrumentationSystem.tracer, logger: logger,
            pairs: PairMessageLedger(
                known: configuration.pairMessageCounts, threshold: configuration.pairMessageThreshold, logger: logger),
            wallClock: { [now = configuration.now] in now().nanosecondsSince1970 })
    }

    // MARK: Connections

    func connectionOpened(with peer: PeerID, isOutbound: Bool) {
        self.metrics?.connectionOpened(isOutbound: isOutbound)
        let stamp = self.stamp
        self.table.withLock { $0.connectionOpened(with: peer, isOutbound: isOutbound, stamp: stamp) }
    }

    func connectionClosed(with peer: PeerID, isOutbound: Bool) {
        self.metrics?.connectionClosed(isOutbound: isOutbound)
        let stamp = self.stamp
        self.table.withLock { $0.connectionClosed(with: peer, stamp: stamp) }
    }

    /// A dial of a peer has ended.
    func connectionAttempted(to peer: PeerID, succeeded: Bool, after duration: TimeAmount) {
        self.metrics?.connectionAttempted(succeeded: succeeded)
        let stamp = self.stamp
        self.table.withLock {
            $0.attempted(peer, succeeded: succeeded, after: Duration(duration), stamp: stamp)
        }
    }

    func handshakeEnded(with peer: PeerID, _ result: HandshakeResult, after duration: TimeAmount) {
        self.metrics?.handshakeEnded(result, seconds: duration.inSeconds)
        let stamp = self.stamp
        self.table.withLock {
            $0.handshakeEnded(with: peer, result, after: Duration(duration), stamp: stamp)
        }
    }

    func keyDerived(isCached: Bool) { self.metrics?.keyDerived(isCached: isCached) }

    // MARK: Sessions

    func sessionBegan(with peer: PeerID, isOutbound: Bool, now: NIODeadline) {
        let stamp = self.stamp
        self.table.withLock { $0.sessionBegan(with: peer, isOutbound: isOutbound, now: now, stamp: stamp) }
    }

    func sessionEnded(with peer: PeerID, now: NIODeadline) {
        let stamp = self.stamp
        self.table.withLock { $0.sessionEnded(with: peer, now: now, stamp: stamp) }
    }

    // MARK: Events

    func eventEmitted(_ state: ConnectionState) { self.metrics?.eventEmitted(state) }

    /// Events gave way in a consumer's full buffer.
    func eventsDropped(_ count: Int) { self.metrics?.eventsDropped.increment(by: count) }

    // MARK: Streams

    /// The instruments of a stream name of a peer; asked for once per session and name, then kept.
    ///
    /// They are the same in all sessions, so that what they count goes on.
    func stream(_ name: String, with peer: PeerID) -> StreamInstruments {
        let counted = self.table.withLock { $0.countedName(of: name, with: peer) }
        let metrics = self.metrics?.stream(counted)
        // The handshake stream is not encrypted, so its messages use no nonce.
        let pair = name == StreamName.handshake ? nil : self.pairs.counter(for: peer)
        let stamp = self.stamp
        return self.table.withLock { table in
            table.stream(counted, with: peer, stamp: stamp) {
                StreamInstruments(
                    name: counted, peer: peer, metrics: metrics, node: self.metrics, tracing: self.tracing, pair: pair,
                    logger: self.logger, wallClock: self.wallClock)
            }
        }
    }

    // MARK: Statistics

    func statistics(of peer: PeerID, now: NIODeadline?) -> PeerStatistics? {
        let entry = self.table.withLock { $0.entries[peer] }
        return entry.map { self.statistics($0, now: now) }
    }

    func statistics(now: NIODeadline?) -> [PeerStatistics] {
        self.table.withLock { Array($0.entries.values) }.map { self.statistics($0, now: now) }
    }

    /// Removes the entries of peers that have not been connected for a day.
    func removeStale(now: NIODeadline) {
        self.table.withLock { $0.removeStale(now: now) }
        self.pairs.removeSmall(except: self.table.withLock { Set($0.entries.keys) })
    }

    /// Streams whose messages wait for a consumer, since when.
    func heldUp() -> [(peer: PeerID, stream: String, since: NIODeadline)] {
        self.table.withLock { $0.entries.values.flatMap { $0.streams.values } }.compactMap { stream in
            guard let peer = stream.peer, let since = stream.heldUpSince else { return nil }
            return (peer, stream.name, since)
        }
    }

    /// What is counted of a stream, without making anything.
    func known(_ name: String, with peer: PeerID) -> StreamStatistics? {
        self.table.withLock { $0.entries[peer]?.streams[name] }?.statistics
    }

    private func statistics(_ entry: StatisticsTable.Entry, now: NIODeadline?) -> PeerStatistics {
        entry.statistics(pairMessages: self.pairs.count(of: entry.peer), now: now)
    }

    /// The calendar's time.
    var stamp: Timestamp { Timestamp(nanosecondsSince1970: self.wallClock()) }
}

extension TimeAmount {
    var inSeconds: Double { Double(self.nanoseconds) / 1_000_000_000 }
}

extension Duration {
    var inSeconds: Double {
        let (seconds, attoseconds) = self.components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
