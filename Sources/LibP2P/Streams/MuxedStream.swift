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

import MultistreamSelect
package import NIOCore
package import Yamux

/// One stream of a connection, confined to the connection's event loop: it agrees on the protocol, then passes bytes
/// between the multiplexer and a ``StreamConsumer``.
package final class MuxedStream {
    private enum Phase {
        case proposing(MultistreamInitiator)
        case answering(MultistreamResponder)
        case open(any StreamConsumer)
        case closed
    }

    let id: YamuxStreamID
    package let isInbound: Bool
    package let connection: Connection
    /// The protocol that was agreed on, or is being proposed; empty on an incoming stream until it is known.
    package private(set) var protocolID: String
    /// Nil once the stream is closed, so that a consumer that outlives its connection holds no part of it.
    private var handler: ConnectionHandler?
    private let usage: PeerUsage
    private var phase: Phase
    private var consumerWhenReady: (any StreamConsumer)?
    private var negotiationInput = ByteBuffer()
    private var negotiationTimer: Scheduled<Void>?
    /// Bytes that arrived and were not given back to the window.
    private(set) var unconsumed = 0
    private var hasFinished = false
    /// Bytes of the negotiation that are queued: they go out before, and are none of, the consumer's.
    private var unwrittenNegotiation = 0
    private var needsReadComplete = false

    private init(
        id: YamuxStreamID, isInbound: Bool, protocolID: String, phase: Phase, consumer: (any StreamConsumer)?,
        handler: ConnectionHandler, connection: Connection
    ) {
        self.usage = connection.usage
        self.id = id
        self.isInbound = isInbound
        self.protocolID = protocolID
        self.phase = phase
        self.consumerWhenReady = consumer
        self.handler = handler
        self.connection = connection
    }

    static func inbound(_ id: YamuxStreamID, handler: ConnectionHandler, connection: Connection) -> MuxedStream {
        MuxedStream(
            id: id, isInbound: true, protocolID: "", phase: .answering(MultistreamResponder()), consumer: nil,
            handler: handler, connection: connection)
    }

    static func outbound(
        _ id: YamuxStreamID, protocols: [String], consumer: any StreamConsumer, handler: ConnectionHandler,
        connection: Connection
    ) -> MuxedStream {
        MuxedStream(
            id: id, isInbound: false, protocolID: protocols.first ?? "",
            phase: .proposing(MultistreamInitiator(protocols: protocols)), consumer: consumer, handler: handler,
            connection: connection)
    }

    /// The event loop that everything of this stream runs on.
    package var eventLoop: any EventLoop { self.connection.eventLoop }

    // MARK: For the consumer

    /// Queues bytes; ``StreamConsumer/streamWritten(_:on:)`` tells when they went out.
    package func write(_ bytes: ByteBuffer) {
        self.handler?.write(bytes, on: self.id)
    }

    /// Says how what this side sends on the stream stands to what it sends on others of the connection.
    package func prioritize(_ priority: YamuxStreamPriority) {
        self.handler?.prioritize(self.id, priority)
    }

    /// How what this side sends on the stream stands to what it sends on others; nil once the stream is closed.
    package var priority: YamuxStreamPriority? { self.handler?.priority(of: self.id) }

    /// Ends this side's half once everything queued has been sent.
    package func finish() {
        guard !self.hasFinished else { return }
        self.hasFinished = true
        self.handler?.finish(self.id)
    }

    /// Ends both halves at once; what is queued is dropped.
    ///
    /// The consumer hears of it through `streamClosed`.
    package func reset(code: UInt32) {
        guard let handler = self.handler else { return }
        handler.reset(self.id, code: code)
        self.close(.reset(code: code))
    }

    /// Gives bytes back to the window, so that the other side may send as many more.
    package func consumed(_ bytes: Int) {
        let bytes = min(bytes, self.unconsumed)
        guard bytes > 0 else { return }
        self.unconsumed -= bytes
        self.usage.release(bytes: bytes)
        self.handler?.consumed(bytes, on: self.id)
    }

    // MARK: For the connection

    func start() {
        var output = ByteBuffer()
        switch self.phase {
        case .proposing(var initiator):
            initiator.start(into: &output)
            self.phase = .proposing(initiator)
        case .answering(var responder):
            responder.start(into: &output)
            self.phase = .answering(responder)
        case .open, .closed: return
        }
        guard let handler = self.handler else { return }
        self.unwrittenNegotiation += output.readableBytes
        handler.write(output, on: self.id)
        self.negotiationTimer = self.eventLoop.assumeIsolated().scheduleTask(in: handler.timeouts.streamNegotiation) {
            self.failNegotiation(HostError(.timedOut, "no agreement on the stream's protocol in time"))
        }
    }

    func received(_ bytes: ByteBuffer) {
        self.unconsumed += bytes.readableBytes
        guard self.usage.hold(bytes: bytes.readableBytes) else {
            self.reset(code: StreamErrorCode.resourceLimitExceeded)
            return
        }
        switch self.phase {
        case .open(let consumer):
            self.needsReadComplete = true
            consumer.streamReceived(bytes, on: self)
        case .proposing, .answering:
            var bytes = bytes
            self.negotiationInput.writeBuffer(&bytes)
            self.negotiate()
        case .closed:
            self.consumed(self.unconsumed)
        }
    }

    func readComplete() {
        guard self.needsReadComplete, case .open(let consumer) = self.phase else { return }
        self.needsReadComplete = false
        consumer.streamReadComplete(self)
    }

    func peerFinished() {
        switch self.phase {
        case .open(let consumer): consumer.streamFinished(self)
        case .proposing, .answering:
            self.failNegotiation(HostError(.closed, "the other side ended the stream before a protocol was agreed on"))
        case .closed: break
        }
    }

    func written(_ bytes: Int) {
        let own = min(bytes, self.unwrittenNegotiation)
        self.unwrittenNegotiation -= own
        if case .open(let consumer) = self.phase, bytes > own { consumer.streamWritten(bytes - own, on: self) }
    }

    func progressed() {
        if case .open(let consumer) = self.phase { consumer.streamProgressed(self) }
    }

    func close(_ reason: StreamCloseReason) {
        let consumer: (any StreamConsumer)?
        switch self.phase {
        case .closed: return
        case .open(let open): consumer = open
        case .proposing, .answering: consumer = self.consumerWhenReady
        }
        self.phase = .closed
        self.consumerWhenReady = nil
        self.negotiationTimer?.cancel()
        self.negotiationTimer = nil
        self.handler?.forget(self.id)
        self.handler = nil
        consumer?.streamClosed(reason, stream: self)
    }

    deinit {
        // What was received and never taken goes back to the peer's account.
        self.usage.release(bytes: self.unconsumed)
    }

    // MARK: Negotiation

    private func negotiate() {
        var output = ByteBuffer()
        let before = self.negotiationInput.readableBytes
        do {
            let outcome: MultistreamOutcome
            var route: StreamRoute?
            switch self.phase {
            case .proposing(var initiator):
                outcome = try initiator.receive(&self.negotiationInput, into: &output)
                self.phase = .proposing(initiator)
            case .answering(var responder):
                outcome = try responder.receive(&self.negotiationInput, into: &output) { name in
                    let found = self.connection.route(name)
                    if case .refuse = found { return false }
                    route = found
                    return true
                }
                self.phase = .answering(responder)
            case .open, .closed: return
            }
            if output.readableBytes > 0 {
                self.unwrittenNegotiation += output.readableBytes
                self.handler?.write(output, on: self.id)
            }
            self.consumed(before - self.negotiationInput.readableBytes)
            guard case .negotiated(let name) = outcome else { return }
            self.protocolID = name
            switch route {
            case .accept(let consumer): self.open(consumer)
            case .reset(let code): self.reset(code: code)
            case .refuse: self.reset(code: StreamErrorCode.negotiationFailed)
            case nil:
                if let consumer = self.consumerWhenReady { self.open(consumer) }
            }
        } catch {
            self.failNegotiation(
                HostError(
                    error.code == .noCommonProtocol ? .noCommonProtocol : .protocolViolation,
                    "no protocol was agreed on for the stream", cause: error))
        }
    }

    private func open(_ consumer: any StreamConsumer) {
        self.negotiationTimer?.cancel()
        self.negotiationTimer = nil
        self.consumerWhenReady = nil
        self.phase = .open(consumer)
        consumer.streamReady(self)
        guard self.negotiationInput.readableBytes > 0, case .open = self.phase else { return }
        let rest = self.negotiationInput
        self.negotiationInput = ByteBuffer()
        self.needsReadComplete = true
        consumer.streamReceived(rest, on: self)
        self.handler?.touch(self)
    }

    private func failNegotiation(_ error: HostError) {
        guard let handler = self.handler else { return }
        handler.reset(self.id, code: StreamErrorCode.negotiationFailed)
        self.close(.negotiationFailed(error))
    }
}
