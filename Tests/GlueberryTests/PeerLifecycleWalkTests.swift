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

/// Random walks over everything that can happen to a peer, with what must always be true.
@Suite struct PeerLifecycleWalkTests {
    private func step(_ life: inout Life, _ random: inout SplitMix64) -> [Life.Step] {
        let generation = UInt64.random(in: 0...2, using: &random)
        // The current session most of the time, else the one before or after.
        let named = life.lifecycle.generation &+ (generation == 2 ? 1 : 0) &- (generation == 1 ? 1 : 0)
        let jitter = Double.random(in: 0...1, using: &random)
        switch Int.random(in: 0..<13, using: &random) {
        case 0: return life.connect()
        case 1: return Int.random(in: 0..<4, using: &random) == 0 ? life.disconnect() : []
        case 2: return life.dialFailed(jitter: jitter)
        case 3: return life.connected()
        case 4: return life.superseded()
        case 5, 6: return life.finalized(named)
        case 7: return life.handshakeFailed(named)
        case 8:
            let reasons: [ConnectionCloseReason] = [
                .closedByPeer(code: nil), .closedByPeer(code: 0), .closedByPeer(code: 0x1006), .closedHere(code: 0),
                .lost(HostError(.timedOut, "silence")),
            ]
            let index = Int.random(in: 0..<reasons.count, using: &random)
            return life.lost(reasons[index], generation: named, jitter: jitter)
        case 9:
            life.advance(.milliseconds(Int64.random(in: 0...40_000, using: &random)))
            return life.timeout(jitter: jitter)
        case 10: return Int.random(in: 0..<4, using: &random) == 0 ? life.cancelReconnection() : []
        case 11: return life.retryNow()
        default: return life.passDeadline(jitter: jitter)
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func aRandomLifeKeepsItsPromises(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var settings = Life.settings
        settings.backoff.attempts = [0, 2, 3, 5][Int.random(in: 0..<4, using: &random)]
        var life = Life(settings)
        var state = ConnectionState.disconnected
        var begun: UInt64 = 0
        var open: UInt64?
        var isDialing = false
        var visited: Set<ConnectionState> = []
        for _ in 0..<1000 {
            let wasWanted = life.lifecycle.isWanted
            for step in self.step(&life, &random) {
                switch step {
                case .state(let next):
                    // Giving up is told in the state that a failure has led to already.
                    let hasGivenUp = wasWanted && !life.lifecycle.isWanted && next == .disconnected && state == next
                    #expect(state.canBecome(next) || hasGivenUp, "\(state) to \(next)")
                    if next == .disconnected || next == .cooldown { #expect(open == nil, "ended before the event") }
                    if next == .connected { #expect(open == begun, "begun before the event") }
                    if state == .connecting, next == .disconnected { isDialing = false }
                    state = next
                case .begin(let generation):
                    #expect(open == nil, "one session ends before the next begins")
                    #expect(generation == begun + 1)
                    begun = generation
                    open = generation
                case .establish(let generation): #expect(open == generation)
                case .end(let generation):
                    #expect(open == generation)
                    open = nil
                case .dial:
                    #expect(!isDialing)
                    isDialing = true
                case .cancelDial: isDialing = false
                case .close: #expect(open == nil)
                }
            }
            visited.insert(state)
            #expect(life.state == state)
            #expect(life.lifecycle.generation == begun)
            #expect((open != nil) == (state == .connected || state == .established))
            #expect(isDialing == (state == .connecting))
            let hasDeadline = state == .connected || state == .reconnecting || state == .cooldown
            #expect((life.wait != nil) == hasDeadline)
            #expect(state != .reconnecting || life.lifecycle.isWanted)
            #expect(life.lifecycle.failures >= 0)
        }
        #expect(visited == Set(ConnectionState.allCases))
    }
}
