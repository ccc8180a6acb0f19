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
import NIOEmbedded
import PeerIdentity
import Synchronization
import Testing

@testable import Glueberry

/// Channels over one connection, of which the other side is a channel too or is played byte by byte.
@Suite(.timeLimit(.minutes(2))) struct FrameStreamTests {
    private func numbers(_ range: Range<Int>) -> [[UInt8]] { range.map { Array(String($0).utf8) } }

    private func send(_ range: Range<Int>, to channel: StreamChannel) async throws {
        for payload in self.numbers(range) { try await channel.send(.init(bytes: payload), timeout: nil) }
    }

    private func read(_ count: Int, from stream: LibP2P.Stream) async throws -> [[UInt8]] {
        var input = ByteBuffer()
        var payloads: [[UInt8]] = []
        while payloads.count < count {
            var bytes = try #require(try await stream.read())
            input.writeBuffer(&bytes)
            while let payload = try FrameDecoder(maximumPayload: 1_000_000).next(&input) {
                payloads.append(Array(payload.readableBytesView))
            }
        }
        #expect(input.readableBytes == 0)
        return payloads
    }

    @Test func everyMessageArrivesOnceAndInOrderBothWays() async throws {
        try await withLink { link in
            let (atListener, atDialer) = (RecordingSink(), RecordingSink())
            let listener = try link.listener.channel("a", inbound: atListener)
            let dialer = try link.dialer.channel("a", inbound: atDialer)
            async let there: Void = send(0..<2000, to: dialer)
            async let back: Void = send(0..<2000, to: listener)
            _ = try await (there, back)
            try await eventually { atListener.payloads.count >= 2000 && atDialer.payloads.count >= 2000 }
            #expect(atListener.payloads == numbers(0..<2000))
            #expect(atDialer.payloads == numbers(0..<2000))
            try await eventually { dialer.unwrittenMessages == 0 && listener.unwrittenMessages == 0 }
        }
    }

    @Test func aCancelledSendSendsNothing() async throws {
        try await withLink { link in
            let sink = RecordingSink()
            _ = try link.listener.channel("a", inbound: sink)
            let connection = try link.dialer.connection
            let gate = Settlement<Void, Never>()
            var limits = StreamChannel.Limits.forTests
            limits.sendBufferMessages = 2
            // The stream opens when the test says so; until then the queue is full.
            let sender = StreamChannel(
                peer: connection.remotePeer, name: "a", session: 1, key: nil, limits: limits,
                inbound: RecordingSink(), unfinished: UnfinishedFrames(limit: 1_000_000), nonces: NonceSource(),
                eventLoop: connection.eventLoop
            ) { channel in
                Task {
                    _ = await gate.value()
                    connection.work {
                        connection.openStream(
                            protocols: channel.protocolIDs(on: connection),
                            consumer: FrameStream(outboundFor: channel, on: connection)
                        ) { channel.openFailed($0) }
                    }
                }
                return true
            }
            try sender.trySend(ByteBuffer(string: "0"))
            try sender.trySend(ByteBuffer(string: "1"))
            let cancelled = Task { try await sender.send(ByteBuffer(string: "cancelled"), timeout: nil) }
            try await eventually { sender.waitingSends == 1 }
            let next = Task { try await sender.send(ByteBuffer(string: "2"), timeout: nil) }
            try await eventually { sender.waitingSends == 2 }
            cancelled.cancel()
            await #expect(throws: GlueberryError.self) { try await cancelled.value }
            gate.succeed()
            try await next.value
            try await eventually { sink.payloads.count == 3 }
            try await link.barrier()
            #expect(sink.payloads == numbers(0..<3))
        }
    }

    @Test(arguments: [0, 0x1005] as [UInt32])
    func whatAPeerResetUnreadIsSentAgainOnTheNextStreamInOrder(code: UInt32) async throws {
        try await withLink { link in
            let name = StreamName.protocolID(of: "a")
            let (streams, incoming) = AsyncStream.makeStream(of: LibP2P.Stream.self)
            link.listener.host.handle(name) { stream in incoming.yield(stream) }
            let sender = try link.dialer.channel("a", inbound: RecordingSink())
            try await send(0..<5, to: sender)
            var iterator = streams.makeAsyncIterator()
            let first = try #require(await iterator.next())
            await sender.flush(timeout: .hours(1))
            #expect(sender.unwrittenMessages == 0, "all of it went out on the first stream")
            first.reset(code: code)
            let second = try #require(await iterator.next())
            #expect(try await read(5, from: second) == numbers(0..<5))
            try await send(5..<8, to: sender)
            #expect(try await read(3, from: second) == numbers(5..<8))
        }
    }

    @Test func whatWasNotWrittenWhenAPeerResetGoesOnAfterwardsInOrder() async throws {
        try await withLink { link in
            let (streams, incoming) = AsyncStream.makeStream(of: LibP2P.Stream.self)
            link.listener.host.handle(StreamName.protocolID(of: "a")) { stream in incoming.yield(stream) }
            let sender = try link.dialer.channel("a", inbound: RecordingSink())
            // More than the window takes, so that a part is written, a part is not, and one message is cut in two.
            let payloads = (0..<10).map { pattern(60_000, seed: $0) }
            for payload in payloads { try await sender.send(.init(bytes: payload), timeout: nil) }
            var iterator = streams.makeAsyncIterator()
            let first = try #require(await iterator.next())
            try await eventually { sender.unwrittenMessages <= 6 }
            first.reset(code: 0)
            let second = try #require(await iterator.next())
            #expect(try await read(10, from: second) == payloads)
            try await eventually { sender.unwrittenMessages == 0 }
        }
    }

    @Test func whatAPeerHasReadIsNotSentAgain() async throws {
        try await withLink { link in
            let (streams, incoming) = AsyncStream.makeStream(of: LibP2P.Stream.self)
            link.listener.host.handle(StreamName.protocolID(of: "a")) { stream in incoming.yield(stream) }
            let sink = RecordingSink()
            let sender = try link.dialer.channel("a", inbound: sink)
            try await send(0..<5, to: sender)
            var iterator = streams.makeAsyncIterator()
            let first = try #require(await iterator.next())
            #expect(try await read(5, from: first) == numbers(0..<5))
            // Data of its own shows that the other side uses the stream.
            try await first.write(Frame.encode(ByteBuffer(string: "answer")))
            try await eventually { sink.payloads.count == 1 }
            first.reset()
            try await link.barrier()
            try await send(5..<7, to: sender)
            let second = try #require(await iterator.next())
            #expect(try await read(2, from: second) == numbers(5..<7))
        }
    }

    /// The beginning of a frame is no sign of life either.
    @Test(arguments: ["", "\u{5}"]) func aPeerThatResetsEveryStreamIsNotAskedInALoop(saying word: String) async throws {
        try await withLink { link in
            let opened = Log<Void>()
            link.listener.host.handle(StreamName.protocolID(of: "a")) { stream in
                opened.append(())
                if !word.isEmpty { try? await stream.write(ByteBuffer(string: word)) }
                stream.reset()
            }
            // Pauses are over when the test says so.
            let clock = NIOAsyncTestingEventLoop()
            let sender = try link.dialer.channel("a", inbound: RecordingSink(), pausingOn: clock)
            for (tries, pause) in ([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000] as [Int64]).enumerated() {
                // Whoever answers, if only with a byte, may have read what came before it: that is not sent again.
                if sender.unwrittenMessages == 0 { try sender.trySend(ByteBuffer(string: "0")) }
                await clock.advanceTime(by: .zero)
                try await eventually { opened.count == tries + 1 && sender.isBackingOff }
                // Neither time nor what is sent meanwhile makes it try again before the pause is over.
                await clock.advanceTime(by: .milliseconds(pause - 1))
                for _ in 0..<3 {
                    try sender.trySend(ByteBuffer(string: "0"))
                    try await link.barrier()
                }
                #expect(opened.count == tries + 1)
                await clock.advanceTime(by: .milliseconds(1))
            }
            sender.close(GlueberryError(.closed, "the session ended"))
            await clock.shutdownGracefully()
        }
    }

    @Test func aSecondIncomingStreamOfOneNameIsReset() async throws {
        try await withLink { link in
            let sink = RecordingSink()
            _ = try link.listener.channel("a", inbound: sink)
            let connection = try link.dialer.connection
            let name = StreamName.protocolID(of: "a")
            let first = try await connection.openStream(protocols: [name])
            try await first.write(Frame.encode(ByteBuffer(string: "0")))
            try await eventually { sink.payloads.count == 1 }
            // The reset may come with the agreement on the protocol, or after it.
            let code: UInt32?
            do throws(HostError) {
                code = await resetCode(of: try await connection.openStream(protocols: [name]))
            } catch {
                code = error.resetCode
            }
            #expect(code == StreamErrorCode.supplanted)
            try await first.write(Frame.encode(ByteBuffer(string: "1")))
            try await eventually { sink.payloads == numbers(0..<2) }
        }
    }

    @Test func aMessageLargerThanTheWindowPasses() async throws {
        try await withLink { link in
            let sink = RecordingSink()
            _ = try link.listener.channel("a", inbound: sink)
            let sender = try link.dialer.channel("a", inbound: RecordingSink())
            let payload = pattern(1024 * 1024)
            try await sender.send(.init(bytes: payload), timeout: nil)
            try await eventually { sink.payloads.count == 1 }
            #expect(sink.payloads.first == payload)
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func largeAndSmallMessagesArriveWholeAndInOrderHoweverTheirBytesAreCut(seed: UInt64) async throws {
        try await withLink { link in
            var random = SplitMix64(seed: seed)
            let sizes = [1, 64, 5000, 16 * 1024 - 3, 16 * 1024, 65_536, 65_533, 200_000]
            let payloads = (0..<60).map { index in
                [UInt8(truncatingIfNeeded: index)] + pattern(sizes[Int(random.next() % 8)])
            }
            var frames = ByteBuffer()
            for payload in payloads { frames.writeImmutableBuffer(Frame.encode(.init(bytes: payload))) }
            let sink = RecordingSink()
            _ = try link.listener.channel("a", inbound: sink)
            let stream = try await link.dialer.host.openStream(
                to: link.listener.host.peerID, protocols: [StreamName.protocolID(of: "a")])
            while frames.readableBytes > 0 {
                let cut = [3, 700, 20_000, 70_000, 150_000][Int(random.next() % 5)]
                try await stream.write(try #require(frames.readSlice(length: min(cut, frames.readableBytes))))
            }
            try await eventually { sink.payloads.count >= payloads.count }
            #expect(sink.payloads == payloads)
        }
    }

    @Test func aPeerThatEndsItsHalfIsReadToTheEndAndSentToOnAnotherStream() async throws {
        try await withLink { link in
            let (streams, incoming) = AsyncStream.makeStream(of: LibP2P.Stream.self)
            link.listener.host.handle(StreamName.protocolID(of: "a")) { stream in incoming.yield(stream) }
            let sink = RecordingSink()
            let channel = try link.dialer.channel("a", inbound: sink)
            try await channel.send(ByteBuffer(string: "0"), timeout: nil)
            var iterator = streams.makeAsyncIterator()
            let first = try #require(await iterator.next())
            #expect(try await read(1, from: first) == numbers(0..<1))
            for payload in numbers(0..<3) { try await first.write(Frame.encode(.init(bytes: payload))) }
            await first.finish()
            try await eventually { sink.payloads == numbers(0..<3) }
            try await link.barrier()
            try await channel.send(ByteBuffer(string: "1"), timeout: nil)
            let second = try #require(await iterator.next())
            #expect(try await read(1, from: second) == numbers(1..<2))
        }
    }

    @Test func aRefusedMessageIsNotSentAgainAndNeitherIsWhatWasReadBeforeIt() async throws {
        try await withLink { link in
            let sink = RecordingSink()
            var small = StreamChannel.Limits.forTests
            small.maximumMessage = 1000
            _ = try link.listener.channel("a", limits: small, inbound: sink)
            let sender = try link.dialer.channel("a", inbound: RecordingSink())
            try await send(0..<3, to: sender)
            try await sender.send(.init(bytes: pattern(5000)), timeout: nil)
            try await eventually { sink.refusals == 1 }
            try await link.barrier()
            try await send(3..<5, to: sender)
            try await eventually { sink.payloads.count >= 5 }
            #expect(sink.payloads == numbers(0..<5))
            #expect(sink.refusals == 1)
        }
    }

    @Test func aRefusedMessageThatIsLargerThanTheWindowIsNotSentAgainEither() async throws {
        try await withLink { link in
            let sink = RecordingSink()
            var small = StreamChannel.Limits.forTests
            small.maximumMessage = 1000
            _ = try link.listener.channel("a", limits: small, inbound: sink)
            let sender = try link.dialer.channel("a", inbound: RecordingSink())
            try await sender.send(.init(bytes: pattern(900_000)), timeout: nil)
            try await eventually { sink.refusals == 1 }
            try await link.barrier()
            try await sender.send(ByteBuffer(string: "0"), timeout: nil)
            try await eventually { sink.payloads.count >= 1 }
            #expect(sink.payloads == numbers(0..<1))
            #expect(sink.refusals == 1)
            try await eventually { sender.unwrittenMessages == 0 }
        }
    }
}
