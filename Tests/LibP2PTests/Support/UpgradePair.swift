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
import Noise
import PeerIdentity

@testable import LibP2P

/// A dialer's and a listener's upgrade, joined in memory.
struct UpgradePair {
    enum Side: Int, CaseIterable {
        case dialer
        case listener

        var other: Side { self == .dialer ? .listener : .dialer }
    }

    /// Turns the bytes that one side sent, which begin at an offset of all that it sent, into what arrives.
    typealias Delivery = (_ from: Side, _ bytes: [UInt8], _ offset: Int) -> [[UInt8]]

    private var upgrades: [ConnectionUpgrade]
    private(set) var inputs = [ByteBuffer(), ByteBuffer()]
    private(set) var sent: [[UInt8]] = [[], []]
    var secured: [SecuredConnection?] = [nil, nil]
    private(set) var errors: [HostError?] = [nil, nil]

    init(
        dialer: SeededKeys, listener: SeededKeys, expecting peer: PeerID? = nil,
        dialerMuxers: [String] = [ConnectionUpgrade.yamuxProtocol],
        listenerMuxers: [String] = [ConnectionUpgrade.yamuxProtocol]
    ) throws {
        self.upgrades = [
            ConnectionUpgrade(
                isDialer: true, handshake: try dialer.handshake(.initiator, expecting: peer, muxers: dialerMuxers),
                timeouts: HostTimeouts(), now: .uptimeNanoseconds(0)),
            ConnectionUpgrade(
                isDialer: false, handshake: try listener.handshake(.responder, muxers: listenerMuxers),
                timeouts: HostTimeouts(), now: .uptimeNanoseconds(0)),
        ]
    }

    func stage(of side: Side) -> DialAttempt.Stage { self.upgrades[side.rawValue].stage }

    /// Lets both sides talk until neither has anything to say.
    mutating func run(delivering delivery: Delivery = { _, bytes, _ in [bytes] }) {
        var flights: [(from: Side, bytes: [UInt8])] = []
        for side in Side.allCases {
            var output = ByteBuffer()
            self.upgrades[side.rawValue].start(into: &output)
            flights.append((side, Array(output.readableBytesView)))
        }
        while !flights.isEmpty {
            let (from, bytes) = flights.removeFirst()
            let pieces = delivery(from, bytes, self.sent[from.rawValue].count)
            self.sent[from.rawValue] += bytes
            for piece in pieces {
                let answer = self.receive(piece, at: from.other)
                if !answer.isEmpty { flights.append((from.other, answer)) }
            }
        }
    }

    private mutating func receive(_ bytes: [UInt8], at side: Side) -> [UInt8] {
        let index = side.rawValue
        self.inputs[index].writeBytes(bytes)
        guard self.secured[index] == nil, self.errors[index] == nil else { return [] }
        var output = ByteBuffer()
        do throws(HostError) {
            self.secured[index] = try self.upgrades[index].receive(
                &self.inputs[index], into: &output, now: .uptimeNanoseconds(0))
        } catch {
            self.errors[index] = error
        }
        return Array(output.readableBytesView)
    }
}

extension [UInt8] {
    /// The bytes cut before each of the offsets; no piece is empty.
    func cut(at offsets: some Sequence<Int>) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var start = 0
        for offset in Set(offsets).sorted() where offset > start && offset < self.count {
            pieces.append([UInt8](self[start..<offset]))
            start = offset
        }
        return start < self.count ? pieces + [[UInt8](self[start...])] : pieces
    }
}
