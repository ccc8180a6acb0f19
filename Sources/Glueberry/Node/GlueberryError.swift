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

public import PeerIdentity

/// An error of a node: what failed, with which peer and stream, why, whether trying again can help, and what to do.
public struct GlueberryError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is; compare with the static members.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String {
            case alreadyStarted, alreadyClaimed, cancelled, closed, configurationInvalid, connectionFailed
            case encryptionFailed, handshakeFailed, handshakeTimedOut, hostFailed, invalidStreamName, messageTooLarge
            case notConnected, notEstablished, notStarted, peerUnknown, publicKeyMismatch, sendQueueFull, sendTimedOut
            case staleSession, stopped, streamNotPrepared, timedOut, metadataTooLarge, inCooldown
            case addressBookFailed, addressBookFull, addressBookNewer, invalidAddress, peerBlacklisted
        }
        private let value: Value
        /// The code's name, stable across releases.
        public var description: String { self.value.rawValue }

        /// The node runs already.
        public static let alreadyStarted = Code(value: .alreadyStarted)
        /// Somebody else reads the sequence; it has one consumer at a time.
        public static let alreadyClaimed = Code(value: .alreadyClaimed)
        /// The task that waited was cancelled.
        public static let cancelled = Code(value: .cancelled)
        /// The session ended.
        public static let closed = Code(value: .closed)
        /// The configuration has bad fields; the message names each.
        public static let configurationInvalid = Code(value: .configurationInvalid)
        /// No connection to the peer came about; the cause lists every address.
        public static let connectionFailed = Code(value: .connectionFailed)
        /// A message could not be sealed.
        public static let encryptionFailed = Code(value: .encryptionFailed)
        /// The handshake was refused.
        public static let handshakeFailed = Code(value: .handshakeFailed)
        /// The handshake was not complete in time.
        public static let handshakeTimedOut = Code(value: .handshakeTimedOut)
        /// The network side failed, for example because a port is in use.
        public static let hostFailed = Code(value: .hostFailed)
        /// A stream name is not 1 to 64 letters, digits, `-` or `_`, or is reserved.
        public static let invalidStreamName = Code(value: .invalidStreamName)
        /// The message exceeds the maximum size.
        public static let messageTooLarge = Code(value: .messageTooLarge)
        /// The peer is not connected.
        public static let notConnected = Code(value: .notConnected)
        /// The handshake with the peer is not complete.
        public static let notEstablished = Code(value: .notEstablished)
        /// The node does not run.
        public static let notStarted = Code(value: .notStarted)
        /// The peer was never added, so nothing is known of it.
        public static let peerUnknown = Code(value: .peerUnknown)
        /// The public key is not the one that the peer ID stands for.
        public static let publicKeyMismatch = Code(value: .publicKeyMismatch)
        /// The send queue has no room, and the call does not wait.
        public static let sendQueueFull = Code(value: .sendQueueFull)
        /// The send queue had no room until the deadline.
        public static let sendTimedOut = Code(value: .sendTimedOut)
        /// The session that the call names is over.
        public static let staleSession = Code(value: .staleSession)
        /// The node is stopping or has stopped.
        public static let stopped = Code(value: .stopped)
        /// The stream was not prepared for that peer.
        public static let streamNotPrepared = Code(value: .streamNotPrepared)
        /// A deadline passed.
        public static let timedOut = Code(value: .timedOut)
        /// The metadata of a peer are too large.
        public static let metadataTooLarge = Code(value: .metadataTooLarge)
        /// The peer failed its handshake and is left alone for a while.
        public static let inCooldown = Code(value: .inCooldown)
        /// The address book could not be read or written.
        public static let addressBookFailed = Code(value: .addressBookFailed)
        /// The address book has as many peers as it may.
        public static let addressBookFull = Code(value: .addressBookFull)
        /// The address book is of a newer version, and is not written.
        public static let addressBookNewer = Code(value: .addressBookNewer)
        /// An address or a subnet is malformed, or another peer's.
        public static let invalidAddress = Code(value: .invalidAddress)
        /// The peer or its address is on the blacklist.
        public static let peerBlacklisted = Code(value: .peerBlacklisted)
    }

    /// The kind of failure.
    public let code: Code
    /// One line that says what happened.
    public let message: String
    /// What can be done about it.
    public let hint: String?
    /// The peer that it is about.
    public let peer: PeerID?
    /// The stream that it is about.
    public let stream: String?
    /// What the failure came from.
    public let cause: (any Error)?

    /// Creates an error.
    public init(
        _ code: Code, _ message: String, hint: String? = nil, peer: PeerID? = nil, stream: String? = nil,
        cause: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.peer = peer
        self.stream = stream
        self.cause = cause
    }

    /// Whether the same call can succeed later without a change on this side.
    public var isRetriable: Bool {
        switch self.code {
        case .closed, .connectionFailed, .handshakeTimedOut, .notConnected, .notEstablished, .sendQueueFull,
            .sendTimedOut, .staleSession, .timedOut, .inCooldown, .addressBookFailed:
            true
        default: false
        }
    }

    /// Everything that is known, in one line.
    public var description: String {
        var text = "\(self.code): \(self.message)"
        if let peer = self.peer { text += ", peer \(peer)" }
        if let stream = self.stream { text += ", stream \(stream)" }
        if let cause = self.cause { text += " (\(cause))" }
        if let hint = self.hint { text += "; \(hint)" }
        return text
    }
}
