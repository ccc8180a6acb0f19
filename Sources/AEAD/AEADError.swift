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

/// The reason why a message could not be sealed or opened.
public struct AEADError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What went wrong, for code that decides on it.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case invalidKeyLength
            case invalidNonceLength
            case invalidBufferLength
            case authenticationFailed
            case cipherFailed
        }

        private let name: Name

        /// The key is not 32 bytes long.
        public static let invalidKeyLength = Code(name: .invalidKeyLength)
        /// The nonce is not 12 bytes long.
        public static let invalidNonceLength = Code(name: .invalidNonceLength)
        /// A buffer is shorter than a tag, or source and destination lengths do not belong together.
        public static let invalidBufferLength = Code(name: .invalidBufferLength)
        /// Ciphertext, tag, nonce, associated data and key do not belong together.
        public static let authenticationFailed = Code(name: .authenticationFailed)
        /// The cipher itself refused to work, such as for a message beyond its limit of 256 GiB.
        public static let cipherFailed = Code(name: .cipherFailed)

        /// The name of the code.
        public var description: String { self.name.rawValue }
    }

    /// What went wrong, for code that decides on it.
    public let code: Code

    /// What went wrong, in one line for a reader.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code and the message.
    public var description: String { "\(self.code): \(self.message)" }
}
