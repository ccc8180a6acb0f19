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

@Suite struct StreamEndTests {
    @Test func aResetReachesWhoeverReadsAndWritesAtTheOtherEnd() throws {
        let pair = try StreamPair(writeBuffer: 100)
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        // Nobody reads at the near end, so that the far end's writes fill window and buffer.
        let reader = try pair.start { try await far.read() }
        let writer = try pair.start {
            while true { try await far.write(ByteBuffer(repeating: 1, count: 50_000)) }
        }
        #expect(reader.isWaiting && writer.isWaiting)
        near.reset(code: StreamErrorCode.rateLimited)
        try pair.run()
        for error in [reader.error, writer.error] {
            #expect((error as? HostError)?.code == .reset)
            #expect((error as? HostError)?.resetCode == StreamErrorCode.rateLimited)
        }
        #expect(pair.streamCount == 0)
    }

    @Test func aResetReachesWhoeverReadsAndWritesAtThisEnd() throws {
        let pair = try StreamPair(writeBuffer: 100)
        let near = try #require(pair.near)
        let reader = try pair.start { try await near.read() }
        let writer = try pair.start {
            while true { try await near.write(ByteBuffer(repeating: 1, count: 50_000)) }
        }
        #expect(reader.isWaiting && writer.isWaiting)
        near.reset()
        try pair.run()
        #expect(reader.code == .closed && writer.code == .closed)
        #expect(pair.streamCount == 0)
        near.reset()
        try pair.run()
        #expect(try pair.start { try await near.read() }.code == .closed)
    }

    @Test func theEndOfTheConnectionReachesWhoeverReadsAndWrites() throws {
        let pair = try StreamPair(writeBuffer: 100)
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let reader = try pair.start { try await near.read() }
        let writer = try pair.start {
            while true { try await far.write(ByteBuffer(repeating: 1, count: 500_000)) }
        }
        #expect(writer.isWaiting)
        let connection = try #require(pair.handlers.listener.connection)
        let closing = try pair.start { await connection.close(code: ConnectionErrorCode.shutdown) }
        pair.handlers.dialer.channel.close(promise: nil)
        try pair.run()
        #expect(!closing.isWaiting)
        #expect(writer.code == .closed)
        // What had arrived is read first; then the error.
        #expect(reader.value??.readableBytes ?? 0 > 0)
        let rest = try pair.start { while try await near.read() != nil {} }
        #expect(rest.code == .closed)
        #expect(pair.streamCount == 0 && pair.bufferedBytes == 0)
    }

    @Test func whatCameBeforeAResetIsReadBeforeItsError() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        _ = try pair.start { try await near.write(ByteBuffer(string: "before")) }
        near.reset(code: 0x42)
        try pair.run()
        #expect(try pair.start { try await far.read() }.value == ByteBuffer(string: "before"))
        let next = try pair.start { try await far.read() }
        #expect(next.code == .reset && (next.error as? HostError)?.resetCode == 0x42)
    }

    @Test func aStreamThatIsLetGoOfUnfinishedIsReset() throws {
        let pair = try StreamPair()
        let far = try #require(pair.far)
        pair.letGoOfNear()
        try pair.run()
        let read = try pair.start { try await far.read() }
        #expect(read.code == .reset)
        #expect(pair.streamCount == 0)
    }

    @Test func aStreamThatIsLetGoOfWithTheOthersHalfOpenIsResetBehindWhatItSent() throws {
        let pair = try StreamPair()
        let far = try #require(pair.far)
        do {
            let near = try #require(pair.near)
            _ = try pair.start {
                try await near.write(ByteBuffer(string: "said"))
                await near.finish()
            }
        }
        pair.letGoOfNear()
        try pair.run()
        #expect(try pair.start { try await far.read() }.value == ByteBuffer(string: "said"))
        #expect(pair.streamCount == 0)
    }

    @Test func aStreamThatIsLetGoOfFinishedByBothEndsIsNotReset() throws {
        let pair = try StreamPair()
        do {
            let (near, far) = (try #require(pair.near), try #require(pair.far))
            let done = try pair.start {
                try await near.write(ByteBuffer(string: "question"))
                await near.finish()
                _ = try await far.read()
                try await far.write(ByteBuffer(string: "answer"))
                await far.finish()
                return [try await near.read(), try await near.read(), try await far.read()]
            }
            #expect(done.value == [ByteBuffer(string: "answer"), nil, nil])
        }
        pair.letGoOfFar()
        pair.letGoOfNear()
        try pair.run()
        #expect(pair.streamCount == 0)
        #expect(pair.handlers.listenerDelegate.closed.isEmpty)
    }

    @Test func finishingTwiceIsFinishingOnce() throws {
        let pair = try StreamPair()
        let (near, far) = (try #require(pair.near), try #require(pair.far))
        let twice = try pair.start {
            try await near.write(ByteBuffer(string: "once"))
            await near.finish()
            await near.finish()
        }
        #expect(twice.error == nil && !twice.isWaiting)
        let read = try pair.start { [try await far.read(), try await far.read()] }
        #expect(read.value == [ByteBuffer(string: "once"), nil])
        // The other half goes on.
        _ = try pair.start { try await far.write(ByteBuffer(string: "still here")) }
        #expect(try pair.start { try await near.read() }.value == ByteBuffer(string: "still here"))
        _ = try pair.start {
            await far.finish()
            await near.finish()
            await far.finish()
        }
        #expect(try pair.start { try await near.read() }.value == .some(nil))
        #expect(pair.streamCount == 0)
    }

    @Test func anOpeningThatIsCancelledIsResetWhenItIsAgreedOnAfterAll() throws {
        let pair = try HandlerPair()
        let consumer = RecordingConsumer()
        pair.listenerDelegate.routes = { _, _ in .accept(consumer) }
        let connection = try #require(pair.dialer.connection)
        let opening = pair.executor.start { _ = try await connection.openStream(protocols: ["/a/1.0.0"]) }
        opening.cancel()
        try pair.run()
        #expect(opening.code == .cancelled)
        #expect(consumer.isReady && consumer.closeCount == 1)
        #expect(pair.listenerDelegate.usage.streamCount == 0)
    }

    @Test func anOpeningThatIsNotAnsweredTimesOut() throws {
        let pair = try HandlerPair()
        let connection = try #require(pair.dialer.connection)
        pair.isListenerHeard = false
        let opening = pair.executor.start {
            _ = try await connection.openStream(protocols: ["/a/1.0.0"], timeout: .seconds(3))
        }
        try pair.run()
        pair.loop.advanceTime(by: .seconds(3))
        try pair.run()
        #expect(opening.code == .timedOut)
        pair.isListenerHeard = true
        try pair.run()
        #expect(pair.listenerDelegate.usage.streamCount == 0)
    }

    @Test func anOpeningThatIsRefusedHasNoCommonProtocol() throws {
        let pair = try HandlerPair()
        let connection = try #require(pair.dialer.connection)
        let opening = pair.executor.start {
            _ = try await connection.openStream(protocols: ["/a/1.0.0", "/b/1.0.0"])
        }
        try pair.run()
        #expect(opening.code == .noCommonProtocol)
        #expect(pair.listenerDelegate.usage.streamCount == 0)
        let none = pair.executor.start { _ = try await connection.openStream(protocols: []) }
        try pair.run()
        #expect(none.code == .noCommonProtocol)
    }
}
