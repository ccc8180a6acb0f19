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

import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// Calls that name a session are refused when it is not the one that runs.
@Suite(.timeLimit(.minutes(2))) struct SessionNamingTests {
    private func code(_ body: () async throws -> Void) async -> GlueberryError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? GlueberryError)?.code
        }
    }

    @Test func callsThatNameAnEndedSessionAreRefused() async throws {
        try await withNodes { listener, dialer in
            var events = dialer.subscribeToEvents(of: [listener.peerID], in: [.established, .disconnected])
                .makeAsyncIterator()
            try await establish(listener, dialer)
            let old = try #require(await events.next()).session
            try await dialer.send([1], to: listener.peerID, on: "a", in: old)
            try dialer.trySend([2], to: listener.peerID, on: "a", in: old)
            await dialer.disconnect(from: listener.peerID)
            _ = await events.next()
            await #expect(code { try await dialer.send([3], to: listener.peerID, on: "a", in: old) } == .staleSession)
            try await establish(listener, dialer)
            let new = try #require(await events.next()).session
            #expect(new > old)
            let (peer, key) = (listener.peerID, listener.publicKey)
            await #expect(code { try await dialer.send([3], to: peer, on: "a", in: old) } == .staleSession)
            await #expect(code { try dialer.trySend([3], to: peer, on: "a", in: old) } == .staleSession)
            await #expect(
                code { try await dialer.prepareStreams(with: peer, publicKey: key, named: ["c"], in: old) }
                    == .staleSession)
            await #expect(code { try await dialer.finalizeHandshake(with: peer, in: old) } == .staleSession)
            await #expect(
                code { try await dialer.completeHandshake(with: peer, publicKey: key, streams: ["c"], in: old) }
                    == .staleSession)
            await #expect(code { try dialer.trySend([3], to: peer, on: "c", in: new) } == .streamNotPrepared)
            try await dialer.prepareStreams(with: peer, publicKey: key, named: ["c"], in: new)
            try await dialer.finalizeHandshake(with: peer, in: new)
            try await dialer.send([4], to: peer, on: "a", in: new)
            var messages = try listener.messages().makeAsyncIterator()
            for expected: UInt8 in [1, 2, 4] { #expect(await messages.next()?.bytes == [expected]) }
        }
    }
}
