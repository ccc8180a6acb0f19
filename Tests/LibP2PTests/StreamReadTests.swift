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
import Yamux

@testable import LibP2P

@Suite struct StreamReadTests {
    @Test func aSecondReaderIsToldThatTheStreamHasOne() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let first = try pair.start { try await far.read() }
        #expect(first.isWaiting)
        let second = try pair.start { try await far.read() }
        #expect(second.code == .protocolViolation)
        #expect(first.isWaiting)
        _ = try pair.start { try await near.write(ByteBuffer(string: "for the first")) }
        #expect(first.value == ByteBuffer(string: "for the first"))
    }

    @Test func aReadThatIsCancelledWhileItWaitsLosesNothing() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let cancelled = try pair.start { try await far.read() }
        cancelled.cancel()
        try pair.run()
        #expect(cancelled.code == .cancelled)
        _ = try pair.start { try await near.write(ByteBuffer(string: "kept")) }
        let next = try pair.start { try await far.read() }
        #expect(next.value == ByteBuffer(string: "kept"))
    }

    @Test func aReadThatIsCancelledAsTheBytesComeLosesNothing() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let cancelled = try pair.start { try await far.read() }
        _ = pair.handlers.executor.start { try await near.write(ByteBuffer(string: "bytes")) }
        // The bytes wake the reader, which is cancelled before it has had its turn.
        pair.handlers.loop.run()
        try pair.handlers.listener.give(pair.handlers.dialer.takeOutput())
        #expect(cancelled.isWaiting && pair.handlers.executor.hasWork)
        cancelled.cancel()
        try pair.run()
        #expect(cancelled.value == ByteBuffer(string: "bytes"))
    }

    @Test func fewBytesThatWaitToBeReadKeepLittleMemoryAlive() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        // What is opened on this thread lies in memory that has grown with this.
        _ = try pair.start { try await near.write(ByteBuffer(repeating: 1, count: 100_000)) }
        let large = try pair.start { try await far.read(exactly: 100_000) }
        #expect(large.value??.readableBytes == 100_000)
        _ = try pair.start { try await near.write(ByteBuffer(string: "few")) }
        let few = try pair.start { try await far.read() }
        #expect(few.value == ByteBuffer(string: "few"))
        #expect(few.value??.storageCapacity ?? .max <= 4096)
    }

    @Test func aReadTakesNoMoreThanItWasAskedFor() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        _ = try pair.start { try await near.write(ByteBuffer(string: "abcdefgh")) }
        #expect(try pair.start { try await far.read(upTo: 3) }.value == ByteBuffer(string: "abc"))
        #expect(pair.bufferedBytes == 5)
        #expect(try pair.start { try await far.read(upTo: 100) }.value == ByteBuffer(string: "defgh"))
        #expect(pair.bufferedBytes == 0)
    }

    @Test func anExactReadMayBeLargerThanTheWindow() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let count = 3 * YamuxConfiguration.initialWindow + 17
        let read = try pair.start { try await far.read(exactly: count) }
        _ = try pair.start { try await near.write(ByteBuffer(repeating: 9, count: count)) }
        #expect(read.value == ByteBuffer(repeating: 9, count: count))
    }

    @Test func theEndIsReadAfterEverythingBeforeItAndAgainAfterThat() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let read = try pair.start {
            [try await far.read(exactly: 4), try await far.read(), try await far.read(exactly: 1)]
        }
        _ = try pair.start {
            try await near.write(ByteBuffer(string: "last"))
            await near.finish()
        }
        #expect(read.value == [ByteBuffer(string: "last"), nil, nil])
    }

    @Test func anExactReadThatTheEndCutsShortSaysSo() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let read = try pair.start { try await far.read(exactly: 10) }
        _ = try pair.start {
            try await near.write(ByteBuffer(string: "short"))
            await near.finish()
        }
        #expect(read.code == .closed)
        #expect((read.error as? HostError)?.message == "the other side finished after 5 of 10 expected bytes")
    }

    @Test func whatNobodyReadsHoldsTheWriterUpAtTheWindowAndTheBuffer() throws {
        let pair = try StreamPair(writeBuffer: 10_000)
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let writing = try pair.start {
            for _ in 0..<1000 { try await near.write(ByteBuffer(repeating: 1, count: 1000)) }
        }
        try pair.run()
        #expect(writing.isWaiting)
        #expect(pair.bufferedBytes <= YamuxConfiguration.initialWindow)
        #expect(pair.bufferedBytes > YamuxConfiguration.initialWindow - 1000)
        let read = try pair.start { try await far.read(exactly: 1_000_000) }
        #expect(read.value??.readableBytes == 1_000_000)
        #expect(!writing.isWaiting && pair.bufferedBytes == 0)
    }

    @Test func sixtyFourMebibytesPassThroughOneStreamWithinItsBuffers() throws {
        let window = YamuxConfiguration.initialWindow
        let pair = try StreamPair(writeBuffer: 64 * 1024) { $0.yamux.maximumReceiveWindow = window }
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let usage = pair.handlers.listenerDelegate.usage
        let pieces = 1024
        let pieceLength = 64 * 1024
        let writing = try pair.start {
            for piece in 0..<pieces {
                try await near.write(ByteBuffer(repeating: UInt8(truncatingIfNeeded: piece), count: pieceLength))
            }
            await near.finish()
        }
        #expect(writing.isWaiting)
        let reading = try pair.start {
            var isRight = true
            var highest = 0
            var count = 0
            while let piece = try await far.read(exactly: pieceLength) {
                highest = max(highest, usage.bufferedBytes)
                isRight =
                    isRight
                    && piece
                        == ByteBuffer(
                            repeating: UInt8(truncatingIfNeeded: count), count: pieceLength)
                count += 1
            }
            return (count: count, isRight: isRight, highest: highest)
        }
        let result = try #require(reading.value)
        #expect(!writing.isWaiting && writing.error == nil)
        #expect(result.count == pieces && result.isRight)
        #expect(result.highest <= window)
        #expect(pair.bufferedBytes == 0)
    }
}
