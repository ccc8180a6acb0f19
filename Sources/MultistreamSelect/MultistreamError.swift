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

/// The reason why a negotiation failed; it is over for good.
public struct MultistreamError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What went wrong, for code that decides on it.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case malformed
            case tokenTooLong
            case wrongHeader
            case unexpectedAnswer
            case noCommonProtocol
            case tooManyAttempts
        }

        private let name: Name

        /// A token is not a length, a text without control characters of its own, and a newline.
        public static let malformed = Code(name: .malformed)
        /// A token is announced as longer than 1024 bytes.
        public static let tokenTooLong = Code(name: .tokenTooLong)
        /// The peer does not begin with `/multistream/1.0.0`.
        public static let wrongHeader = Code(name: .wrongHeader)
        /// The answer is neither the proposed protocol nor `na`.
        public static let unexpectedAnswer = Code(name: .unexpectedAnswer)
        /// The peer refused every protocol that was to be proposed.
        public static let noCommonProtocol = Code(name: .noCommonProtocol)
        /// The peer proposed protocols that we do not speak more often than it may.
        public static let tooManyAttempts = Code(name: .tooManyAttempts)

        /// The name of the code.
        public var description: String { self.name.rawValue }
    }

    /// What went wrong, for code that decides on it.
    public let code: Code

    /// What went wrong, in one line for a reader; it never contains text of the peer.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(self.code): \(self.message)" }
}
