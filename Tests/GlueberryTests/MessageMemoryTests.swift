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

/// How much memory messages keep alive.
@Suite(.timeLimit(.minutes(2))) struct MessageMemoryTests {
    @Test(arguments: [1, 64, 1000, 65_536, 262_144])
    func anOpenedMessageHasMemoryOfItsOwnAndOfItsSize(size: Int) throws {
        let key = try PairKey(local: .generate(), remote: Identity.generate().publicKey)
        var frame = try Frame.seal(ByteBuffer(bytes: pattern(size)), with: key.cipher, nonces: NonceSource())
        frame.writeRepeatingByte(0, count: 1_000_000)
        let next = try FrameDecoder(maximumPayload: 1_000_000).next(&frame)
        let payload = try #require(next)
        let message = try #require(Frame.open(payload, with: key.cipher))
        #expect(Array(message.readableBytesView) == pattern(size))
        #expect(message.storageCapacity < 2 * size, "not that of everything that came with it")
        #expect(Frame.copy(payload).storageCapacity < 2 * (size + Frame.sealOverhead))
    }

    @Test func aPayloadThatIsNotAuthenticOrTooShortIsNotOpened() throws {
        let key = try PairKey(local: .generate(), remote: Identity.generate().publicKey)
        for size in [0, 1, 11, 27, 28, 100] {
            #expect(Frame.open(ByteBuffer(repeating: 1, count: size), with: key.cipher) == nil)
        }
    }

    @Test func aConsumerTakesNoMoreAtOnceThanAQuarterOfAMebibyteAndOneAtLeast() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link, limits: .init(messages: 1000, bytes: 100_000_000))
            let queue = messages.queue(Identity.generate().peerID, "a")
            messages.arrive(0..<10, in: queue, bytes: 100_000)
            messages.arrive(10..<12, in: queue, bytes: 1_000_000)
            var iterator = try #require(messages.claim(.all)).makeAsyncIterator()
            #expect(await take(1, &iterator) == [0])
            #expect(queue.count == 10, "two are taken, the third would be beyond")
            #expect(await take(10, &iterator) == Array(1...10))
            #expect(queue.count == 1)
            #expect(await take(1, &iterator) == [11])
        }
    }

    @Test func piecesOfAnySizeMakeUpTheMessagesThatWereSent() async throws {
        try await withLink { link in
            let sink = RecordingSink()
            let key = try PairKey(local: .generate(), remote: Identity.generate().publicKey)
            _ = try link.listener.channel("a", key: key, inbound: sink)
            let stream = try await link.dialer.connection.openStream(protocols: [StreamName.protocolID(of: "a")])
            var random = SplitMix64(seed: 7)
            var bytes = ByteBuffer()
            let payloads = (0..<60).map { pattern([0, 1, 100, 5000, 70_000, 200_000][$0 % 6], seed: $0) }
            for payload in payloads {
                var frame = try Frame.seal(ByteBuffer(bytes: payload), with: key.cipher, nonces: NonceSource())
                bytes.writeBuffer(&frame)
            }
            while bytes.readableBytes > 0 {
                let count = min(bytes.readableBytes, Int.random(in: 1...60_000, using: &random))
                let slice = bytes.readSlice(length: count)
                try await stream.write(try #require(slice))
            }
            try await eventually { sink.payloads.count == payloads.count }
            #expect(sink.payloads == payloads)
            #expect(sink.refusals == 0)
        }
    }
}
