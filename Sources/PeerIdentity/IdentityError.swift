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

/// Why a key, a peer ID, a key file or something signed was refused.
public struct IdentityError: Error, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: Hashable, Sendable {
        /// Bytes are not a key of the type that they claim to be.
        case malformedKey
        /// The type of key is known, but nothing can be verified with it here.
        case unsupportedKeyType
        /// A text or bytes are not a peer ID.
        case malformedPeerID
        /// A key file has not the length or form that it should have.
        case malformedKeyFile
        /// The public half of a private key does not belong to its seed.
        case keyMismatch
        /// There is no file of that name.
        case noSuchFile
        /// A file of that name is there already and is not overwritten.
        case fileExists
        /// The operating system refuses access to a file.
        case permissionDenied
        /// A file could not be read or written for another reason.
        case fileAccess
        /// A signature could not be made.
        case signingFailed
        /// Bytes are not a signed envelope.
        case malformedEnvelope
        /// An envelope holds another type of payload than was expected.
        case unexpectedPayloadType
        /// A signature does not belong to the signer and what is signed.
        case invalidSignature
        /// Bytes are not a peer record.
        case malformedRecord
        /// Something is signed by, or speaks of, another peer than it has to.
        case unexpectedPeer
    }

    /// What went wrong.
    public let code: Code
    /// One line for people; text of the input is escaped in it.
    public let message: String
    /// The error of a lower layer that led to this one.
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The same as ``message``.
    public var description: String { message }
}
