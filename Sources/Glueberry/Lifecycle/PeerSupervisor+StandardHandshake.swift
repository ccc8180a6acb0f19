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

import LibP2P
import Logging
import NIOCore
import PeerIdentity

/// The ready-made handshake.
extension PeerSupervisor {
    func handshakeMessage(_ message: Message) {
        guard let entry = self.entries[message.peer], let session = entry.session,
            session.generation == message.session, var run = entry.handshake
        else { return }
        let outputs = run.receive(message.bytes)
        entry.handshake = run
        self.perform(outputs, of: session, on: entry)
    }

    func perform(_ outputs: [StandardHandshakeRun.Output], of session: PeerSession, on entry: PeerEntry) {
        for output in outputs {
            switch output {
            case .send(let bytes):
                do {
                    try session.channel(StreamName.handshake)?.trySend(ByteBuffer(bytes: bytes))
                } catch {
                    self.logger.debug(
                        "handshake message not sent", metadata: ["peer": "\(entry.peer)", "reason": "\(error)"])
                }
            case .verify(let key, let hello): self.verify(key, hello, session, entry)
            case .finalize:
                self.perform(
                    entry.lifecycle.finalized(generation: session.generation, now: self.eventLoop.now), on: entry)
            case .fail(let reason):
                let error = GlueberryError(.handshakeFailed, reason, peer: entry.peer)
                self.perform(
                    entry.lifecycle.handshakeFailed(
                        generation: session.generation, error, now: self.eventLoop.now), on: entry)
            }
        }
    }

    /// What came on the handshake stream is no message; nothing that follows on it can be read.
    func handshakeRefused(with peer: PeerID, in generation: UInt64, _ refusal: FrameError) {
        guard let entry = self.entries[peer] else { return }
        let error = GlueberryError(
            .handshakeFailed, "the other side's handshake message cannot be read", peer: peer,
            stream: StreamName.handshake, cause: refusal)
        self.perform(
            entry.lifecycle.handshakeFailed(generation: generation, error, now: self.eventLoop.now), on: entry)
    }

    func verify(_ key: PublicKey, _ hello: [UInt8], _ session: PeerSession, _ entry: PeerEntry) {
        guard case .standard(let handshake) = self.configuration.handshake else { return }
        guard let verify = handshake.verify else {
            self.verified(true, key, session)
            return
        }
        let peer = entry.peer
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        let loop = self.eventLoop
        entry.verification = self.tasks.run {
            let isWelcome = await verify(peer, key, hello)
            loop.execute { bound.value.verified(isWelcome, key, session) }
        }
    }

    func verified(_ isWelcome: Bool, _ key: PublicKey, _ session: PeerSession) {
        guard let entry = self.entries[session.peer], entry.session === session,
            case .standard(let handshake) = self.configuration.handshake, var run = entry.handshake
        else { return }
        let outputs: [StandardHandshakeRun.Output]
        if isWelcome {
            switch self.prepare(session.peer, publicKey: key, names: handshake.streams) {
            case .success: outputs = run.verified()
            case .failure(let error): outputs = run.refused(because: error.message)
            }
        } else {
            outputs = run.refused(because: "the application refused the peer")
        }
        entry.handshake = run
        self.perform(outputs, of: session, on: entry)
    }
}
