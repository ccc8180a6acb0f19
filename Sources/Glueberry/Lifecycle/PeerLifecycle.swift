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

package import LibP2P
package import NIOCore

/// The life of one peer, as a value: what happens and the time go in, what to do comes out.
///
/// Every session has a generation. Whatever belongs to a session names it, and what names an older one changes nothing.
package struct PeerLifecycle: Sendable {
    /// How long a life waits for what.
    package struct Settings: Sendable {
        var handshakeTimeout: TimeAmount
        var cooldown: TimeAmount
        var backoff: Backoff
        /// A session that lasted so long clears the count of failures.
        var steady: TimeAmount

        /// Creates settings.
        package init(
            handshakeTimeout: TimeAmount, cooldown: TimeAmount, backoff: Backoff, steady: TimeAmount = .seconds(10)
        ) {
            self.handshakeTimeout = handshakeTimeout
            self.cooldown = cooldown
            self.backoff = backoff
            self.steady = steady
        }
    }

    /// Why a state was left or entered.
    package enum Reason: Sendable {
        case dialFailed(HostError)
        /// The other side does not let this node in.
        case turnedAway(HostError)
        case connectionLost(ConnectionCloseReason)
        case handshakeTimedOut
        case handshakeFailed(GlueberryError)
        case superseded
        case disconnected
        /// The application wants no further tries.
        case reconnectionCancelled
        /// This side ended it, for a reason that it gives.
        case ended(GlueberryError)
        case blacklisted
        case gaveUp(failures: Int)
    }

    /// What is to be done.
    package enum Effect: Sendable {
        /// The state changed; an event is due.
        case state(ConnectionState, Reason?)
        /// Dial the peer's addresses.
        case dial
        /// End the dial that runs.
        case cancelDial
        /// A session begins: set up what belongs to it.
        case begin(generation: UInt64)
        /// A session is complete: let its messages flow.
        case establish(generation: UInt64)
        /// A session is over: let go of what belongs to it, before the event that says so.
        case end(generation: UInt64, Reason)
        /// Close the peer's connections with a libp2p code.
        case closeConnections(code: UInt32)
    }

    private enum Phase {
        case disconnected
        case connecting
        case connected(deadline: NIODeadline)
        case established(since: NIODeadline)
        case reconnecting(at: NIODeadline)
        case cooldown(until: NIODeadline)
    }

    private var settings: Settings
    private var phase = Phase.disconnected
    /// Tries that led to no established session, one after another.
    private(set) var failures = 0
    /// Reconnections that were scheduled since the last wish of the application or the last steady session.
    private(set) var reconnections = 0
    /// The number of the current session, or of the last one.
    package private(set) var generation: UInt64 = 0
    /// Whether this side wants to be connected: it keeps trying.
    private(set) var isWanted = false
    /// No session gets this number or one below it.
    private let floor: UInt64

    /// Creates a life that has not begun.
    ///
    /// `floor` is the highest number that a session of a peer that was forgotten has had: were a number given twice, what is
    /// late of the first session could touch the second.
    package init(settings: Settings, floor: UInt64 = 0) {
        self.settings = settings
        self.floor = floor
    }

    /// The state that the application sees.
    package var state: ConnectionState {
        switch self.phase {
        case .disconnected: .disconnected
        case .connecting: .connecting
        case .connected: .connected
        case .established: .established
        case .reconnecting: .reconnecting
        case .cooldown: .cooldown
        }
    }

    /// When ``timeout(now:jitter:)`` is to be called.
    package var deadline: NIODeadline? {
        switch self.phase {
        case .connected(let deadline): deadline
        case .reconnecting(let at): at
        case .cooldown(let until): until
        case .disconnected, .connecting, .established: nil
        }
    }

    // MARK: What this side wants

    /// Connect, and keep connected.
    ///
    /// An explicit wish does not wait for the next scheduled try, but for the end of a cooldown it does.
    package mutating func connect() -> [Effect] {
        self.isWanted = true
        switch self.phase {
        case .disconnected, .reconnecting:
            self.clearFailures()
            self.phase = .connecting
            return [.state(.connecting, nil), .dial]
        case .cooldown:
            self.clearFailures()
            return []
        case .connecting, .connected, .established: return []
        }
    }

    /// Disconnect, and make no further tries.
    mutating func disconnect(code: UInt32, reason: Reason = .disconnected) -> [Effect] {
        self.isWanted = false
        self.clearFailures()
        var effects: [Effect] = []
        switch self.phase {
        case .disconnected: return [.closeConnections(code: code)]
        case .connecting: effects.append(.cancelDial)
        case .connected, .established: effects.append(.end(generation: self.generation, reason))
        case .reconnecting, .cooldown: break
        }
        self.phase = .disconnected
        return effects + [.state(.disconnected, reason), .closeConnections(code: code)]
    }

    /// Make no further tries by itself: a try that waits for its time is given up, one that runs is the last.
    ///
    /// A session goes on, and its loss is followed by tries as before.
    mutating func cancelReconnection() -> [Effect] {
        switch self.phase {
        case .reconnecting:
            self.isWanted = false
            self.clearFailures()
            self.phase = .disconnected
            return [.state(.disconnected, .reconnectionCancelled)]
        case .connecting, .cooldown:
            self.isWanted = false
            return []
        case .disconnected, .connected, .established: return []
        }
    }

    /// Try now what waits for its time; the count of failures stays.
    mutating func retryNow() -> [Effect] {
        guard case .reconnecting = self.phase else { return [] }
        self.phase = .connecting
        return [.state(.connecting, nil), .dial]
    }

    private mutating func clearFailures() {
        self.failures = 0
        self.reconnections = 0
    }

    // MARK: What happens

    /// A dial brought no connection, or one that the other side turned away before it could be used.
    mutating func dialFailed(
        _ error: HostError, isSentAway: Bool = false, now: NIODeadline, jitter: Double
    ) -> [Effect] {
        guard case .connecting = self.phase else { return [] }
        self.failures += 1
        self.phase = .disconnected
        return [.state(.disconnected, isSentAway ? .turnedAway(error) : .dialFailed(error))]
            + self.scheduleNextTry(after: isSentAway ? self.settings.cooldown : nil, now: now, jitter: jitter)
    }

    /// A connection can be used for the handshake: one that this side dialled and the other has confirmed, or one on which
    /// the other side opened a handshake stream.
    package mutating func connected(now: NIODeadline) -> [Effect] {
        var effects: [Effect] = []
        switch self.phase {
        case .connecting: effects.append(.cancelDial)
        case .disconnected, .reconnecting: effects.append(.state(.connecting, nil))
        case .connected, .established, .cooldown: return []
        }
        self.generation = max(self.generation, self.floor) + 1
        self.phase = .connected(deadline: now + self.settings.handshakeTimeout)
        return effects + [.begin(generation: self.generation), .state(.connected, nil)]
    }

    /// The other side has begun a new session while this one believes in the old: its process was restarted, or it lost
    /// the connection first.
    mutating func superseded(now: NIODeadline) -> [Effect] {
        switch self.phase {
        case .connected, .established: break
        case .disconnected, .connecting, .reconnecting, .cooldown: return []
        }
        let ended = Effect.end(generation: self.generation, .superseded)
        self.phase = .disconnected
        return [ended, .state(.disconnected, .superseded)] + self.connected(now: now)
    }

    /// The handshake is complete on this side.
    package mutating func finalized(generation: UInt64, now: NIODeadline) -> [Effect] {
        guard generation == self.generation, case .connected = self.phase else { return [] }
        self.phase = .established(since: now)
        return [.establish(generation: generation), .state(.established, nil)]
    }

    /// The handshake was refused on this side.
    mutating func handshakeFailed(generation: UInt64, _ error: GlueberryError, now: NIODeadline) -> [Effect] {
        guard generation == self.generation, case .connected = self.phase else { return [] }
        return self.enterCooldown(.handshakeFailed(error), now: now)
    }

    /// The last connection of a session is gone.
    package mutating func lost(
        generation: UInt64, _ reason: ConnectionCloseReason, now: NIODeadline, jitter: Double
    ) -> [Effect] {
        guard generation == self.generation else { return [] }
        switch self.phase {
        case .connected: self.failures += 1
        case .established(let since):
            // A session that did not hold counts as a failure, so that a peer that drops us at once is not hammered.
            if now - since >= self.settings.steady { self.clearFailures() } else { self.failures += 1 }
        case .disconnected, .connecting, .reconnecting, .cooldown: return []
        }
        self.phase = .disconnected
        let effects: [Effect] = [
            .end(generation: generation, .connectionLost(reason)), .state(.disconnected, .connectionLost(reason)),
            // Were another connection left open, the other side might never hear that the session is over.
            .closeConnections(code: ConnectionErrorCode.supplanted),
        ]
        // The other side ended the session on purpose: two nodes that reconnect at once would only flap.
        let pause = reason.isSendingAway ? self.settings.cooldown : nil
        return effects + self.scheduleNextTry(after: pause, now: now, jitter: jitter)
    }

    /// The time that ``deadline`` named has come.
    package mutating func timeout(now: NIODeadline, jitter: Double) -> [Effect] {
        guard let deadline = self.deadline, now >= deadline else { return [] }
        switch self.phase {
        case .connected: return self.enterCooldown(.handshakeTimedOut, now: now)
        case .reconnecting:
            self.phase = .connecting
            return [.state(.connecting, nil), .dial]
        case .cooldown:
            self.phase = .disconnected
            return [.state(.disconnected, nil)] + self.scheduleNextTry(now: now, jitter: jitter)
        case .disconnected, .connecting, .established: return []
        }
    }

    private mutating func enterCooldown(_ reason: Reason, now: NIODeadline) -> [Effect] {
        self.failures += 1
        self.phase = .cooldown(until: now + self.settings.cooldown)
        return [
            .end(generation: self.generation, reason), .state(.cooldown, reason),
            .closeConnections(code: ConnectionErrorCode.none),
        ]
    }

    /// Schedules a reconnection after the pause, or else after the delay that follows so many failures.
    private mutating func scheduleNextTry(
        after pause: TimeAmount? = nil, now: NIODeadline, jitter: Double
    ) -> [Effect] {
        guard self.isWanted else { return [] }
        guard self.settings.backoff.allows(after: self.reconnections) else {
            self.isWanted = false
            return [.state(.disconnected, .gaveUp(failures: self.failures))]
        }
        self.reconnections += 1
        let delay = pause ?? self.settings.backoff.delay(afterFailures: self.failures, jitter: jitter)
        self.phase = .reconnecting(at: now + delay)
        return [.state(.reconnecting, nil)]
    }
}

extension ConnectionCloseReason {
    /// Whether the other side ended the session on purpose, and does not want another one soon.
    var isSendingAway: Bool {
        switch self {
        case .closedByPeer(let code?):
            code == ConnectionErrorCode.none || code == ConnectionErrorCode.garbageCollected
                || code == ConnectionErrorCode.gated
        case .closedByPeer(nil), .closedHere, .lost: false
        }
    }
}
