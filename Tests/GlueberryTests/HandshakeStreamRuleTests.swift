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

import Testing

@testable import Glueberry

@Suite struct HandshakeStreamRuleTests {
    private func rule(
        _ state: ConnectionState, owned: Bool = false, other: Bool = false, simultaneous: Bool = false
    ) -> HandshakeStreamRule {
        HandshakeStreamRule(state: state, isOwned: owned, hasOther: other, isSimultaneous: simultaneous)
    }

    @Test(arguments: [ConnectionState.disconnected, .connecting, .reconnecting])
    func itBeginsASessionWhereThereIsNone(state: ConnectionState) {
        #expect(rule(state) == .begin)
    }

    @Test func duringAHandshakeItJoinsUnlessTheOtherSideHasOneElsewhere() {
        #expect(rule(.connected) == .join)
        #expect(rule(.connected, owned: true) == .join)
        #expect(rule(.connected, other: true) == .supersede)
    }

    @Test func afterTheHandshakeItIsRefusedOnTheSessionsOwnConnections() {
        #expect(rule(.established, owned: true) == .refuse)
    }

    @Test func afterTheHandshakeAnotherConnectionMeansANewSession() {
        #expect(rule(.established) == .supersede)
    }

    @Test func afterTheHandshakeAConnectionAsOldAsTheSessionDoesNotMeanANewOne() {
        #expect(rule(.established, simultaneous: true) == .refuse)
    }

    @Test func aPeerInCooldownIsSentAway() {
        #expect(rule(.cooldown) == .close)
    }
}
