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

/// Why a session ended, or why a command on it was refused.
public struct YamuxError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of an error; kinds may be added in later versions.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String, Hashable, Sendable {
            case protocolViolation
            case tooManyOddities
            case tooManyControlFrames
            case keepAliveTimeout
            case unknownStream
            case streamFinished
            case streamIDsExhausted
            case tooManyUnacknowledgedStreams
            case goingAway
            case sessionFailed
        }

        private let kind: Kind

        private init(_ kind: Kind) {
            self.kind = kind
        }

        /// The peer sent what the protocol does not allow.
        ///
        /// Ends the session.
        public static let protocolViolation = Code(.protocolViolation)
        /// The peer sent more useless frames than the budget allows.
        ///
        /// Ends the session.
        public static let tooManyOddities = Code(.tooManyOddities)
        /// More resets wait for a peer that does not read than may be held.
        ///
        /// Ends the session.
        public static let tooManyControlFrames = Code(.tooManyControlFrames)
        /// Nothing was heard from the peer after a ping.
        ///
        /// Ends the session.
        public static let keepAliveTimeout = Code(.keepAliveTimeout)
        /// No stream of that ID is open: it never was, was reset, or both sides have finished.
        public static let unknownStream = Code(.unknownStream)
        /// Our side of the stream was finished before.
        public static let streamFinished = Code(.streamFinished)
        /// Every stream ID of our side was used; only a new session helps.
        public static let streamIDsExhausted = Code(.streamIDsExhausted)
        /// The peer has not acknowledged our earlier streams; try again after an acknowledgement.
        public static let tooManyUnacknowledgedStreams = Code(.tooManyUnacknowledgedStreams)
        /// One of the sides has sent GoAway: no new streams.
        public static let goingAway = Code(.goingAway)
        /// The session has failed before.
        public static let sessionFailed = Code(.sessionFailed)

        /// The kind's name, such as `keepAliveTimeout`.
        public var description: String { self.kind.rawValue }
    }

    /// What kind of error it is.
    public let code: Code

    /// What happened, in one line that holds nothing of the peer's making but numbers.
    public let message: String

    /// Creates an error.
    ///
    /// - Parameters:
    ///   - code: What kind of error it is.
    ///   - message: One line for people.
    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    /// The kind and the message.
    public var description: String { "\(self.code): \(self.message)" }
}

extension YamuxError {
    static func protocolViolation(_ message: String) -> YamuxError {
        YamuxError(code: .protocolViolation, message: message)
    }
}
