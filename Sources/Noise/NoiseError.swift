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

/// The reason why a Noise handshake or a secured connection failed; either is over for good.
public struct NoiseError: Error, Sendable, CustomStringConvertible {
    /// What went wrong, for code that decides on it.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Name: String {
            case invalidState
            case invalidLength
            case invalidPublicKey
            case decryptionFailed
            case malformedPayload
            case unsupportedIdentityKey
            case invalidSignature
            case unexpectedPeer
            case signingFailed
            case nonceExhausted
            case cipherFailed
        }

        private let name: Name

        /// A method was called that is not legal in the state, such as one of a handshake that is finished.
        public static let invalidState = Code(name: .invalidState)
        /// A frame is shorter or longer than what belongs into it.
        public static let invalidLength = Code(name: .invalidLength)
        /// A public key of the peer leads to a shared secret that everybody knows.
        public static let invalidPublicKey = Code(name: .invalidPublicKey)
        /// A message does not authenticate: it was altered, replayed or sealed with another key.
        public static let decryptionFailed = Code(name: .decryptionFailed)
        /// The handshake payload is no protobuf message of the specification, or lacks a field.
        public static let malformedPayload = Code(name: .malformedPayload)
        /// The identity key of the peer is of a type that is not supported, which is every type but Ed25519.
        public static let unsupportedIdentityKey = Code(name: .unsupportedIdentityKey)
        /// The identity key of the peer did not sign its static Noise key.
        public static let invalidSignature = Code(name: .invalidSignature)
        /// The peer has proved an identity, but it is not the one that was expected.
        public static let unexpectedPeer = Code(name: .unexpectedPeer)
        /// Our own identity could not sign our static Noise key.
        public static let signingFailed = Code(name: .signingFailed)
        /// All 2^64 - 1 messages that a key may seal have been sealed.
        public static let nonceExhausted = Code(name: .nonceExhausted)
        /// The cipher itself refused to work.
        public static let cipherFailed = Code(name: .cipherFailed)

        /// The name of the code.
        public var description: String { self.name.rawValue }
    }

    /// What went wrong, for code that decides on it.
    public let code: Code

    /// What went wrong, in one line for a reader; it never contains text of the peer.
    public let message: String

    /// The error that this one follows from, if there is one.
    public let cause: (any Error)?

    init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// The code, the message and the cause.
    public var description: String {
        guard let cause = self.cause else { return "\(self.code): \(self.message)" }
        return "\(self.code): \(self.message) (\(cause))"
    }
}
