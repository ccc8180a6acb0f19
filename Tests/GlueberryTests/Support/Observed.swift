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
import Logging
import MetricsTestKit
import NIOCore
import PeerIdentity
import Testing
import Tracing

@testable import Glueberry

/// What a node told metrics, tracer and log.
struct Observed {
    let metrics = TestMetrics()
    let tracer = InMemoryTracer()
    let records = Log<CapturedRecord>()

    var logger: Logger {
        var logger = Logger(label: "test") { _ in CapturingLogHandler(records: self.records) }
        logger.logLevel = .trace
        return logger
    }

    func configure(_ configuration: NodeConfiguration) -> NodeConfiguration {
        var configuration = configuration
        configuration.metricsFactory = self.metrics
        configuration.tracer = self.tracer
        // So that there is something to seal and to open.
        configuration.streamEncryption = .layered
        return configuration
    }

    func node(listen: [String] = [], _ configuration: NodeConfiguration) throws -> Node {
        try Node(
            identity: .generate(), listen: listen, configuration: self.configure(configuration), logger: self.logger)
    }

    // MARK: Metrics

    func count(_ name: NodeMetrics.Name, _ labels: [(String, String)] = []) -> Int64 {
        self.metrics.counterTotal(label: name.rawValue, dimensions: labels)
    }

    func recorded(_ name: NodeMetrics.Name) -> [Double] {
        self.metrics.recorders(label: name.rawValue).flatMap(\.values)
    }

    func gauge(_ name: NodeMetrics.Name, _ labels: [(String, String)]) -> [Double] {
        self.metrics.meters(label: name.rawValue, dimensions: labels).flatMap(\.values)
    }

    // MARK: Spans

    func spans(_ name: NodeTracing.Name) -> [FinishedInMemorySpan] {
        self.tracer.finishedSpans.filter { $0.operationName == name.rawValue }
    }

    /// The one span of a name; fails if there is none or another.
    func span(_ name: NodeTracing.Name) throws -> FinishedInMemorySpan {
        let spans = self.spans(name)
        try #require(spans.count == 1, "\(name): \(spans.count) spans")
        return try #require(spans.first)
    }

    func records(_ message: String) -> [CapturedRecord] { self.records.all.filter { $0.message == message } }
}

extension FinishedInMemorySpan {
    func text(_ attribute: String) -> String? {
        guard case .string(let text) = self.attributes.get(attribute) else { return nil }
        return text
    }

    func number(_ attribute: String) -> Int64? {
        guard case .int64(let number) = self.attributes.get(attribute) else { return nil }
        return number
    }
}

struct CapturedRecord: Sendable {
    let level: Logger.Level
    let message: String
    let metadata: Logger.Metadata

    /// Everything in it as text.
    var text: String { "\(self.level) \(self.message) \(self.metadata)" }

    func value(_ key: String) -> String? { self.metadata[key].map { "\($0)" } }
}

struct CapturingLogHandler: LogHandler {
    let records: Log<CapturedRecord>
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(records: Log<CapturedRecord>) {
        self.records = records
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        self.records.append(
            CapturedRecord(level: event.level, message: "\(event.message)", metadata: event.metadata ?? [:]))
    }
}

/// Runs two nodes that are both observed, and stops them.
func withObservedNodes<R: Sendable>(
    _ configuration: NodeConfiguration = standard(), other: NodeConfiguration? = nil,
    _ body: (_ listener: Node, Observed, _ dialer: Node, Observed) async throws -> R
) async throws -> R {
    let (listening, dialling) = (Observed(), Observed())
    let listener = try listening.node(listen: ["/ip4/127.0.0.1/tcp/0"], configuration)
    let dialer = try dialling.node(other ?? configuration)
    try await listener.start()
    try await dialer.start()
    let result: Result<R, any Error>
    do { result = .success(try await body(listener, listening, dialer, dialling)) } catch { result = .failure(error) }
    await dialer.stop()
    await listener.stop()
    return try result.get()
}

/// An address of this machine at which nobody listens.
let deadAddress = "/ip4/127.0.0.1/tcp/1"
