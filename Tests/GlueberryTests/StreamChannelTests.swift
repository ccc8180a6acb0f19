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
import Synchronization
import Testing

@testable import Glueberry

/// A channel's queue by itself: its stream never comes about unless a test lets it.
@Suite(.timeLimit(.minutes(2))) struct StreamChannelTests {
    private func channel(messages: Int = 2, bytes: Int = 1_000_000) -> StreamChannel {
        var limits = StreamChannel.Limits.forTests
        limits.sendBufferMessages = messages
        limits.sendBufferBytes = bytes
        return StreamChannel(
            peer: Identity.generate().peerID, name: "a", session: 1, key: nil, limits: limits,
            inbound: RecordingSink(), unfinished: UnfinishedFrames(limit: 1_000_000), nonces: NonceSource(),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(), open: { _ in true })
    }

    private func number(_ number: Int) -> ByteBuffer { ByteBuffer(integer: number) }
    /// What a number takes in the queue.
    private var frame: Int { Frame.length(ofPayload: 8) }

    private func code(_ body: () async throws -> Void) async -> GlueberryError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? GlueberryError)?.code
        }
    }

    @Test func sendsAreAdmittedInTheOrderInWhichTheyBeganToWait() async throws {
        let channel = channel(messages: 1)
        try await channel.send(number(0), timeout: nil)
        let admitted = Log<Int>()
        var tasks: [Task<Void, any Error>] = []
        for waiting in 1...20 {
            tasks.append(
                Task {
                    try await channel.send(self.number(waiting), timeout: nil)
                    admitted.append(waiting)
                })
            try await eventually { channel.waitingSends == waiting }
        }
        for released in 1...20 {
            #expect(admitted.count == released - 1)
            channel.release(bytes: frame, messages: 1)
            try await eventually { admitted.count == released }
            #expect(admitted.all.last == released)
        }
        for task in tasks { try await task.value }
        #expect(channel.unwrittenMessages == 1)
    }

    @Test func aSmallMessageDoesNotOvertakeALargeOneThatWaits() async throws {
        let channel = channel(messages: 100, bytes: 1000)
        try channel.trySend(ByteBuffer(repeating: 0, count: 900))
        let large = Task { try await channel.send(ByteBuffer(repeating: 1, count: 500), timeout: nil) }
        try await eventually { channel.waitingSends == 1 }
        await #expect(code { try channel.trySend(ByteBuffer(repeating: 2, count: 1)) } == .sendQueueFull)
        channel.release(bytes: Frame.length(ofPayload: 900), messages: 1)
        try await large.value
        try channel.trySend(ByteBuffer(repeating: 2, count: 1))
    }

    @Test func aFullQueueRefusesAtOnceAndSendWaits() async throws {
        let channel = channel(messages: 2)
        try channel.trySend(number(0))
        try channel.trySend(number(1))
        await #expect(code { try channel.trySend(self.number(2)) } == .sendQueueFull)
        #expect(channel.unwrittenMessages == 2)
        channel.release(bytes: frame, messages: 1)
        try channel.trySend(number(2))
    }

    @Test func theBoundHoldsInBytesToo() async throws {
        let channel = channel(messages: 1000, bytes: 2 * frame)
        try channel.trySend(number(0))
        try channel.trySend(number(1))
        await #expect(code { try channel.trySend(self.number(2)) } == .sendQueueFull)
    }

    @Test func aMessageLargerThanTheWholeQueuePassesAlone() async throws {
        let channel = channel(messages: 10, bytes: 100)
        try channel.trySend(ByteBuffer(repeating: 0, count: 5000))
        await #expect(code { try channel.trySend(self.number(1)) } == .sendQueueFull)
        channel.release(bytes: Frame.length(ofPayload: 5000), messages: 1)
        try channel.trySend(number(1))
        await #expect(code { try channel.trySend(ByteBuffer(repeating: 0, count: 5000)) } == .sendQueueFull)
    }

    @Test func aMessageOverTheMaximumIsRefusedAndTakesNoRoom() async throws {
        let channel = channel()
        let huge = ByteBuffer(repeating: 0, count: 1024 * 1024 + 1)
        await #expect(code { try channel.trySend(huge) } == .messageTooLarge)
        await #expect(code { try await channel.send(huge, timeout: nil) } == .messageTooLarge)
        #expect(channel.unwrittenMessages == 0)
    }

    @Test func aSendThatWaitsTooLongTimesOutAndLeavesItsPlace() async throws {
        let channel = channel(messages: 1)
        try channel.trySend(number(0))
        await #expect(code { try await channel.send(self.number(1), timeout: .milliseconds(1)) } == .sendTimedOut)
        #expect(channel.unwrittenMessages == 1)
        channel.release(bytes: frame, messages: 1)
        try channel.trySend(number(2))
        #expect(channel.unwrittenMessages == 1)
    }

    @Test func aCancelledSendLeavesItsPlaceToTheNext() async throws {
        let channel = channel(messages: 1)
        try channel.trySend(number(0))
        let cancelled = Task { try await channel.send(self.number(1), timeout: nil) }
        try await eventually { channel.waitingSends == 1 }
        let next = Task { try await channel.send(self.number(2), timeout: nil) }
        try await eventually { channel.waitingSends == 2 }
        cancelled.cancel()
        await #expect(code { try await cancelled.value } == .cancelled)
        channel.release(bytes: frame, messages: 1)
        try await next.value
        #expect(channel.unwrittenMessages == 1)
        #expect(channel.waitingSends == 0)
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func cancellationsAtAnyMomentLeaveNoRoomTaken(seed: UInt64) async throws {
        var random = SplitMix64(seed: seed)
        let channel = channel(messages: 4)
        let accepted = Atomic<Int>(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            let outcomes = Log<Bool>()
            for number in 0..<200 {
                let task = Task {
                    do {
                        try await channel.send(self.number(number), timeout: nil)
                        outcomes.append(true)
                    } catch {
                        outcomes.append(false)
                    }
                }
                if Bool.random(using: &random) { task.cancel() }
                if Bool.random(using: &random) { await Task.yield() }
                group.addTask { await task.value }
            }
            var written = 0
            while outcomes.count < 200 {
                // As the stream would do it: what was accepted goes out, one by one.
                if channel.unwrittenMessages > 0 {
                    channel.release(bytes: frame, messages: 1)
                    written += 1
                }
                await Task.yield()
            }
            try await group.waitForAll()
            accepted.store(outcomes.all.count { $0 } - written, ordering: .relaxed)
        }
        #expect(channel.unwrittenMessages == accepted.load(ordering: .relaxed))
        #expect(channel.waitingSends == 0)
    }

    @Test func theEndFailsWhoeverWaitsAndCountsWhatWasNotWritten() async throws {
        let channel = channel(messages: 3)
        for index in 0..<3 { try channel.trySend(number(index)) }
        let waiters = (0..<10).map { index in Task { try await channel.send(self.number(index), timeout: nil) } }
        try await eventually { channel.waitingSends == 10 }
        #expect(channel.close(GlueberryError(.closed, "the session ended")) == 3)
        for waiter in waiters { await #expect(code { try await waiter.value } == .closed) }
        await #expect(code { try channel.trySend(self.number(4)) } == .closed)
        await #expect(code { try await channel.send(self.number(4), timeout: nil) } == .closed)
        #expect(channel.close(GlueberryError(.stopped, "again")) == 0)
        await #expect(code { try channel.trySend(self.number(4)) } == .closed, "the first reason stays")
    }

    @Test func aFlushReturnsWhenAllIsWrittenWhenTheTimeIsUpAndAtTheEnd() async throws {
        let channel = channel()
        await channel.flush(timeout: .hours(1))
        try channel.trySend(number(0))
        await channel.flush(timeout: .milliseconds(1))
        #expect(channel.unwrittenMessages == 1)
        let flush = Task { await channel.flush(timeout: .hours(1)) }
        await Task.yield()
        channel.release(bytes: frame, messages: 1)
        await flush.value
        try channel.trySend(number(1))
        let last = Task { await channel.flush(timeout: .hours(1)) }
        await Task.yield()
        channel.close(GlueberryError(.closed, "the session ended"))
        await last.value
    }

    @Test func aChannelWithoutAConnectionKeepsWhatIsQueued() async throws {
        let channel = StreamChannel(
            peer: Identity.generate().peerID, name: "a", session: 1, key: nil, limits: .forTests,
            inbound: RecordingSink(), unfinished: UnfinishedFrames(limit: 1_000_000), nonces: NonceSource(),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(), open: { _ in false })
        for index in 0..<3 { try channel.trySend(number(index)) }
        #expect(channel.close(GlueberryError(.closed, "the session ended")) == 3)
    }
}
