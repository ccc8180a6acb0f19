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
    ///   `invalidStreamName`, `notConnected`; with a `session`, `staleSession` if another one runs or none does.
    public func prepareStreams(
        with peer: PeerID, publicKey: PublicKey, named names: [String], in session: UInt64? = nil
    ) async throws(GlueberryError) {
        try await self.requireRunning().control {
            $0.prepare(peer, publicKey: publicKey, names: names, in: session)
        }.get()
    }

    /// Completes the handshake on this side: the peer becomes `Established` and messages flow.
    ///
    /// - Throws: ``GlueberryError`` with code `streamNotPrepared` or `notConnected`; with a `session`, `staleSession` if
    ///   another one runs or none does.
    public func finalizeHandshake(with peer: PeerID, in session: UInt64? = nil) async throws(GlueberryError) {
        try await self.requireRunning().control { $0.finalize(peer, in: session) }.get()
    }

    /// Prepares streams and completes the handshake in one step.
    ///
    /// - Throws: As ``prepareStreams(with:publicKey:named:in:)`` and ``finalizeHandshake(with:in:)``.
    public func completeHandshake(
        with peer: PeerID, publicKey: PublicKey, streams: [String], in session: UInt64? = nil
    ) async throws(GlueberryError) {
        try await self.requireRunning().control { supervisor in
            supervisor.prepare(peer, publicKey: publicKey, names: streams, in: session)
                .flatMap { supervisor.finalize(peer, in: session) }
        }.get()
    }
}
