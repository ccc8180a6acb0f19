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
import Glueberry
import LibP2P
import Multiformats
import NIOCore
import PeerIdentity

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Counts what happens to a node and tells it on standard output.
final class PeerReport: Sendable {
    private struct State {
        var tally = MessageTally()
        var digests: DigestSum?
        var errors = 0
        var isEnding = false
    }

    private let node: Node
    private let mode: PeerMode
    private let isQuiet: Bool
    private let hashes: Bool
    private let stream: String
    private let state: Locked<State>

    init(node: Node, settings: PeerSettings) {
        self.node = node
        self.mode = settings.mode
        self.isQuiet = settings.isQuiet
        self.hashes = settings.hashes
        self.stream = settings.stream
        self.state = Locked(State(digests: settings.hashes ? DigestSum() : nil))
    }

    func emit(_ line: JSONLine) { StandardOutput.line(line.finished) }

    func listening() {
        self.emit(
            PeerLine.listening(
                self.node.peerID, addresses: self.node.listenAddresses.map(\.description), process: getpid(),
                residentKiB: ResourceUsage.current().residentKiB))
    }

    func states(of peers: [PeerID]) {
        for peer in peers { self.emit(PeerLine.state(of: peer, self.node.state(of: peer))) }
    }

    // MARK: Messages

    /// Counts a message that has come, without showing it; returns its digest if those are asked for.
    @discardableResult
    func count(_ message: Message) -> SHA256Digest? {
        let (bytes, now) = (message.payload.readableBytes, ContinuousClock.now)
        let digest = self.hashes ? message.payload.sha256 : nil
        self.state.withLock { state in
            state.tally.take(bytes: bytes, at: now)
            if let digest { state.digests?.add(digest) }
        }
        return digest
    }

    /// Counts a message that has come, and shows it.
    func message(_ message: Message) {
        let digest = self.count(message)
        guard !self.isQuiet, self.mode != .idle, self.mode != .bench else { return }
        self.emit(PeerLine.message(message, digest: digest, showsText: self.mode == .chat))
    }

    /// Shows a message that `bench` has sent; returns its digest.
    func sent(_ payload: ByteBuffer, _ number: Int, to peer: PeerID) -> SHA256Digest {
        let digest = payload.sha256
        if !self.isQuiet {
            self.emit(
                PeerLine.sent(
                    number, to: peer, stream: self.stream, bytes: payload.readableBytes, digest: digest))
        }
        return digest
    }

    // MARK: Errors and the end

    /// Tells an error, unless the node is about to end anyway.
    func error(_ what: String, _ error: any Error) {
        let isTold = self.state.withLock { state in
            guard !state.isEnding else { return false }
            state.errors += 1
            return true
        }
        if isTold { self.emit(PeerLine.error(what, error)) }
    }

    /// The node ends: what its end brings about is no error.
    func beginEnding() { self.state.withLock { $0.isEnding = true } }

    func final() { self.emit(PeerLine.final(self.summary())) }

    func usage() { self.emit(PeerLine.usage(.current(), messages: self.state.withLock { $0.tally.messages })) }

    func dump() async { self.emit(PeerLine.dump(await self.node.snapshot(), self.summary())) }

    private func summary() -> PeerLine.Final {
        let (refused, dropped) = (self.node.refusedMessages, self.node.droppedMessages)
        let (statistics, usage) = (self.node.statistics, ResourceUsage.current())
        return self.state.withLock { state in
            PeerLine.Final(
                tally: state.tally, digests: state.digests, malformed: refused.malformed,
                decryptionErrors: refused.notAuthentic, errors: state.errors,
                dropped: dropped, connections: statistics.connections,
                streams: statistics.streams, usage: usage)
        }
    }
}
