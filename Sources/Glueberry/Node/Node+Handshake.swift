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

public import PeerIdentity

extension Node {
    /// Prepares encrypted streams with a connected peer: derives the key and takes streams of these names.
    ///
    /// - Throws: ``GlueberryError`` with code `publicKeyMismatch` if the key is not the one in the peer ID,
    ///   `invalidStreamName`, `notConnected`.
    public func prepareStreams(
        with peer: PeerID, publicKey: PublicKey, named names: [String]
    ) async throws(GlueberryError) {
        try await self.requireRunning().control { $0.prepare(peer, publicKey: publicKey, names: names) }.get()
    }

    /// Completes the handshake on this side: the peer becomes `Established` and messages flow.
    ///
    /// - Throws: ``GlueberryError`` with code `streamNotPrepared` or `notConnected`.
    public func finalizeHandshake(with peer: PeerID) async throws(GlueberryError) {
        try await self.requireRunning().control { $0.finalize(peer) }.get()
    }

    /// Prepares streams and completes the handshake in one step.
    ///
    /// - Throws: As ``prepareStreams(with:publicKey:named:)`` and ``finalizeHandshake(with:)``.
    public func completeHandshake(
        with peer: PeerID, publicKey: PublicKey, streams: [String]
    ) async throws(GlueberryError) {
        try await self.requireRunning().control { supervisor in
            supervisor.prepare(peer, publicKey: publicKey, names: streams).flatMap { supervisor.finalize(peer) }
        }.get()
    }
}
