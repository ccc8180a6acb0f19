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
import Noise
import PeerIdentity

/// A record of 64 bytes sealed by one side and opened by the other.
struct NoiseRecordWorkload: Workload {
    let name = "noise-64B"

    func run(_ count: Int) throws {
        let plaintext = ByteBuffer(repeating: 0x5a, count: 64)
        var (sender, receiver) = try Self.transports()
        var sealed = ByteBuffer()
        var opened = ByteBuffer()
        for _ in 0..<count {
            sealed.clear()
            opened.clear()
            var rest = plaintext
            try sender.seal(&rest, into: &sealed)
            let frames = try receiver.open(&sealed, into: &opened)
            try check(frames == 1 && opened.readableBytes == 64, "\(frames) records were opened")
        }
        try check(opened == plaintext, "another text was opened than sealed")
    }

    /// Both sides of a connection after the handshake, with keys that are always the same.
    private static func transports() throws -> (sender: NoiseTransport, receiver: NoiseTransport) {
        var initiator = try Self.handshake(.initiator, seed: 1)
        var responder = try Self.handshake(.responder, seed: 4)
        var toInitiator = ByteBuffer()
        var toResponder = ByteBuffer()
        try initiator.start(into: &toResponder)
        _ = try responder.receive(&toResponder, into: &toInitiator)
        let dialled = try initiator.receive(&toInitiator, into: &toResponder)
        let accepted = try responder.receive(&toResponder, into: &toInitiator)
        guard let dialled, let accepted else { throw WrongResult("the handshake was not complete") }
        return (dialled.transport, accepted.transport)
    }

    private static func handshake(_ role: NoiseHandshake.Role, seed: UInt8) throws -> NoiseHandshake {
        try NoiseHandshake(
            role: role, identity: Identity(seed: [UInt8](repeating: seed, count: Identity.seedLength)),
            staticKey: Self.key(seed + 1), ephemeralKey: Self.key(seed + 2), expectedPeer: nil, muxers: [])
    }

    private static func key(_ filling: UInt8) throws -> Curve25519.KeyAgreement.PrivateKey {
        try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: [UInt8](repeating: filling, count: 32))
    }
}
