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

import DequeModule
import LibP2P
import Multiformats
import NIOCore

/// What was tried to reach one peer, and what came of it, as a bounded value; for ``ConnectionExplanation``.
struct ConnectionHistory {
    static let maximumTries = 8

    private struct Try {
        let number: Int
        let timestamp: Timestamp
        let began: NIODeadline
        /// Knows the addresses, as long as the dial runs and after it.
        let handle: DialHandle
        var ended: NIODeadline?
        var outcome = ConnectionExplanation.Try.Outcome.running
    }

    private struct Session {
        let number: UInt64
        let isOutbound: Bool
        let address: Multiaddr?
        let began: NIODeadline
        var established: NIODeadline?
        var ended: NIODeadline?
        var error: GlueberryError?
    }

    private var tries: Deque<Try> = []
    private var count = 0
    private var session: Session?

    // MARK: Tries

    mutating func tryBegan(_ handle: DialHandle, timestamp: Timestamp, now: NIODeadline) {
        if self.tries.count >= Self.maximumTries { self.tries.removeFirst() }
        self.count += 1
        self.tries.append(Try(number: self.count, timestamp: timestamp, began: now, handle: handle))
    }

    mutating func tryEnded(_ handle: DialHandle, _ outcome: ConnectionExplanation.Try.Outcome, now: NIODeadline) {
        guard let index = self.tries.lastIndex(where: { $0.handle === handle }) else { return }
        self.tries[index].ended = now
        self.tries[index].outcome = outcome
    }

    /// The connection that the last try brought could not be used after all.
    mutating func lastTryFailed(_ error: GlueberryError, now: NIODeadline) {
        guard let last = self.tries.last, case .connected = last.outcome else { return }
        self.tryEnded(last.handle, .failed(error), now: now)
    }

    // MARK: Sessions

    mutating func sessionBegan(_ number: UInt64, isOutbound: Bool, address: Multiaddr?, now: NIODeadline) {
        self.session = Session(number: number, isOutbound: isOutbound, address: address, began: now)
    }

    mutating func sessionEstablished(_ number: UInt64, now: NIODeadline) {
        guard self.session?.number == number else { return }
        self.session?.established = now
    }

    mutating func sessionEnded(_ number: UInt64, _ error: GlueberryError?, now: NIODeadline) {
        guard self.session?.number == number else { return }
        self.session?.ended = now
        self.session?.error = error
    }

    // MARK: What it comes to

    func explain(into explanation: inout ConnectionExplanation, now: NIODeadline) {
        explanation.tries = self.tries.map { entry in
            ConnectionExplanation.Try(
                number: entry.number, timestamp: entry.timestamp, age: Duration(now - entry.began),
                duration: Duration((entry.ended ?? now) - entry.began), outcome: entry.outcome,
                addresses: entry.handle.attempts)
        }
        explanation.session = self.session.map { session in
            ConnectionExplanation.Session(
                number: session.number, isOutbound: session.isOutbound, address: session.address,
                age: Duration(now - session.began),
                handshakeDuration: session.established.map { Duration($0 - session.began) },
                duration: session.ended.map { Duration($0 - session.began) }, error: session.error)
        }
    }
}
