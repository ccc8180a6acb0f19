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
import Testing

@testable import Yamux

@Suite struct StreamIDTests {
    @Test func theClientUsesOddAndTheServerEvenNumbers() throws {
        var client = YamuxSession(role: .client, now: .distantPast)
        var server = YamuxSession(role: .server, now: .distantPast)
        #expect(try client.openStream(now: .distantPast) == 1)
        #expect(try client.openStream(now: .distantPast) == 3)
        #expect(try server.openStream(now: .distantPast) == 2)
        #expect(try server.openStream(now: .distantPast) == 4)
    }

    @Test(arguments: [YamuxSession.Role.client, .server])
    func usedUpNumbersAreATypedError(role: YamuxSession.Role) throws {
        var session = YamuxSession(role: role, now: .distantPast)
        session.nextStreamID = role == .client ? .max : .max - 1
        #expect(try session.openStream(now: .distantPast).rawValue >= .max - 1)
        let error = #expect(throws: YamuxError.self) { try session.openStream(now: .distantPast) }
        #expect(error?.code == .streamIDsExhausted)
    }

    @Test func thePeerMayOpenOutOfOrder() {
        var session = YamuxSession(role: .server, now: .distantPast)
        let events = session.receive([5, 1, 9, 3, 7].map { .update(WireFrame.syn, $0, 0) })
        #expect(events == [5, 1, 9, 3, 7].map { .streamOpened(YamuxStreamID(rawValue: $0)) })
    }

    @Test func thePeersLastNumbersDoNotOverflow() {
        var session = YamuxSession(role: .server, now: .distantPast)
        let events = session.receive([.update(WireFrame.syn, .max, 0), .update(WireFrame.syn, .max - 2, 0)])
        #expect(events.count == 2)
        #expect(failure(in: session.receive([.update(WireFrame.syn, .max, 0)]))?.code == .protocolViolation)
    }

    @Test func everyNumberIsFreeOnce() {
        var random = SplitMix64(seed: 3)
        var ids = PeerStreamIDs(first: 2)
        let order = (1...150).map { UInt32($0 * 2) }.shuffled(using: &random)
        for id in order {
            #expect(!ids.isUsed(id))
            #expect(ids.use(id) == true)
            #expect(ids.isUsed(id))
            #expect(ids.use(id) == false)
        }
    }

    @Test func theMemoryOfSkippedNumbersIsBounded() {
        var ids = PeerStreamIDs(first: 1)
        for step in 1...1000 as ClosedRange<UInt32> {
            #expect(ids.use(step * 4 + 1) == true)
        }
        // The oldest gaps are forgotten and count as used; the latest are still free.
        #expect(ids.isUsed(3))
        #expect(!ids.isUsed(1000 * 4 - 1))
    }
}
