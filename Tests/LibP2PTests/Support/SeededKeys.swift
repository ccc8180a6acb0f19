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
import Noise
import PeerIdentity

/// The keys of one side, the same in every run.
struct SeededKeys {
    let identity: Identity
    private let seed: UInt64

    init(_ seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        self.identity = try Identity(seed: generator.bytes(Identity.seedLength))
        self.seed = seed
    }

    /// A key for Noise.
    func noiseKey(_ number: UInt64) throws -> Curve25519.KeyAgreement.PrivateKey {
        var generator = SplitMix64(seed: self.seed &* 1000 &+ number)
        return try Curve25519.KeyAgreement.PrivateKey(rawRepresentation: generator.bytes(32))
    }

    func handshake(
        _ role: NoiseHandshake.Role, expecting peer: PeerID? = nil, muxers: [String] = ["/yamux/1.0.0"]
    ) throws -> NoiseHandshake {
        try NoiseHandshake(
            role: role, identity: self.identity, staticKey: self.noiseKey(1), ephemeralKey: self.noiseKey(2),
            expectedPeer: peer, muxers: muxers)
    }
}
