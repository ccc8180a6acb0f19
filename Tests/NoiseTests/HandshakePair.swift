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

import Crypto
import NIOCore
import PeerIdentity
import Testing

@testable import Noise

typealias NoisePrivateKey = Curve25519.KeyAgreement.PrivateKey

let yamux = "/yamux/1.0.0"
let mplex = "/mplex/6.7.0"

/// One side of a handshake, with keys made from a seed.
struct Side {
    let identity: Identity
    let staticKey: NoisePrivateKey
    let ephemeralKey: NoisePrivateKey
    let role: NoiseHandshake.Role

    init(_ role: NoiseHandshake.Role, seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        self.role = role
        self.identity = try Identity(seed: random.bytes(32))
        self.staticKey = try NoisePrivateKey(rawRepresentation: random.bytes(32))
        self.ephemeralKey = try NoisePrivateKey(rawRepresentation: random.bytes(32))
    }

    var staticPublicKey: [UInt8] { Array(self.staticKey.publicKey.rawRepresentation) }

    var ephemeralPublicKey: [UInt8] { Array(self.ephemeralKey.publicKey.rawRepresentation) }

    func handshake(expecting peer: PeerID? = nil, muxers: [String] = [yamux]) throws -> NoiseHandshake {
        try NoiseHandshake(
            role: self.role,
            identity: self.identity,
            staticKey: self.staticKey,
            ephemeralKey: self.ephemeralKey,
            expectedPeer: peer,
            muxers: muxers
        )
    }

    /// A handshake with a payload of the test's making.
    func handshake(payload: [UInt8], muxers: [String] = [yamux]) -> NoiseHandshake {
        NoiseHandshake(
            role: self.role,
            ownPayload: payload,
            staticKey: self.staticKey,
            ephemeralKey: self.ephemeralKey,
            expectedPeer: nil,
            muxers: muxers
        )
    }

    /// The signature that the payload is to carry.
    func signature(for staticKey: [UInt8]? = nil) throws -> [UInt8] {
        try self.identity.sign(Array("noise-libp2p-static-key:".utf8) + (staticKey ?? self.staticPublicKey))
    }
}

extension NoiseHandshake {
    /// The frame with which an initiator begins.
    mutating func started() throws -> [UInt8] {
        var output = ByteBuffer()
        try self.start(into: &output)
        return Array(output.readableBytesView)
    }

    /// Takes bytes that are to be consumed as a whole, and returns the answer and the result.
    mutating func receive(_ bytes: [UInt8]) throws -> (answer: [UInt8], result: NoiseResult?) {
        var input = ByteBuffer(bytes: bytes)
        var output = ByteBuffer()
        let result = try self.receive(&input, into: &output)
        return (Array(output.readableBytesView), result)
    }
}

/// Runs both sides to the end.
func complete(
    _ initiator: NoiseHandshake,
    _ responder: NoiseHandshake
) throws -> (initiator: NoiseResult, responder: NoiseResult, messages: [[UInt8]]) {
    var initiator = initiator
    var responder = responder
    let first = try initiator.started()
    #expect(try responder.started() == [])
    let (second, none) = try responder.receive(first)
    #expect(none == nil)
    let (third, initiatorResult) = try initiator.receive(second)
    let (nothing, responderResult) = try responder.receive(third)
    #expect(nothing == [])
    return (try #require(initiatorResult), try #require(responderResult), [first, second, third])
}

/// Two transports that have been through a handshake with each other.
func transports(seed: UInt64 = 1) throws -> (initiator: NoiseTransport, responder: NoiseTransport) {
    let results = try complete(
        Side(.initiator, seed: seed).handshake(),
        Side(.responder, seed: seed &+ 1000).handshake()
    )
    return (results.initiator.transport, results.responder.transport)
}

/// A field of a protobuf message whose content is bytes, of less than 16384 bytes.
func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    let length = content.count
    let prefix = length < 0x80 ? [UInt8(length)] : [UInt8(length & 0x7f) | 0x80, UInt8(length >> 7)]
    return [number << 3 | 2] + prefix + content
}

/// A frame around a message.
func frame(_ message: [UInt8]) -> [UInt8] {
    [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message
}
