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

import DequeModule
import LibP2P
import Multiformats
import PeerIdentity
import Synchronization
import Tracing

/// The spans of a node, their names and attributes.
///
/// A node has none of this while there is no tracer, so that nothing is allocated for it.
struct NodeTracing: Sendable {
    enum Name: String, CaseIterable {
        case connect = "glueberry.connect"
        case dial = "glueberry.dial"
        case handshake = "glueberry.handshake"
        case keyDerivation = "glueberry.key_derivation"
        case streamSetup = "glueberry.stream_setup"
        case established = "glueberry.established"
        case send = "glueberry.send"
        case encrypt = "glueberry.encrypt"
        case write = "glueberry.write"
        case receive = "glueberry.receive"
        case read = "glueberry.read"
        case decrypt = "glueberry.decrypt"
        case disconnect = "glueberry.disconnect"
    }

    private let tracer: any Tracer

    /// Keeps the tracer; nil if it is one that does nothing.
    init?(_ tracer: any Tracer) {
        if tracer is NoOpTracer { return nil }
        self.tracer = tracer
    }

    /// Starts a span.
    ///
    /// - Parameters:
    ///   - name: What it is.
    ///   - parent: The context of the span that it belongs under; nil makes it the first of a trace.
    ///   - peer: The peer that it is about.
    ///   - stream: The stream that it is about.
    ///   - size: The size of the message in bytes.
    ///   - start: When it began; nil is now.
    /// - Returns: The span, to be ended.
    func start(
        _ name: Name, under parent: ServiceContext?, peer: PeerID, stream: String? = nil, size: Int? = nil,
        at start: DefaultTracerClock.Timestamp? = nil
    ) -> OpenSpan {
        let span = Self.start(
            self.tracer, name.rawValue, parent ?? .topLevel, Self.kind(of: name), start ?? DefaultTracerClock.now)
        span.updateAttributes { attributes in
            attributes["peer.id"] = peer.description
            if let stream { attributes["stream.name"] = stream }
            if let size { attributes["message.size"] = size }
        }
        return OpenSpan(span)
    }

    private static func start(
        _ tracer: some Tracer, _ name: String, _ context: ServiceContext, _ kind: SpanKind,
        _ instant: DefaultTracerClock.Timestamp
    ) -> any Tracing.Span {
        tracer.startSpan(
            name, context: context, ofKind: kind, at: instant, function: #function, file: #fileID, line: #line)
    }

    private static func kind(of name: Name) -> SpanKind {
        switch name {
        case .connect, .dial: .client
        case .send: .producer
        case .receive: .consumer
        default: .internal
        }
    }
}

/// A span that has begun, and ends once.
final class OpenSpan: Sendable {
    private let span: any Tracing.Span
    private let hasEnded = Atomic<Bool>(false)

    init(_ span: any Tracing.Span) {
        self.span = span
    }

    var context: ServiceContext { self.span.context }

    func set(direction isOutbound: Bool) {
        self.span.attributes["connection.direction"] = isOutbound ? "outbound" : "inbound"
    }

    func set(_ result: NodeInstruments.HandshakeResult) {
        self.span.attributes["handshake.result"] = result.rawValue
    }

    func end() {
        guard !self.hasEnded.exchange(true, ordering: .relaxed) else { return }
        self.span.end()
    }

    func fail(_ error: any Error) {
        guard !self.hasEnded.exchange(true, ordering: .relaxed) else { return }
        let text = LogText.of(error)
        self.span.attributes["error.message"] = text
        self.span.setStatus(SpanStatus(code: .error, message: text))
        self.span.end()
    }
}

/// The spans of the messages of one stream of one peer.
final class StreamTracing: Sendable {
    private let tracing: NodeTracing
    private let peer: PeerID
    private let stream: String
    /// One for each message that is accepted and not yet written, in their order.
    ///
    /// Nil for a message that no call sent, such as one of the ready-made handshake.
    private let writes = Locked<Deque<OpenSpan?>>([])

    init(_ tracing: NodeTracing, peer: PeerID, stream: String) {
        self.tracing = tracing
        self.peer = peer
        self.stream = stream
    }

    /// The time, for spans that are begun when it is known that they are wanted.
    var now: DefaultTracerClock.Timestamp { DefaultTracerClock.now }

    /// Begins the sealing of a message, under the span of the call that sends it.
    func encrypting(_ size: Int) -> OpenSpan { self.start(.encrypt, under: ServiceContext.current, size) }

    /// A message is queued; its span ends when it is written to the transport.
    func queued(_ size: Int) {
        let span = ServiceContext.current.map { self.start(.write, under: $0, size) }
        self.writes.withLock { $0.append(span) }
    }

    /// So many of the oldest messages were written.
    func written(_ count: Int) {
        let ended = self.writes.withLock { writes -> [OpenSpan?] in
            let ended = Array(writes.prefix(count))
            writes.removeFirst(ended.count)
            return ended
        }
        for span in ended { span?.end() }
    }

    /// What has not been written will not be.
    func abandoned(_ error: any Error) {
        let ended = self.writes.withLock { writes in
            defer { writes = [] }
            return writes
        }
        for span in ended { span?.fail(error) }
    }

    /// A frame was found in what came since `start`.
    func received(_ size: Int, isSealed: Bool, since start: DefaultTracerClock.Timestamp) -> Receipt {
        let receive = self.tracing.start(
            .receive, under: nil, peer: self.peer, stream: self.stream, size: size, at: start)
        self.tracing.start(
            .read, under: receive.context, peer: self.peer, stream: self.stream, size: size, at: start
        ).end()
        return Receipt(
            receive: receive, decrypt: isSealed ? self.start(.decrypt, under: receive.context, size) : nil)
    }

    /// A message that is being received.
    struct Receipt: Sendable {
        fileprivate let receive: OpenSpan
        fileprivate let decrypt: OpenSpan?

        func end() {
            self.decrypt?.end()
            self.receive.end()
        }

        func fail(_ error: any Error) {
            self.decrypt?.fail(error)
            self.receive.fail(error)
        }
    }

    private func start(_ name: NodeTracing.Name, under parent: ServiceContext?, _ size: Int) -> OpenSpan {
        self.tracing.start(name, under: parent, peer: self.peer, stream: self.stream, size: size)
    }
}

/// Makes one line of what may carry text of other peers.
enum LogText {
    static func of(_ error: any Error) -> String { PrintableText.escape("\(error)", limit: 1000) }
}
