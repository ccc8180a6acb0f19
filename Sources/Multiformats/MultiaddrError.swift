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

/// Why a text or bytes are not a multiaddr.
public struct MultiaddrError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: Hashable, Sendable {
        /// There is no component.
        case empty
        /// The text does not begin with a slash, or has an empty part.
        case malformedText
        /// A name or a code is of no protocol that is known here.
        case unknownProtocol
        /// The address ends where the value of a component has to follow.
        case missingValue
        /// A value is not of the form that its protocol has.
        case invalidValue
        /// An integer in the binary form is malformed.
        case malformedVarint
        /// The binary form ends inside a component.
        case truncated
        /// The address is longer than is accepted.
        case tooLong
    }

    /// What went wrong.
    public let code: Code
    /// One line for people: which part is wrong and what was expected; text of the input is escaped in it.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The same as ``message``.
    public var description: String { message }
}
