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

@testable import Glueberry

@Suite struct PeerLifecycleTests {
    @Test func theUsualLifeGoesThroughEveryState() {
        var life = Life()
        #expect(life.state == .disconnected)
        #expect(life.connect() == [.state(.connecting), .dial])
        #expect(life.connected() == [.cancelDial, .begin(1), .state(.connected)])
        #expect(life.finalized() == [.establish(1), .state(.established)])
        #expect(life.disconnect() == [.end(1), .state(.disconnected), .close(0)])
        #expect(life.wait == nil)
    }

    @Test func aPeerThatDialsUsIsConnectedWithoutADialOfOurs() {
        var life = Life()
        #expect(life.connected() == [.state(.connecting), .begin(1), .state(.connected)])
        #expect(life.finalized() == [.establish(1), .state(.established)])
        // This side never wanted the peer, so it does not run after it.
        #expect(life.lost() == [.end(1), .state(.disconnected), .close(0x1004)])
        #expect(life.wait == nil)
    }

    @Test func aDialThatFailsIsTriedAgainAfterTheBackoff() {
        var life = Life(in: .connecting)
        #expect(life.dialFailed() == [.state(.disconnected), .state(.reconnecting)])
        #expect(life.wait == .seconds(1))
        #expect(life.timeout() == [], "the time has not come")
        #expect(life.passDeadline() == [.state(.connecting), .dial])
        #expect(life.dialFailed() == [.state(.disconnected), .state(.reconnecting)])
        #expect(life.wait == .seconds(2))
    }

    @Test(arguments: [(0.0, 900), (0.5, 1000), (1.0, 1100)])
    func tenReconnectionsFollowTheFirstDialAndThenItGivesUp(jitter: Double, milliseconds: Int64) {
        var life = Life(in: .connecting)
        for attempt in 1...9 {
            #expect(life.dialFailed(jitter: jitter) == [.state(.disconnected), .state(.reconnecting)])
            #expect(life.wait == .milliseconds(milliseconds << Int64(attempt - 1)))
            #expect(life.passDeadline() == [.state(.connecting), .dial])
        }
        #expect(life.dialFailed(jitter: jitter) == [.state(.disconnected), .state(.reconnecting)])
        #expect(life.wait == .milliseconds(300 * milliseconds), "the tenth is where the longest delay is reached")
        #expect(life.passDeadline() == [.state(.connecting), .dial])
        #expect(life.lifecycle.reconnections == 10)
        #expect(life.dialFailed(jitter: jitter) == [.state(.disconnected), .state(.disconnected)])
        #expect(life.state == .disconnected)
        #expect(life.wait == nil)
        #expect(!life.lifecycle.isWanted)
        // An explicit wish begins from zero.
        #expect(life.connect() == [.state(.connecting), .dial])
        #expect(life.dialFailed(jitter: 0.5) == [.state(.disconnected), .state(.reconnecting)])
        #expect(life.wait == .seconds(1))
    }

    @Test func asManyReconnectionsFollowALostSessionAsAFirstDial() {
        for (seconds, expected) in [(0, 3), (10, 3)] {
            var settings = Life.settings
            settings.backoff.attempts = 3
            var life = Life(in: .established, settings)
            life.advance(.seconds(Int64(seconds)))
            _ = life.lost()
            var dials = 0
            while life.state == .reconnecting, dials < 100 {
                _ = life.passDeadline()
                dials += 1
                _ = life.dialFailed()
            }
            #expect(dials == expected)
            #expect(!life.lifecycle.isWanted)
        }
    }

    @Test func aPeerThatSendsUsAwayEveryTimeIsGivenUpToo() {
        var settings = Life.settings
        settings.backoff.attempts = 3
        var life = Life(in: .connected, settings)
        var sessions = 1
        while sessions < 100 {
            _ = life.lost(.closedByPeer(code: 0))
            guard life.state == .reconnecting else { break }
            #expect(life.wait == .seconds(60))
            _ = life.passDeadline()
            _ = life.connected()
            sessions += 1
        }
        #expect(sessions == 1 + 3)
        #expect(life.state == .disconnected && !life.lifecycle.isWanted)
    }

    // MARK: What the application says of the tries

    @Test func cancellingEndsATryThatWaitsForItsTime() {
        var life = Life(in: .reconnecting)
        #expect(life.cancelReconnection() == [.state(.disconnected)])
        #expect(life.wait == nil && !life.lifecycle.isWanted && life.lifecycle.reconnections == 0)
        #expect(life.connect() == [.state(.connecting), .dial], "an explicit wish begins anew")
    }

    @Test func cancellingMakesATryThatRunsTheLast() {
        var life = Life(in: .connecting)
        #expect(life.cancelReconnection() == [])
        #expect(life.state == .connecting)
        #expect(life.dialFailed() == [.state(.disconnected)])
        #expect(life.wait == nil)
    }

    @Test func cancellingDuringCooldownMakesItTheEnd() {
        var life = Life(in: .cooldown)
        #expect(life.cancelReconnection() == [])
        #expect(life.passDeadline() == [.state(.disconnected)])
        #expect(life.wait == nil)
    }

    @Test(arguments: [ConnectionState.disconnected, .connected, .established])
    func cancellingWhereNoTryIsDueChangesNothing(state: ConnectionState) {
        var life = Life(in: state)
        let wasWanted = life.lifecycle.isWanted
        #expect(life.cancelReconnection() == [])
        #expect(life.state == state && life.lifecycle.isWanted == wasWanted)
    }

    @Test func aChangedNetworkIsTriedAtOnceAndForgetsNoFailure() {
        var life = Life(in: .reconnecting)
        #expect(life.retryNow() == [.state(.connecting), .dial])
        #expect(life.lifecycle.failures == 1)
        #expect(life.dialFailed() == [.state(.disconnected), .state(.reconnecting)])
        #expect(life.wait == .seconds(2))
        for state in ConnectionState.allCases where state != .reconnecting {
            var other = Life(in: state)
            #expect(other.retryNow() == [])
            #expect(other.state == state)
        }
    }

    @Test func zeroAttemptsNeverGiveUp() {
        var settings = Life.settings
        settings.backoff.attempts = 0
        var life = Life(in: .connecting, settings)
        for _ in 0..<1000 {
            #expect(life.dialFailed() == [.state(.disconnected), .state(.reconnecting)])
            #expect(life.passDeadline() == [.state(.connecting), .dial])
        }
        #expect(life.lifecycle.failures == 1000)
        _ = life.dialFailed()
        #expect(life.wait == .seconds(300))
    }

    @Test func hugeTimesDoNotOverflow() {
        let longest = TimeAmount.nanoseconds(.max)
        var life = Life(
            in: .connected,
            PeerLifecycle.Settings(
                handshakeTimeout: longest, cooldown: longest,
                backoff: Backoff(base: longest, maximum: longest, attempts: 0), steady: longest))
        #expect(life.timeout() == [])
        _ = life.handshakeFailed()
        #expect(life.state == .cooldown)
        #expect(life.timeout() == [])
        _ = life.disconnect()
        _ = life.connect()
        _ = life.dialFailed(jitter: 1)
        #expect(life.state == .reconnecting)
        #expect(life.timeout() == [])
    }

    // MARK: The count of failures

    @Test func theCountIsClearedAfterTenSecondsOfEstablishedAndNotBefore() {
        for (seconds, expected) in [(0, 3), (9, 3), (10, 0), (3600, 0)] {
            var life = Life(in: .connecting)
            _ = life.dialFailed()
            _ = life.passDeadline()
            _ = life.dialFailed()
            _ = life.passDeadline()
            _ = life.connected()
            #expect(life.lifecycle.failures == 2, "being connected clears nothing")
            _ = life.finalized()
            #expect(life.lifecycle.failures == 2, "being established clears nothing yet")
            life.advance(.seconds(Int64(seconds)))
            #expect(life.lost() == [.end(1), .state(.disconnected), .close(0x1004), .state(.reconnecting)])
            #expect(life.lifecycle.failures == expected)
            #expect(life.wait == (expected == 0 ? .seconds(1) : .seconds(4)))
        }
    }

    @Test func aConnectionThatIsLostDuringTheHandshakeCountsAsAFailure() {
        var life = Life(in: .connected)
        #expect(life.lost() == [.end(1), .state(.disconnected), .close(0x1004), .state(.reconnecting)])
        #expect(life.lifecycle.failures == 1)
        #expect(life.wait == .seconds(1))
    }

    // MARK: The handshake's time

    @Test func aHandshakeThatTakesTooLongEndsInCooldownAndThenInANewTry() {
        var life = Life(in: .connected)
        #expect(life.wait == .seconds(30))
        life.advance(.nanoseconds(29_999_999_999))
        #expect(life.timeout() == [])
        life.advance(.nanoseconds(1))
        #expect(life.timeout() == [.end(1), .state(.cooldown), .close(0)])
        #expect(life.wait == .seconds(60))
        #expect(life.passDeadline() == [.state(.disconnected), .state(.reconnecting)])
        #expect(life.wait == .seconds(1))
        #expect(life.passDeadline() == [.state(.connecting), .dial])
    }

    @Test func theCooldownOfAPeerThatNobodyWantsEndsInDisconnected() {
        var life = Life()
        _ = life.connected()
        #expect(life.passDeadline() == [.end(1), .state(.cooldown), .close(0)])
        #expect(life.passDeadline() == [.state(.disconnected)])
        #expect(life.wait == nil)
    }

    @Test func aHandshakeThatIsRefusedEndsInCooldownAtOnce() {
        var life = Life(in: .connected)
        #expect(life.handshakeFailed() == [.end(1), .state(.cooldown), .close(0)])
        #expect(life.wait == .seconds(60))
    }

    @Test func anEstablishedPeerIsLeftToItsConnection() {
        var life = Life(in: .established)
        #expect(life.wait == nil)
        life.advance(.hours(1000))
        #expect(life.timeout() == [])
        #expect(life.handshakeFailed() == [])
        #expect(life.state == .established)
    }

    // MARK: The other side closes

    @Test(arguments: [0, 0x1005, 0x1007] as [UInt32])
    func aPeerThatSendsUsAwayIsLeftAloneForTheCooldown(code: UInt32) {
        for state in [ConnectionState.connected, .established] {
            var life = Life(in: state)
            #expect(
                life.lost(.closedByPeer(code: code)) == [
                    .end(1), .state(.disconnected), .close(0x1004), .state(.reconnecting),
                ])
            #expect(life.wait == .seconds(60))
            #expect(life.passDeadline() == [.state(.connecting), .dial])
        }
    }

    @Test func afterAnyOtherEndTheBaseDelayIsWaited() {
        var reasons = [0x1000, 0x1001, 0x1002, 0x1003, 0x1004, 0x1006, 0xffff_ffff].map {
            ConnectionCloseReason.closedByPeer(code: UInt32($0))
        }
        reasons += [.closedByPeer(code: nil), .closedHere(code: 0), .lost(HostError(.timedOut, "silence"))]
        for reason in reasons {
            var life = Life(in: .established)
            life.advance(.seconds(10))
            #expect(life.lost(reason) == [.end(1), .state(.disconnected), .close(0x1004), .state(.reconnecting)])
            #expect(life.wait == .seconds(1))
        }
    }

    // MARK: What this side wants

    @Test(arguments: ConnectionState.allCases)
    func aDisconnectEndsEverythingAndMakesNoFurtherTries(state: ConnectionState) {
        var life = Life(in: state)
        let steps = life.disconnect(0x1006)
        #expect(steps.last == .close(0x1006))
        #expect(steps.contains(.state(.disconnected)) == (state != .disconnected))
        #expect(steps.contains(.cancelDial) == (state == .connecting))
        #expect(steps.contains(.end(1)) == (state == .connected || state == .established))
        #expect(life.state == .disconnected)
        #expect(life.wait == nil)
        #expect(!life.lifecycle.isWanted)
        #expect(life.lifecycle.failures == 0)
        #expect(life.lost() == [])
        #expect(life.dialFailed() == [])
        #expect(life.timeout() == [])
    }

    @Test func anExplicitConnectDoesNotWaitForTheNextTry() {
        var waiting = Life(in: .reconnecting)
        #expect(waiting.connect() == [.state(.connecting), .dial])
        #expect(waiting.lifecycle.failures == 0)
    }

    @Test func aConnectInCooldownIsForTheTimeAfterIt() {
        var life = Life(in: .cooldown)
        _ = life.cancelReconnection()
        #expect(life.connect() == [])
        #expect(life.state == .cooldown && life.lifecycle.isWanted)
        #expect(life.passDeadline() == [.state(.disconnected), .state(.reconnecting)])
    }

    @Test func aDisconnectEndsACooldown() {
        var life = Life(in: .cooldown)
        _ = life.disconnect()
        #expect(life.connect() == [.state(.connecting), .dial])
    }

    @Test func aConnectWhereItGoesOnAlreadyChangesNothing() {
        for state in [ConnectionState.connecting, .connected, .established] {
            var life = Life(in: state)
            #expect(life.connect() == [])
            #expect(life.state == state)
        }
    }

    @Test func aConnectDuringASessionThatThePeerBeganKeepsThePeer() {
        var life = Life()
        _ = life.connected()
        #expect(life.connect() == [])
        #expect(life.lost() == [.end(1), .state(.disconnected), .close(0x1004), .state(.reconnecting)])
    }

    // MARK: What comes late, or at once

    @Test func aConnectionFromAPeerThatIsWaitedForTakesOver() {
        var life = Life(in: .reconnecting)
        #expect(life.connected() == [.state(.connecting), .begin(1), .state(.connected)])
        #expect(life.wait == .seconds(30), "the timer of the next try is gone")
    }

    @Test func aConnectionFromAPeerThatIsBeingDialledEndsTheDial() {
        var life = Life(in: .connecting)
        #expect(life.connected() == [.cancelDial, .begin(1), .state(.connected)])
        #expect(life.dialFailed() == [], "the dial that was ended has no say any more")
        #expect(life.state == .connected)
    }

    @Test func aConnectionWhereItGoesOnAlreadyChangesNothing() {
        for state in [ConnectionState.connected, .established, .cooldown] {
            var life = Life(in: state)
            #expect(life.connected() == [])
            #expect(life.state == state)
            #expect(life.lifecycle.generation == 1)
        }
    }

    @Test func whatBelongsToAnOlderSessionChangesNothing() {
        for state in [ConnectionState.connected, .established] {
            var life = Life(in: .established)
            _ = life.lost()
            _ = life.connected()
            if state == .established { _ = life.finalized() }
            #expect(life.lifecycle.generation == 2)
            #expect(life.lost(generation: 1) == [])
            #expect(life.finalized(1) == [])
            #expect(life.handshakeFailed(1) == [])
            #expect(life.finalized(3) == [])
            #expect(life.state == state)
        }
    }

    @Test func whatComesAfterTheEndOfItsSessionChangesNothing() {
        for state in [ConnectionState.disconnected, .connecting, .reconnecting, .cooldown] {
            var life = Life(in: state)
            let wait = life.wait
            #expect(life.lost() == [])
            #expect(life.finalized() == [])
            #expect(life.handshakeFailed() == [])
            #expect(life.superseded() == [])
            #expect(life.state == state)
            #expect(life.wait == wait)
        }
    }

    @Test func aSecondFinalizeChangesNothing() {
        var life = Life(in: .established)
        #expect(life.finalized() == [])
        #expect(life.state == .established)
    }

    @Test func aNewSessionOfThePeerSupersedesTheOldOne() {
        var life = Life(in: .established)
        #expect(
            life.superseded() == [
                .end(1), .state(.disconnected), .state(.connecting), .begin(2), .state(.connected),
            ])
        #expect(life.wait == .seconds(30))
        #expect(life.lost(generation: 1) == [], "the old session's connection ends later")
        #expect(life.finalized() == [.establish(2), .state(.established)])
    }

    @Test func aSessionWhoseHandshakeRunsIsSupersededToo() {
        var life = Life(in: .connected)
        life.advance(.seconds(29))
        #expect(
            life.superseded() == [
                .end(1), .state(.disconnected), .state(.connecting), .begin(2), .state(.connected),
            ])
        #expect(life.wait == .seconds(30), "the new handshake has all its time")
    }

    @Test func withoutASessionNothingIsSuperseded() {
        for state in ConnectionState.allCases where state != .established && state != .connected {
            var life = Life(in: state)
            #expect(life.superseded() == [])
            #expect(life.state == state)
        }
    }

    // MARK: The table of transitions

    @Test func thePossibleTransitionsAreTheDocumentedOnes() {
        let documented: [ConnectionState: Set<ConnectionState>] = [
            .disconnected: [.connecting, .reconnecting],
            .connecting: [.connected, .disconnected],
            .connected: [.established, .disconnected, .cooldown],
            .established: [.disconnected],
            .reconnecting: [.connecting, .disconnected],
            .cooldown: [.disconnected, .reconnecting],
        ]
        for from in ConnectionState.allCases {
            for to in ConnectionState.allCases {
                #expect(from.canBecome(to) == documented[from]?.contains(to))
            }
        }
    }

    @Test(arguments: ConnectionState.allCases)
    func everyInputInEveryStateMakesOnlyLegalTransitions(state: ConnectionState) {
        let inputs: [(inout Life) -> [Life.Step]] = [
            { $0.connect() }, { $0.disconnect() }, { $0.dialFailed() }, { $0.connected() }, { $0.superseded() },
            { $0.finalized() }, { $0.handshakeFailed() }, { $0.lost() }, { $0.lost(.closedByPeer(code: 0)) },
            { $0.timeout() }, { $0.passDeadline() }, { $0.cancelReconnection() }, { $0.retryNow() },
        ]
        for input in inputs {
            var life = Life(in: state)
            #expect(life.state == state)
            var current = state
            for case .state(let next) in input(&life) {
                #expect(current.canBecome(next), "\(current) to \(next)")
                current = next
            }
            #expect(current == life.state)
        }
    }
}
