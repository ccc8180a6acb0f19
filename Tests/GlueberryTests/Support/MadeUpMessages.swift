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

@testable import Glueberry

/// Messages that no stream brought, numbered so that their order can be checked.
struct MadeUpMessages {
    let hub: MessageHub
    private let source: (stream: NIOLoopBound<FrameStream>, id: ObjectIdentifier)

    init(
        on link: Link, limits: InboundQueue.Limits = .init(messages: 4096, bytes: 4 * 1024 * 1024),
        policies: [String: ReceivePolicy] = [:]
    ) async throws {
        self.hub = MessageHub(limits: limits, policies: policies)
        self.source = try await link.dialer.idleStream()
    }

    func queue(_ peer: PeerID, _ stream: String) -> InboundQueue {
        self.hub.queue(for: .init(peer: peer, stream: stream))
    }

    @discardableResult
    func arrive(_ numbers: some Sequence<Int>, in queue: InboundQueue, bytes: Int = 8) -> InboundRoom {
        self.arrival(of: numbers, in: queue, bytes: bytes).room
    }

    func arrival(
        of numbers: some Sequence<Int>, in queue: InboundQueue, bytes: Int = 8, session: UInt64 = 1
    ) -> InboundQueue.Arrival {
        let batch = numbers.map { number in
            var payload = ByteBuffer(integer: number)
            payload.writeRepeatingByte(0, count: bytes - 8)
            return ReceivedMessage(
                message: Message(peer: queue.key.peer, stream: queue.key.stream, payload: payload, session: session),
                credit: bytes)
        }
        return queue.append(batch, from: self.source.stream, id: self.source.id)
    }

    func claim(_ route: MessageHub.Route) -> MessageSequence? {
        MessageSequence.Claim(route, of: self.hub).map { MessageSequence(claim: $0) }
    }
}

extension Message {
    /// The number of a message that was made up.
    var number: Int { self.payload.getInteger(at: self.payload.readerIndex, as: Int.self) ?? -1 }
}

/// The next numbers of an iteration.
func take(_ count: Int, _ iterator: inout MessageSequence.AsyncIterator) async -> [Int] {
    var numbers: [Int] = []
    while numbers.count < count, let message = await iterator.next() { numbers.append(message.number) }
    return numbers
}
