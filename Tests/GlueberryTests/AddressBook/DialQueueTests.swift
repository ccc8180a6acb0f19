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

import PeerIdentity
import Testing

@testable import Glueberry

@Suite struct DialQueueTests {
    private let peers = (0..<8).map { _ in Identity.generate().peerID }

    @Test func noMoreDialsRunThanTheLimitAllows() {
        var queue = DialQueue(limit: 2)
        #expect(queue.request(self.peers[0], isUrgent: false) == true)
        #expect(queue.request(self.peers[1], isUrgent: false) == true)
        #expect(queue.request(self.peers[2], isUrgent: false) == false)
        #expect(queue.request(self.peers[3], isUrgent: true) == false)
        #expect(queue.next() == nil)
        queue.leave(self.peers[0])
        #expect(queue.next() == self.peers[3])
        #expect(queue.next() == nil)
        #expect(queue.runningCount == 2)
        #expect(queue.waitingCount == 1)
    }

    @Test func whoeverIsWaitedForGoesFirst() {
        var queue = DialQueue(limit: 1)
        #expect(queue.request(self.peers[0], isUrgent: false) == true)
        for peer in self.peers[1...4] { #expect(queue.request(peer, isUrgent: false) == false) }
        queue.promote(self.peers[3])
        var order: [PeerID] = []
        queue.leave(self.peers[0])
        while let next = queue.next() {
            order.append(next)
            queue.leave(next)
        }
        #expect(order == [self.peers[3], self.peers[1], self.peers[2], self.peers[4]])
    }

    @Test func aPeerThatIsNoLongerWantedIsSkipped() {
        var queue = DialQueue(limit: 1)
        #expect(queue.request(self.peers[0], isUrgent: false) == true)
        #expect(queue.request(self.peers[1], isUrgent: false) == false)
        #expect(queue.request(self.peers[2], isUrgent: false) == false)
        queue.leave(self.peers[1])
        queue.leave(self.peers[0])
        #expect(queue.next() == self.peers[2])
        #expect(!queue.hasRoom)
        queue.leave(self.peers[2])
        #expect(queue.hasRoom)
    }

    @Test func promotingSomebodyWhoDoesNotWaitChangesNothing() {
        var queue = DialQueue(limit: 1)
        queue.promote(self.peers[0])
        #expect(queue.next() == nil)
        #expect(queue.request(self.peers[0], isUrgent: false) == true)
        queue.promote(self.peers[0])
        queue.leave(self.peers[0])
        #expect(queue.next() == nil)
    }

    @Test func randomRequestsKeepTheLimitAndForgetNobody() {
        var random = SplitMix64(seed: 11)
        var queue = DialQueue(limit: 3)
        var running: Set<PeerID> = []
        var waiting: Set<PeerID> = []
        for _ in 0..<20_000 {
            let peer = self.peers[Int.random(in: 0..<self.peers.count, using: &random)]
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where !running.contains(peer):
                if queue.request(peer, isUrgent: Bool.random(using: &random)) {
                    running.insert(peer)
                    waiting.remove(peer)
                } else {
                    waiting.insert(peer)
                }
            case 1:
                queue.leave(peer)
                running.remove(peer)
                waiting.remove(peer)
            case 2: queue.promote(peer)
            default:
                while let next = queue.next() {
                    let wasWaiting = waiting.remove(next) != nil
                    let isNew = running.insert(next).inserted
                    #expect(wasWaiting && isNew)
                }
                #expect(waiting.isEmpty || running.count == 3)
            }
            #expect(running.count <= 3)
            #expect(queue.runningCount == running.count)
            #expect(queue.waitingCount == waiting.count)
        }
    }
}
