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

public import Multiformats
public import NIOCore

/// An error of the host, a connection or a stream: what failed, where, why, and whether trying again can help.
public struct HostError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is; compare with the static members.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {  // swift-format-ignore
            case addressInUse, badAddress, cancelled, closed, dialFailed, gated, handshakeFailed, limitExceeded
            case noCommonProtocol, notConnected, protocolViolation, reset, stopped, timedOut, wrongPeer, ioFailed
        }
        private let value: Value
        /// The code's name, stable across releases.
        public var description: String { self.value.rawValue }

        /// A listen address is taken by another socket.
        public static let addressInUse = Code(value: .addressInUse)
        /// An address cannot be used by any transport here, or does not resolve.
        public static let badAddress = Code(value: .badAddress)
        /// The task that waited was cancelled.
        public static let cancelled = Code(value: .cancelled)
        /// The connection or stream ended before the operation did.
        public static let closed = Code(value: .closed)
        /// Every address was tried; `attempts` tells how far each got.
        public static let dialFailed = Code(value: .dialFailed)
        /// The application wants nothing to do with the peer or the address.
        public static let gated = Code(value: .gated)
        /// The security handshake was refused or malformed.
        public static let handshakeFailed = Code(value: .handshakeFailed)
        /// A configured limit was reached; the message names scope, limit and usage.
        public static let limitExceeded = Code(value: .limitExceeded)
        /// The other side takes none of the proposed protocols.
        public static let noCommonProtocol = Code(value: .noCommonProtocol)
        /// There is no connection to that peer.
        public static let notConnected = Code(value: .notConnected)
        /// The other side broke a protocol.
        public static let protocolViolation = Code(value: .protocolViolation)
        /// The other side reset the stream; `resetCode` is what it gave as a reason.
        public static let reset = Code(value: .reset)
        /// The host is stopping or has stopped.
        public static let stopped = Code(value: .stopped)
        /// A deadline passed.
        public static let timedOut = Code(value: .timedOut)
        /// Another peer than the expected one answered.
        public static let wrongPeer = Code(value: .wrongPeer)
        /// The operating system refused an operation on a socket.
        public static let ioFailed = Code(value: .ioFailed)
    }

    /// The kind of failure.
    public let code: Code
    /// One line that says what happened.
    public let message: String
    /// What the failure came from, if something below reported it.
    public let cause: (any Error)?
    /// For ``Code/dialFailed``: every address that was tried, in the order in which the attempts began.
    public let attempts: [DialAttempt]
    /// For ``Code/reset``: the libp2p error code that the other side sent; 0 if it gave none.
    public let resetCode: UInt32?

    /// Creates an error.
    public init(
        _ code: Code, _ message: String, cause: (any Error)? = nil, attempts: [DialAttempt] = [],
        resetCode: UInt32? = nil
    ) {
        self.code = code
        self.message = message
        self.cause = cause
        self.attempts = attempts
        self.resetCode = resetCode
    }

    /// Code and message, and the attempts of a failed dial, in one line.
    public var description: String {
        var text = "\(self.code): \(self.message)"
        if let cause = self.cause { text += " (\(cause))" }
        if !self.attempts.isEmpty {
            text += " [" + self.attempts.map(\.description).joined(separator: "; ") + "]"
        }
        return text
    }
}

/// One address of a dial: how far it got and why it ended.
public struct DialAttempt: Sendable, CustomStringConvertible {
    /// The steps of a dial, in their order.
    public enum Stage: String, Sendable {
        /// The attempt waited for its turn.
        case waiting
        /// A name is being looked up.
        case resolving
        /// The transport connects.
        case connecting
        /// The two sides agree on a security protocol.
        case securityNegotiation
        /// The security handshake runs.
        case securityHandshake
        /// The two sides agree on a multiplexer.
        case muxerNegotiation
        /// The connection is secured.
        case secured
    }

    /// The address that was tried.
    public let address: Multiaddr
    /// How far the attempt got.
    public let stage: Stage
    /// Why it ended; nil if it brought the connection, or if another attempt won while this one was under way.
    public let error: HostError?
    /// How long after the begin of the dial the attempt began.
    public let began: TimeAmount
    /// How long it has taken.
    public let duration: TimeAmount

    /// Whether this attempt brought the connection.
    public var hasSucceeded: Bool { self.error == nil && self.stage == .secured }

    /// The same attempt at another stage, if one is given.
    func reaching(_ stage: Stage?) -> DialAttempt {
        DialAttempt(
            address: self.address, stage: stage ?? self.stage, error: self.error, began: self.began,
            duration: self.duration)
    }

    /// The address, the stage and the reason.
    public var description: String {
        let reason = self.error.map { "\($0)" } ?? (self.hasSucceeded ? "connected" : "abandoned")
        return "\(self.address) at \(self.stage.rawValue): \(reason)"
    }
}
