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
import PeerIdentity
import Testing

@testable import Glueberry

/// What a sender keeps until the other side has shown that it reads the stream.
@Suite(.timeLimit(.minutes(2))) struct RetentionTests {
    private func numbers(_ range: Range<Int>) -> [[UInt8]] { range.map { Array(String($0).utf8) } }

    /// Sends three messages on a stream that the other side does not read and then resets, and one more; returns what the
    /// next stream brings.
    private func afterReset(
        _ limits: StreamChannel.Limits, on link: Link, wait: (any EventLoop) async throws -> Void = { _ in }
    ) async throws -> [[UInt8]] {
        let (streams, incoming) = AsyncStream.makeStream(of: LibP2P.Stream.self)
        link.listener.host.handle(StreamName.protocolID(of: "a")) { stream in incoming.yield(stream) }
        let sender = try link.dialer.channel("a", limits: limits, inbound: RecordingSink())
        for payload in numbers(0..<3) { try await sender.send(.init(bytes: payload), timeout: nil) }
        var iterator = streams.makeAsyncIterator()
        let first = try #require(await iterator.next())
        try await eventually { sender.unwrittenMessages == 0 }
        try await link.barrier()
        try await wait(link.dialer.connection.eventLoop)
        first.reset(code: StreamErrorCode.none)
        try await link.barrier()
        try await sender.send(.init(bytes: Array("last".utf8)), timeout: nil)
        let second = try #require(await iterator.next())
        var input = ByteBuffer()
        var payloads: [[UInt8]] = []
        while payloads.last != Array("last".utf8) {
            var bytes = try #require(try await second.read())
            input.writeBuffer(&bytes)
            while let payload = try FrameDecoder(maximumPayload: 1000).next(&input) {
                payloads.append(Array(payload.readableBytesView))
            }
        }
        sender.close(GlueberryError(.closed, "the session ended"))
        return payloads
    }

    private var last: [[UInt8]] { [Array("last".utf8)] }

    @Test func whatAPeerMayNotHaveReadIsSentAgainBeforeAnythingNewer() async throws {
        try await withLink { link in
            let payloads = try await afterReset(.forTests, on: link)
            #expect(payloads == numbers(0..<3) + last)
        }
    }

    @Test func afterItsTimeNothingIsKeptAnyMore() async throws {
        try await withLink { link in
            var limits = StreamChannel.Limits.forTests
            limits.retention = .milliseconds(1)
            let payloads = try await afterReset(limits, on: link) { loop in
                // Timers fire in the order of their deadlines, and this one's comes after the other's.
                try await loop.scheduleTask(in: .milliseconds(5)) {}.futureResult.outcome()
            }
            #expect(payloads == last)
        }
    }

    @Test func moreThanTheBoundInBytesIsNotKept() async throws {
        try await withLink { link in
            var limits = StreamChannel.Limits.forTests
            limits.retainedBytes = 2 * Frame.length(ofPayload: 1) + 1
            let payloads = try await afterReset(limits, on: link)
            #expect(payloads == last)
        }
    }

    @Test func theDefaultsAreTenSecondsAndAQuarterOfAMebibyte() {
        let limits = StreamChannel.Limits(maximumMessage: 1, sendBufferBytes: 1, sendBufferMessages: 1)
        #expect(limits.retention == .seconds(10))
        #expect(limits.retainedBytes == 256 * 1024)
    }
}
