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

import Multiformats
import SwiftProtobuf

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A payload with the signature of a peer over it (`RFC/0002-signed-envelopes.md`).
///
/// Reading an envelope says nothing about its signature: only ``open(domain:payloadType:)`` hands the payload out
/// verified, and who the signer may be is for its caller to check.
public struct SignedEnvelope: Sendable {
    /// The longest encoding in bytes that ``init(protobuf:)`` accepts: the longest identify message of the Go
    /// implementation.
    public static let maximumLength = 8192

    /// The key of the signer.
    public let publicKey: PublicKey
    /// What kind of payload it is, in general a multicodec.
    public let payloadType: [UInt8]
    /// The payload; not to be trusted before the signature is verified.
    public let payload: [UInt8]
    /// The signature over the domain, the payload's type and the payload.
    public let signature: [UInt8]

    /// Signs `payload`.
    ///
    /// - Parameters:
    ///   - payload: the bytes that are carried.
    ///   - type: what kind of payload it is.
    ///   - domain: the purpose of the signature, which is signed but not sent.
    ///   - identity: the signer.
    /// - Returns: the envelope.
    /// - Throws: ``IdentityError`` with the code `signingFailed`.
    public static func seal(
        payload: [UInt8],
        type: [UInt8],
        domain: String,
        identity: Identity
    ) throws(IdentityError) -> SignedEnvelope {
        SignedEnvelope(
            publicKey: identity.publicKey,
            payloadType: type,
            payload: payload,
            signature: try identity.sign(signedBytes(domain: domain, payloadType: type, payload: payload))
        )
    }

    private init(publicKey: PublicKey, payloadType: [UInt8], payload: [UInt8], signature: [UInt8]) {
        self.publicKey = publicKey
        self.payloadType = payloadType
        self.payload = payload
        self.signature = signature
    }

    /// Reads an encoded `Envelope` message that takes all of `bytes`; the signature is not verified yet.
    ///
    /// - Throws: ``IdentityError`` with the code `malformedEnvelope`, or `malformedKey` for the key in it.
    public init(protobuf bytes: some Collection<UInt8>) throws(IdentityError) {
        let encoded = [UInt8](bytes.prefix(Self.maximumLength + 1))
        guard encoded.count <= Self.maximumLength else {
            throw IdentityError(.malformedEnvelope, "signed envelope is longer than \(Self.maximumLength) bytes")
        }
        let message: ProtoEnvelope
        do {
            message = try ProtoEnvelope(serializedBytes: encoded)
        } catch {
            throw IdentityError(.malformedEnvelope, "signed envelope is not an encoded Envelope message", cause: error)
        }
        publicKey = try PublicKey(protobuf: message.publicKey)
        payloadType = [UInt8](message.payloadType)
        payload = [UInt8](message.payload)
        signature = [UInt8](message.signature)
    }

    /// Verifies the signature and returns the payload.
    ///
    /// - Parameters:
    ///   - domain: the purpose that the signature must have been made for.
    ///   - payloadType: the kind of payload that is expected.
    /// - Returns: the payload, which the signer did sign.
    /// - Throws: ``IdentityError`` with the code `unexpectedPayloadType`, `unsupportedKeyType` or `invalidSignature`.
    public func open(domain: String, payloadType: [UInt8]) throws(IdentityError) -> [UInt8] {
        guard self.payloadType == payloadType else {
            throw IdentityError(
                .unexpectedPayloadType,
                "signed envelope holds a payload of type 0x\(Base16.encode(self.payloadType.prefix(16))), "
                    + "expected 0x\(Base16.encode(payloadType.prefix(16)))"
            )
        }
        let signed = Self.signedBytes(domain: domain, payloadType: payloadType, payload: payload)
        guard try publicKey.isValidSignature(signature, for: signed) else {
            throw IdentityError(
                .invalidSignature,
                "signature of the envelope is not one of \(PeerID(publicKey: publicKey)) for '\(domain)'"
            )
        }
        return payload
    }

    /// The encoded `Envelope` message.
    public var protobuf: [UInt8] {
        var fields = ProtobufFields()
        fields.append(1, bytes: publicKey.protobuf)
        fields.append(2, bytes: payloadType)
        fields.append(3, bytes: payload)
        fields.append(5, bytes: signature)
        return fields.bytes
    }

    /// What the signature is over: the three parts, each after its length.
    private static func signedBytes(domain: String, payloadType: [UInt8], payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        for part in [[UInt8](domain.utf8), payloadType, payload] {
            UnsignedVarint.append(UInt64(part.count), to: &bytes)
            bytes.append(contentsOf: part)
        }
        return bytes
    }
}
