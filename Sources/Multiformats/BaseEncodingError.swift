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

/// Why a text is not an encoding of bytes in the base that was asked for.
public struct BaseEncodingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: Hashable, Sendable {
        /// The text is longer than is accepted.
        case tooLong
        /// A character is not of the alphabet.
        case invalidCharacter
        /// No bytes encode to a text of this length.
        case invalidLength
        /// The last character holds bits that belong to no byte and are not zero.
        case trailingBits
        /// The first character names no base that is known here.
        case unknownPrefix
    }

    /// What went wrong.
    public let code: Code
    /// One line for people; text of the input is escaped in it.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The same as ``message``.
    public var description: String { message }
}

/// The error of ``Base58``.
public typealias Base58Error = BaseEncodingError
