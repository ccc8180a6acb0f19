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
import NIOCore
import NIOPosix
import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct FlowControlTests {
    private let frame = Frame.length(ofPayload: 8)

    private func channel(_ limits: StreamChannel.Limits) -> StreamChannel {
        StreamChannel(
            peer: Identity.generate().peerID, name: "a", session: 1, key: nil, limits: limits,
            inbound: RecordingSink(), unfinished: UnfinishedFrames(limit: 1_000_000), nonces: NonceSource(),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(), open: { _ in true })
    }

    private func accepts(_ channel: StreamChannel) -> Bool { (try? channel.trySend(ByteBuffer(integer: 0))) != nil }

    @Test func onceFullSendsAreAdmittedAgainAtTheLowWatermarkInTheirOrder() async throws {
        var limits = StreamChannel.Limits.forTests
        limits.sendBufferMessages = 8
        limits.lowMessages = 2
        let channel = channel(limits)
        for _ in 0..<8 { #expect(accepts(channel)) }
        #expect(!channel.sending.direction.isBlocked, "full, and nobody was refused")
        let admitted = Log<Int>()
        for number in 0..<3 {
            Task {
                try await channel.send(ByteBuffer(integer: number), timeout: nil)
                admitted.append(number)
            }
            try await eventually { channel.waitingSends == number + 1 }
        }
        #expect(channel.sending.direction.isBlocked)
        channel.release(bytes: 5 * frame, messages: 5)
        #expect(channel.waitingSends == 3, "three are left, which is above the low watermark")
        #expect(!accepts(channel))
        channel.release(bytes: frame, messages: 1)
        try await eventually { admitted.count == 3 }
        #expect(channel.unwrittenMessages == 5)
        #expect(channel.waitingSends == 0)
        for _ in 0..<3 { #expect(accepts(channel), "up to the high watermark again") }
        #expect(!accepts(channel))
        channel.close(GlueberryError(.closed, "the session ended"))
    }

    @Test func theLowWatermarkInBytesCountsTooAndHalfIsTheDefault() async throws {
        var limits = StreamChannel.Limits.forTests
        limits.sendBufferBytes = 8 * frame
        limits.lowBytes = frame
        let low = channel(limits)
        limits.lowBytes = nil
        let half = channel(limits)
        for channel in [low, half] {
            while accepts(channel) {}
            #expect(channel.unwrittenMessages == 8)
            channel.release(bytes: 3 * frame, messages: 3)
            #expect(!accepts(channel))
            channel.release(bytes: frame, messages: 1)
        }
        #expect(accepts(half))
        #expect(!accepts(low))
        low.release(bytes: 3 * frame, messages: 3)
        #expect(accepts(low))
    }

    @Test func aSendThatGaveUpDoesNotKeepSmallerOnesWaiting() async throws {
        var limits = StreamChannel.Limits.forTests
        limits.sendBufferBytes = 1000
        limits.lowBytes = 1000
        let channel = channel(limits)
        try channel.trySend(ByteBuffer(repeating: 0, count: 500))
        let large = Task { try await channel.send(ByteBuffer(repeating: 1, count: 900), timeout: nil) }
        try await eventually { channel.waitingSends == 1 }
        let small = Task { try await channel.send(ByteBuffer(integer: 1), timeout: nil) }
        try await eventually { channel.waitingSends == 2 }
        large.cancel()
        try await small.value
        #expect(channel.waitingSends == 0)
    }

    @Test func aHeldUpStreamGoesOnAtTheLowWatermark() async throws {
        try await withLink { link in
            let hub = MessageHub(limits: .init(messages: 8, bytes: 1_000_000, lowMessages: 1))
            let inbox = try #require(hub.claim(.all))
            let queue = hub.queue(for: .init(peer: link.dialer.host.peerID, stream: "a"))
            _ = try link.listener.channel("a", inbound: QueueSink(queue))
            let sender = try link.dialer.channel("a", inbound: RecordingSink())
            for number in 0..<8 { try await sender.send(ByteBuffer(integer: number), timeout: nil) }
            try await eventually { queue.count == 8 }
            try await sender.send(ByteBuffer(integer: 8), timeout: nil)
            #expect(queue.pending.isBlocked)
            #expect(queue.take(6, for: inbox).count == 6)
            try await link.barrier()
            #expect(queue.count == 2)
            #expect(queue.take(1, for: inbox).count == 1)
            try await eventually { queue.count == 2 }
            #expect(!queue.pending.isBlocked)
        }
    }

    @Test func theStateOfBothDirectionsCanBeLookedAt() async throws {
        var narrow = standard()
        narrow.receiveBufferMessages = 2
        narrow.sendBufferMessages = 2
        try await withNodes(narrow) { listener, dialer in
            #expect(dialer.flowControl(of: listener.peerID, on: "a") == nil)
            try await establish(listener, dialer)
            let session = try #require(dialer.running?.directory.session(with: listener.peerID)?.generation)
            let idle = try #require(dialer.flowControl(of: listener.peerID, on: "a"))
            #expect(idle.session == session)
            #expect(idle.sending == .init(pendingMessages: 0, pendingBytes: 0, isBlocked: false))
            #expect(idle.receiving == .init(pendingMessages: 0, pendingBytes: 0, isBlocked: false))
            // The window takes two of these; then they stay here.
            let sending = Task {
                for _ in 0..<12 { try await dialer.send(pattern(100_000), to: listener.peerID, on: "a") }
            }
            // All of it at one moment: before the stream is there, or before the window is full, some of it is so already.
            try await eventually {
                let state = dialer.flowControl(of: listener.peerID, on: "a")
                return listener.flowControl(of: dialer.peerID, on: "a")?.receiving.isBlocked == true
                    && state?.sending.isBlocked == true && state?.sending.pendingMessages == 2
                    && state?.waitingSends == 1
            }
            let blocked = try #require(dialer.flowControl(of: listener.peerID, on: "a"))
            #expect(blocked.sending.isBlocked)
            #expect(blocked.sending.pendingMessages == 2)
            #expect(blocked.sending.pendingBytes > 200_000)
            let held = try #require(listener.flowControl(of: dialer.peerID, on: "a"))
            #expect(held.receiving.pendingMessages >= 2)
            #expect(held.receiving.pendingBytes == held.receiving.pendingMessages * 100_000)
            var messages = try listener.messages().makeAsyncIterator()
            for _ in 0..<12 { #expect(await messages.next()?.payload.readableBytes == 100_000) }
            try await sending.value
            #expect(listener.flowControl(of: dialer.peerID, on: "a")?.receiving.pendingMessages == 0)
        }
    }

    @Test func badWatermarksAndPoliciesAreNamed() async throws {
        var configuration = NodeConfiguration()
        configuration.sendLowWatermarkBytes = configuration.sendBufferBytes + 1
        configuration.sendLowWatermarkMessages = -1
        configuration.receiveLowWatermarkBytes = configuration.receiveBufferBytes
        configuration.receiveLowWatermarkMessages = configuration.receiveBufferMessages + 1
        configuration.receivePolicies = ["no name": .dropNewest]
        configuration.stallTimeout = .zero
        let problems = configuration.problems()
        #expect(problems.count == 5)
        for field in [
            "sendLowWatermarkBytes", "sendLowWatermarkMessages", "receiveLowWatermarkMessages", "receivePolicies",
            "stallTimeout",
        ] {
            #expect(problems.contains { $0.contains(field) }, "\(field)")
        }
    }

    @Test func whatIsCountedAtTheEndIsWhatWasAcceptedAndNothingElse() async throws {
        let key = try PairKey(local: .generate(), remote: Identity.generate().publicKey)
        // They never suspend: on the threads that tasks share they would keep everything else from running, and the close too.
        let threads = NIOThreadPool(numberOfThreads: 3)
        threads.start()
        for _ in 0..<40 {
            var limits = StreamChannel.Limits.forTests
            limits.sendBufferMessages = 1_000_000
            limits.sendBufferBytes = 50_000_000
            let channel = StreamChannel(
                peer: Identity.generate().peerID, name: "a", session: 1, key: key, limits: limits,
                inbound: RecordingSink(), unfinished: UnfinishedFrames(limit: 1_000_000), nonces: NonceSource(),
                eventLoop: MultiThreadedEventLoopGroup.singleton.any(), open: { _ in true })
            let accepted = Log<Void>()
            let senders = (0..<3).map { _ in
                Task {
                    try await threads.runIfActive {
                        // Sealing takes a while, in which the message has room and is not queued.
                        let payload = ByteBuffer(repeating: 7, count: 200_000)
                        while (try? channel.trySend(payload)) != nil { accepted.append(()) }
                    }
                }
            }
            try await eventually { accepted.count >= 2 }
            let lost = channel.close(GlueberryError(.closed, "the session ended"))
            for sender in senders { try await sender.value }
            #expect(lost == accepted.count)
        }
        try await threads.shutdownGracefully()
    }

    @Test func aMessageThatThePeerRefusedHalfWrittenCountsAsUnwritten() async throws {
        let channel = channel(.forTests)
        for _ in 0..<3 { try channel.trySend(ByteBuffer(integer: 0)) }
        let frame = Frame.encode(ByteBuffer(integer: 0))
        channel.refusedByPeer(halfWritten: .init(bytes: frame, version: .one, cost: frame.readableBytes))
        #expect(channel.unwrittenMessages == 2)
        channel.release(bytes: self.frame, messages: 1)
        #expect(channel.close(GlueberryError(.closed, "the session ended")) == 2)
    }

    @Test func twoConsumersThatAwaitEachOthersSendsEndInATypedError() async throws {
        var narrow = standard()
        narrow.receiveBufferMessages = 2
        narrow.sendBufferMessages = 2
        narrow.sendTimeout = .milliseconds(500)
        try await withNodes(narrow) { listener, dialer in
            try await establish(listener, dialer)
            @Sendable func answer(_ node: Node) async -> GlueberryError? {
                do {
                    // Two answers to each message: neither side reads on before the other has made room.
                    for await message in try node.messages() {
                        for _ in 0..<2 { try await node.send(message.payload, to: message.peer, on: message.stream) }
                    }
                    return nil
                } catch {
                    return error
                }
            }
            async let first = answer(listener)
            async let second = answer(dialer)
            try await dialer.send(pattern(100_000), to: listener.peerID, on: "a")
            let errors = await [first, second]
            for error in errors {
                #expect(error?.code == .sendTimedOut)
                #expect(error?.hint != nil)
            }
            #expect(dialer.state(of: listener.peerID) == .established, "the session is none the worse for it")
        }
    }
}
