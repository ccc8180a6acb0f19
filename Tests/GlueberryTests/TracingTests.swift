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

import InMemoryTracing
import LibP2P
import NIOCore
import PeerIdentity
import Testing
import Tracing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct TracingTests {
    @Test func connectingAndTheHandshakeBelongUnderTheCallersSpan() async throws {
        try await withObservedNodes { listener, listening, dialer, dialling in
            let caller = dialling.tracer.startSpan("caller")
            try await ServiceContext.withValue(caller.context) { try await establish(listener, dialer) }
            caller.end()
            let connect = try dialling.span(.connect)
            #expect(connect.parentSpanID == caller.spanID)
            #expect(connect.text("peer.id") == listener.peerID.description)
            #expect(connect.text("connection.direction") == "outbound")
            #expect(try dialling.span(.dial).parentSpanID == connect.spanID)
            let handshake = try dialling.span(.handshake)
            #expect(handshake.parentSpanID == caller.spanID)
            #expect(handshake.text("handshake.result") == "success")
            for step in [NodeTracing.Name.keyDerivation, .streamSetup, .established] {
                #expect(try dialling.span(step).parentSpanID == handshake.spanID, "\(step)")
            }
            let answered = try listening.span(.handshake)
            #expect(answered.parentSpanID == nil)
            #expect(answered.text("connection.direction") == "inbound")
            #expect(answered.text("peer.id") == dialer.peerID.description)
            #expect(listening.spans(.connect).isEmpty)
            await dialer.disconnect(from: listener.peerID)
            #expect(try dialling.span(.disconnect).text("peer.id") == listener.peerID.description)
        }
    }

    @Test func aSendBelongsUnderTheCallersSpanAndEncryptAndWriteUnderTheSend() async throws {
        try await withObservedNodes { listener, listening, dialer, dialling in
            try await establish(listener, dialer)
            dialling.tracer.clearFinishedSpans()
            listening.tracer.clearFinishedSpans()
            let caller = dialling.tracer.startSpan("caller")
            try await ServiceContext.withValue(caller.context) {
                try await dialer.send([1, 2, 3, 4, 5], to: listener.peerID, on: "a")
            }
            caller.end()
            var messages = try listener.messages().makeAsyncIterator()
            #expect(await messages.next()?.bytes == [1, 2, 3, 4, 5])
            try await eventually { !dialling.spans(.write).isEmpty }
            let send = try dialling.span(.send)
            #expect(send.parentSpanID == caller.spanID)
            #expect(send.text("peer.id") == listener.peerID.description)
            #expect(send.text("stream.name") == "a")
            #expect(send.number("message.size") == 5)
            #expect(try dialling.span(.encrypt).parentSpanID == send.spanID)
            #expect(try dialling.span(.write).parentSpanID == send.spanID)

            let receive = try listening.span(.receive)
            #expect(receive.parentSpanID == nil)
            #expect(receive.text("stream.name") == "a")
            #expect(receive.text("peer.id") == dialer.peerID.description)
            #expect(try listening.span(.read).parentSpanID == receive.spanID)
            #expect(try listening.span(.decrypt).parentSpanID == receive.spanID)
        }
    }

    @Test func everyKindOfSendHasASpanUnderTheCallersWithItsEncryptionAndWriteUnderIt() async throws {
        try await withObservedNodes { listener, _, dialer, dialling in
            try await establish(listener, dialer)
            var messages = try listener.messages().makeAsyncIterator()
            let limiter = try RateLimiter(1_000_000)
            let kinds: [(String, @Sendable () async throws -> Void)] = [
                ("trySend", { try dialer.trySend(ByteBuffer(bytes: [1]), to: listener.peerID, on: "a") }),
                ("limited", { try await dialer.send([1], to: listener.peerID, on: "a", limitedBy: limiter) }),
                ("broadcast", { try await dialer.broadcast([1], on: "a") }),
                ("tryBroadcast", { try dialer.tryBroadcast([1], on: "a") }),
            ]
            for (kind, send) in kinds {
                dialling.tracer.clearFinishedSpans()
                let caller = dialling.tracer.startSpan("caller")
                try await ServiceContext.withValue(caller.context) { try await send() }
                caller.end()
                #expect(await messages.next()?.bytes == [1])
                try await eventually { !dialling.spans(.write).isEmpty }
                let span = try dialling.span(.send)
                #expect(span.parentSpanID == caller.spanID, "\(kind)")
                #expect(try dialling.span(.encrypt).parentSpanID == span.spanID, "\(kind)")
                #expect(try dialling.span(.write).parentSpanID == span.spanID, "\(kind)")
            }
        }
    }

    @Test func aBroadcastThatWaitsForRoomHasOneSpanForEachPeer() async throws {
        var configuration = standard()
        configuration.receiveBufferMessages = 1
        configuration.sendBufferMessages = 1
        try await withObservedNodes(configuration) { listener, _, dialer, dialling in
            try await establish(listener, dialer)
            // More than the queues of both sides and the window between them hold.
            let large = ByteBuffer(repeating: 7, count: 900_000)
            var error: GlueberryError?
            while error == nil {
                dialling.tracer.clearFinishedSpans()
                let results = try await dialer.broadcast(large, on: "a", timeout: .milliseconds(50))
                if case .failure(let failure) = try #require(results[listener.peerID]) { error = failure }
            }
            #expect(error?.code == .sendTimedOut)
            let span = try dialling.span(.send)
            #expect(span.text("error.message")?.contains("sendTimedOut") == true)
        }
    }

    @Test func aSendThatFailsSaysWhy() async throws {
        try await withObservedNodes { listener, _, dialer, dialling in
            await #expect(throws: GlueberryError.self) {
                try await dialer.send([1], to: listener.peerID, on: "a")
            }
            #expect(throws: GlueberryError.self) {
                try dialer.trySend(ByteBuffer(bytes: [1]), to: listener.peerID, on: "a")
            }
            let spans = dialling.spans(.send)
            #expect(spans.count == 2)
            #expect(spans.allSatisfy { $0.text("error.message")?.contains("notConnected") == true })
            #expect(spans.allSatisfy { $0.status?.code == .error })
        }
    }

    @Test func writesEndInTheOrderInWhichTheyWereQueued() throws {
        let tracer = InMemoryTracer()
        let tracing = StreamTracing(try #require(NodeTracing(tracer)), peer: Identity.generate().peerID, stream: "a")
        func sizes() -> [Int64?] { tracer.finishedSpans.map { $0.number("message.size") } }
        ServiceContext.withValue(.topLevel) { for size in 1...5 { tracing.queued(size) } }
        tracing.written(2)
        #expect(sizes() == [1, 2])
        tracing.written(1)
        #expect(sizes() == [1, 2, 3])
        tracing.abandoned(GlueberryError(.closed, "the session ended"))
        #expect(sizes() == [1, 2, 3, 4, 5])
        #expect(tracer.finishedSpans.last?.text("error.message") != nil)
        tracing.written(9)
        #expect(tracer.activeSpans.isEmpty)
    }

    @Test func aTracerThatDoesNothingCountsAsNone() {
        #expect(NodeTracing(NoOpTracer()) == nil)
    }
}
