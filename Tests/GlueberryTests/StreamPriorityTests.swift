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
import Testing
import Yamux

@testable import Glueberry

/// The priority that a name has reaches the streams of that name, whoever opens them.
@Suite(.timeLimit(.minutes(2))) struct StreamPriorityTests {
    /// Notes the priority of the streams that bring it messages.
    private final class PrioritySink: InboundSink {
        let priorities = Log<YamuxStreamPriority>()

        func deliver(_ batch: [ReceivedMessage], from stream: NIOLoopBound<FrameStream>) -> InboundRoom {
            if let priority = stream.value.priority { self.priorities.append(priority) }
            for received in batch { stream.value.giveCredit(received.credit) }
            return .now
        }

        func isOpen(for stream: NIOLoopBound<FrameStream>) -> Bool { true }
        func refused(_ reason: RefusedMessage) {}
    }

    @Test func bothTheStreamThatIsOpenedAndTheOneThatIsAcceptedHaveTheirSidesPriority() async throws {
        try await withLink { link in
            var limits = StreamChannel.Limits.forTests
            limits.priority = StreamPriority(urgency: .low, weight: 7)
            let (atListener, atDialer) = (PrioritySink(), PrioritySink())
            let listener = try link.listener.channel("a", limits: limits, inbound: atListener)
            limits.priority = .high
            let dialer = try link.dialer.channel("a", limits: limits, inbound: atDialer)
            try await dialer.send(ByteBuffer(string: "0"), timeout: nil)
            try await eventually { atListener.priorities.count == 1 }
            // It goes back on the stream that the other side opened.
            try await listener.send(ByteBuffer(string: "1"), timeout: nil)
            try await eventually { atDialer.priorities.count == 1 }
            #expect(atListener.priorities.all == [YamuxStreamPriority(urgency: .low, weight: 7)])
            #expect(atDialer.priorities.all == [YamuxStreamPriority(urgency: .high)])
        }
    }

    @Test func theNodesConfigurationReachesItsStreams() async throws {
        var configuration = standard(["vote", "bulk", "other"])
        let bulk = StreamPriority(urgency: .low, weight: 2)
        configuration.streamPriorities = ["vote": .high, "bulk": bulk]
        try await withNodes(configuration) { listener, dialer in
            try await establish(listener, dialer)
            let session = try #require(try dialer.requireRunning().directory.session(with: listener.peerID))
            #expect(session.channel("vote")?.limits.priority == .high)
            #expect(session.channel("bulk")?.limits.priority == bulk)
            #expect(session.channel("other")?.limits.priority == .normal)
            #expect(session.channel(StreamName.handshake)?.limits.priority ?? .normal == .normal)
        }
    }
}
