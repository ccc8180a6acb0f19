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

public import LibP2P
public import Multiformats
public import PeerIdentity

/// Why a peer is connected or not: every address that was tried of late, how far it got, why it ended, and what the node
/// will do next.
public struct ConnectionExplanation: Sendable, CustomStringConvertible {
    /// One try to reach the peer: a dial of all its addresses.
    public struct Try: Sendable {
        /// How a try ended.
        public enum Outcome: Sendable {
            /// It is under way.
            case running
            /// It brought a connection.
            case connected
            /// It brought none that could be used.
            case failed(GlueberryError)
            /// It was ended before it brought one: the peer came by itself, or the application no longer wanted it.
            case abandoned
        }

        /// Counts the tries of the node's run, from 1.
        public let number: Int
        /// When it began, as the system's clock said.
        public let timestamp: Timestamp
        /// How long ago it began.
        public let age: Duration
        /// How long it took, or has taken so far.
        public let duration: Duration
        /// How it ended.
        public let outcome: Outcome
        /// Every address, in the order in which they were begun, with how far each got and why it ended.
        public let addresses: [DialAttempt]
    }

    /// A session with the peer.
    public struct Session: Sendable {
        /// Its number, as in events and messages.
        public let number: UInt64
        /// Whether this side dialled it.
        public let isOutbound: Bool
        /// The address at the other end.
        public let address: Multiaddr?
        /// How long ago it began.
        public let age: Duration
        /// How long the handshake took; nil if it was not completed.
        public let handshakeDuration: Duration?
        /// How long it lasted; nil while it lives.
        public let duration: Duration?
        /// Why it ended; nil while it lives.
        public let error: GlueberryError?
    }

    /// The peer.
    public let peer: PeerID
    /// Where it stands.
    public internal(set) var state = ConnectionState.disconnected
    /// Whether it is in the book.
    public internal(set) var isKnown = false
    /// Whether the node keeps trying to be connected with it.
    public internal(set) var isWanted = false
    /// The addresses that are known of it.
    public internal(set) var addresses: [Multiaddr] = []
    /// How many live connections there are.
    public internal(set) var connections = 0
    /// Tries in a row that led to no session which lasted.
    public internal(set) var failures = 0
    /// Reconnections that were scheduled since the first dial or the last session that lasted.
    public internal(set) var reconnections = 0
    /// How many of them there may be; 0 is without end.
    public internal(set) var maximumReconnections = 0
    /// How long until the next try; nil if none is scheduled.
    public internal(set) var nextTry: Duration?
    /// How long the peer is still left alone; nil if it is not in `Cooldown`.
    public internal(set) var cooldown: Duration?
    /// How long the handshake may still take; nil if none runs.
    public internal(set) var handshakeTimeLeft: Duration?
    /// The last tries, 8 at most, the oldest first.
    public internal(set) var tries: [Try] = []
    /// The session that lives, or else the last one.
    public internal(set) var session: Session?

    /// Several lines of text: the state and what comes next, then the tries with their addresses, then the session.
    public var description: String {
        var facts = ["\(self.state)", self.isKnown ? "in the book" : "not in the book"]
        facts.append(self.isWanted ? "wanted" : "not wanted")
        if self.failures > 0 { facts.append("\(self.failures) failed in a row") }
        if self.reconnections > 0 {
            let limit = self.maximumReconnections == 0 ? "" : " of \(self.maximumReconnections)"
            facts.append("reconnection \(self.reconnections)\(limit)")
        }
        if let nextTry = self.nextTry { facts.append("next try in \(Self.text(nextTry))") }
        if let cooldown = self.cooldown { facts.append("left alone for \(Self.text(cooldown))") }
        if let left = self.handshakeTimeLeft { facts.append("\(Self.text(left)) left for the handshake") }
        var lines = ["\(self.peer): \(facts.joined(separator: ", "))"]
        if self.addresses.isEmpty { lines.append("  no address is known") }
        for attempt in self.tries {
            lines.append(
                "  try \(attempt.number), \(Self.text(attempt.age)) ago: "
                    + "\(Self.text(attempt.outcome)) after \(Self.text(attempt.duration))")
            for address in attempt.addresses {
                lines.append("    \(address), \(Self.text(Duration(address.duration)))")
            }
        }
        if let session = self.session { lines.append("  " + Self.text(session)) }
        return lines.joined(separator: "\n")
    }

    private static func text(_ outcome: Try.Outcome) -> String {
        switch outcome {
        case .running: "under way"
        case .connected: "connected"
        case .failed(let error): "failed (\(error.message))"
        case .abandoned: "abandoned"
        }
    }

    private static func text(_ session: Session) -> String {
        var text = "session \(session.number), \(session.isOutbound ? "dialled here" : "dialled by the peer")"
        if let address = session.address { text += ", \(address)" }
        text += ", begun \(Self.text(session.age)) ago"
        if let handshake = session.handshakeDuration { text += ", established after \(Self.text(handshake))" }
        if let duration = session.duration { text += ", ended after \(Self.text(duration))" }
        if let error = session.error { text += ": \(error.message)" }
        return text
    }

    /// Seconds with three decimals.
    private static func text(_ duration: Duration) -> String {
        let milliseconds = max(duration / .milliseconds(1), 0)
        guard milliseconds < 1e15 else { return "very long" }
        let (seconds, rest) = Int64(milliseconds).quotientAndRemainder(dividingBy: 1000)
        let fraction = String(rest)
        return "\(seconds).\(String(repeating: "0", count: 3 - fraction.count))\(fraction) s"
    }
}
