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
public import PeerIdentity

/// An error of a node: what failed, with which peer and stream, why, whether trying again can help, and what to do.
public struct GlueberryError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is; compare with the static members.
    public struct Code: Hashable, Sendable, CustomStringConvertible, CaseIterable {
        fileprivate enum Value: String, CaseIterable {
            case addressBookCorrupt, addressBookFailed, addressBookFull, addressBookNewer, invalidAddress
            case decryptionFailed, internalFailure, limitExceeded, peerBlacklisted, publicKeyInvalid, streamFailed,
                versionMismatch
            case alreadyStarted, alreadyClaimed, cancelled, closed, configurationInvalid, connectionFailed
            case encryptionFailed, handshakeFailed, handshakeTimedOut, hostFailed, invalidStreamName, messageTooLarge
            case notConnected, notEstablished, notStarted, peerUnknown, publicKeyMismatch, receiveQueueFull,
                sendQueueFull, sendTimedOut
            case staleSession, stopped, streamNotPrepared, timedOut, metadataTooLarge, inCooldown
        }
        fileprivate let value: Value
        /// The code's name, stable across releases.
        public var description: String { self.value.rawValue }

        /// Every code there is.
        public static var allCases: [Code] { Value.allCases.map { Code(value: $0) } }

        /// The address book's file does not parse; it was set aside and a new book begun.
        public static let addressBookCorrupt = Code(value: .addressBookCorrupt)
        /// The address book could not be read or written.
        public static let addressBookFailed = Code(value: .addressBookFailed)
        /// An address is malformed, or of a kind that cannot be used here.
        public static let invalidAddress = Code(value: .invalidAddress)
        /// A received message could not be opened with the key of the pair.
        public static let decryptionFailed = Code(value: .decryptionFailed)
        /// Something that should not happen did; please report it.
        ///
        /// It stands for failures of the transport that no other code describes.
        public static let internalFailure = Code(value: .internalFailure)
        /// A configured limit was reached; the message names it.
        public static let limitExceeded = Code(value: .limitExceeded)
        /// The peer, or where it is, was blacklisted on this side.
        public static let peerBlacklisted = Code(value: .peerBlacklisted)
        /// A public key is malformed, or no key can be agreed on with it.
        public static let publicKeyInvalid = Code(value: .publicKeyInvalid)
        /// A stream could not be opened, or was reset.
        public static let streamFailed = Code(value: .streamFailed)
        /// The peer speaks a version of the protocol that this side does not.
        ///
        /// For an application's own handshake to fail with. A node throws it nowhere: versions are part of the stream
        /// names, so that streams of another version do not open.
        public static let versionMismatch = Code(value: .versionMismatch)
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
        /// A peer sent more than the consumer took, on a stream whose policy is to end the session then.
        public static let receiveQueueFull = Code(value: .receiveQueueFull)
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
        /// The address book has as many peers as it may.
        public static let addressBookFull = Code(value: .addressBookFull)
        /// The address book is of a newer version, and is not written.
        public static let addressBookNewer = Code(value: .addressBookNewer)
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
        self.hint = hint ?? code.hint
        self.peer = peer
        self.stream = stream
        self.cause = cause
    }

    /// Whether the same call can succeed later without a change on this side.
    public var isRetriable: Bool { self.code.isRetriable }

    /// Whether the same call can never succeed: what it was given has to change.
    ///
    /// An error that is neither retriable nor permanent depends on something that the application does, for example
    /// starting the node.
    public var isPermanent: Bool { self.code.isPermanent }

    static func staleSession(
        _ session: UInt64, current: UInt64? = nil, peer: PeerID, stream: String? = nil
    ) -> GlueberryError {
        GlueberryError(
            .staleSession, "session \(session) with the peer is over" + (current.map { "; \($0) runs" } ?? ""),
            hint: "take the session's number from the newest event or message", peer: peer, stream: stream)
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

extension GlueberryError {
    /// What an operation on a connection or stream of the host failed with, in the terms of a node.
    init(hostError error: HostError, _ message: String, peer: PeerID? = nil) {
        let code: Code =
            switch error.code {
            case .cancelled: .cancelled
            case .timedOut: .timedOut
            case .closed, .stopped: .closed
            case .notConnected: .notConnected
            case .limitExceeded: .limitExceeded
            case .noCommonProtocol, .protocolViolation, .reset: .streamFailed
            default: .internalFailure
            }
        self.init(code, message, peer: peer, cause: error)
    }
}

extension GlueberryError.Code {
    /// Whether the same call can succeed later without a change on this side.
    public var isRetriable: Bool {
        switch self.value {
        case .addressBookFailed, .closed, .connectionFailed, .handshakeTimedOut, .inCooldown, .limitExceeded,
            .notConnected, .notEstablished, .sendQueueFull, .sendTimedOut, .staleSession, .streamFailed, .timedOut:
            true
        default: false
        }
    }

    /// Whether the same call can never succeed: what it was given has to change.
    public var isPermanent: Bool {
        switch self.value {
        case .invalidAddress, .configurationInvalid, .invalidStreamName, .messageTooLarge, .metadataTooLarge,
            .publicKeyInvalid, .publicKeyMismatch, .versionMismatch:
            true
        default: false
        }
    }

    /// What can be done about such an error where nothing more particular is known.
    public var hint: String? { Self.hints[self.value] }

    private static let hints: [Value: String] = [
        .addressBookCorrupt: "look at the file that was set aside, and add the peers anew",
        .addressBookFailed: "see that the file's folder exists, can be written and has room",
        .addressBookFull: "remove peers that are not needed, or raise maximumPeers",
        .addressBookNewer: "use the version of this software that wrote it, or another file",
        .invalidAddress: "give addresses like /ip4/192.0.2.1/tcp/9000",
        .alreadyClaimed: "let go of the other sequence first, or use a route or a subscription",
        .alreadyStarted: "stop the node before starting it again",
        .cancelled: "nothing was done; call again if it is still wanted",
        .closed: "wait until the peer is Established again",
        .configurationInvalid: "correct the fields that the message names",
        .connectionFailed: "see that the peer runs and can be reached at the addresses in the cause",
        .decryptionFailed: "the peer may have another key than its ID says, or the data were changed on the way",
        .encryptionFailed: "prepare the streams of the peer again",
        .handshakeFailed: "see why the handshake was refused, and that both sides run the same one",
        .handshakeTimedOut: "see that both sides do the handshake, or raise handshakeTimeout",
        .hostFailed: "see whether another process has the port, and whether it may be used",
        .inCooldown: "try again when the cooldown is over",
        .internalFailure: "report it with the log",
        .invalidStreamName: "use 1 to 64 letters, digits, - or _, and not the name \"handshake\"",
        .limitExceeded: "raise the limit that the message names, or wait until there is room",
        .messageTooLarge: "split the message, or raise maximumMessageSize on both sides",
        .metadataTooLarge: "keep to 4,096 bytes of metadata for a peer",
        .notConnected: "connect to the peer first",
        .notEstablished: "wait for Established",
        .notStarted: "call start() first",
        .peerBlacklisted: "take the peer or its address off the blacklist",
        .peerUnknown: "add the peer with its addresses",
        .publicKeyInvalid: "give the peer's 32-byte Ed25519 key",
        .publicKeyMismatch: "use the key that belongs to the peer ID",
        .receiveQueueFull: "read faster, raise the bounds of the receive queue, or choose another policy",
        .sendQueueFull: "wait for room with send, or send less",
        .sendTimedOut: "the peer reads too slowly, or not at all",
        .staleSession: "use the session of the peer's latest event",
        .stopped: "start the node again",
        .streamFailed: "try again; the peer may have prepared other streams",
        .streamNotPrepared: "name the stream in the handshake",
        .timedOut: "try again, or allow more time",
        .versionMismatch: "bring both sides to the same version",
    ]
}
