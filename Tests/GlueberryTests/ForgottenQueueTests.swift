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

@Suite(.timeLimit(.minutes(2))) struct ForgottenQueueTests {
    @Test func whatAConsumerPutsBackAfterTheSessionEndedStillComesFirst() async throws {
        try await withLink { link in
            let peer = Identity.generate().peerID
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<10, in: messages.queue(peer, "a"))
            let sequence = try #require(messages.claim(.all))
            do {
                var iterator = sequence.makeAsyncIterator()
                #expect(await take(3, &iterator) == [0, 1, 2])
                // The session ends, and the next one brings more, while the first batch is still being worked on.
                messages.hub.forgetEmpty(of: peer)
                messages.arrive(10..<12, in: messages.queue(peer, "a"))
            }
            var iterator = sequence.makeAsyncIterator()
            #expect(await take(9, &iterator) == Array(3..<12))
        }
    }

    @Test func whatAConsumerPutsBackAfterTheSessionEndedMovesToARouteThatIsClaimedLater() async throws {
        try await withLink { link in
            let peer = Identity.generate().peerID
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<10, in: messages.queue(peer, "a"))
            let sequence = try #require(messages.claim(.all))
            do {
                var iterator = sequence.makeAsyncIterator()
                #expect(await take(3, &iterator) == [0, 1, 2])
                messages.hub.forgetEmpty(of: peer)
            }
            var routed = try #require(messages.claim(.stream("a"))).makeAsyncIterator()
            messages.hub.finish()
            #expect(await take(7, &routed) == Array(3..<10))
        }
    }
}
