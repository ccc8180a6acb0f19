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

import NIOCore
import NIOEmbedded
import Testing

@testable import LibP2P

@Suite struct StreamWriteTests {
    /// A stream whose socket takes nothing, so that what is written stays in the stream's buffer.
    private func blocked(writeBuffer: Int = 1000) throws -> StreamPair {
        let pair = try StreamPair(writeBuffer: writeBuffer)
        pair.handlers.dialer.channel.isWritable = false
        return pair
    }

    private func unblock(_ pair: StreamPair) throws {
        pair.handlers.dialer.channel.isWritable = true
        pair.handlers.dialer.channel.pipeline.fireChannelWritabilityChanged()
        try pair.run()
    }

    @Test func aWriteWaitsForRoomAndTheFirstToWaitIsTheFirstServed() throws {
        let pair = try self.blocked()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let counts = [1000, 400, 500, 300, 1]
        let writes = try counts.enumerated().map { index, count in
            try pair.start { try await near.write(ByteBuffer(repeating: UInt8(index), count: count)) }
        }
        // The last would fit into nothing either: the first has filled the buffer.
        #expect(writes.map(\.isWaiting) == [false, true, true, true, true])
        try self.unblock(pair)
        #expect(writes.allSatisfy { !$0.isWaiting && $0.error == nil })
        let read = try pair.start { try await far.read(exactly: counts.reduce(0, +)) }
        let expected = counts.enumerated().flatMap { index, count in [UInt8](repeating: UInt8(index), count: count) }
        #expect(read.value == ByteBuffer(bytes: expected))
    }

    @Test func aSmallWriteDoesNotOvertakeOneThatWaits() throws {
        let pair = try self.blocked()
        let near = try #require(pair.near)
        _ = try pair.start { try await near.write(ByteBuffer(repeating: 0, count: 900)) }
        let large = try pair.start { try await near.write(ByteBuffer(repeating: 1, count: 200)) }
        let small = try pair.start { try await near.write(ByteBuffer(repeating: 2, count: 50)) }
        #expect(large.isWaiting && small.isWaiting)
        try self.unblock(pair)
        #expect(!large.isWaiting && !small.isWaiting)
    }

    @Test func aWriteThatIsCancelledWhileItWaitsSendsNothingAndMakesWay() throws {
        let pair = try self.blocked()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        _ = try pair.start { try await near.write(ByteBuffer(repeating: 0, count: 900)) }
        let cancelled = try pair.start { try await near.write(ByteBuffer(repeating: 1, count: 500)) }
        let next = try pair.start { try await near.write(ByteBuffer(repeating: 2, count: 100)) }
        #expect(cancelled.isWaiting && next.isWaiting)
        cancelled.cancel()
        try pair.run()
        #expect(cancelled.code == .cancelled)
        #expect(!next.isWaiting && next.error == nil)
        try self.unblock(pair)
        let read = try pair.start { try await far.read(exactly: 1000) }
        let expected = [UInt8](repeating: 0, count: 900) + [UInt8](repeating: 2, count: 100)
        #expect(read.value == ByteBuffer(bytes: expected))
        #expect(pair.bufferedBytes == 0)
    }

    @Test func aWriteLargerThanTheBufferIsTakenWhenNothingElseIsQueued() throws {
        let pair = try self.blocked()
        let near = try #require(pair.near)
        let large = try pair.start { try await near.write(ByteBuffer(repeating: 0, count: 50_000)) }
        #expect(!large.isWaiting && large.error == nil)
        let next = try pair.start { try await near.write(ByteBuffer(repeating: 0, count: 1)) }
        #expect(next.isWaiting)
        try self.unblock(pair)
        #expect(!next.isWaiting && next.error == nil)
    }

    @Test func aWriteAfterTheEndOrAResetFails() throws {
        let pair = try StreamPair()
        let near = try #require(pair.near)
        let finished = try pair.start {
            await near.finish()
            try await near.write(ByteBuffer(string: "late"))
        }
        #expect(finished.code == .closed)
        let other = try StreamPair()
        let stream = try #require(other.near)
        stream.reset()
        try other.run()
        #expect(try other.start { try await stream.write(ByteBuffer(string: "late")) }.code == .closed)
        // Nothing is no write, and fails no more than it sends.
        #expect(try other.start { try await stream.write(ByteBuffer()) }.error == nil)
    }
}
