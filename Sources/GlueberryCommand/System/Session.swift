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

import Glueberry
import LibP2P
import Multiformats
import PeerIdentity

/// One session with one peer, from the dial on, for commands that have no use for a second try.
enum Session {
    /// How long after the end of a session an operation may still take what arrived before.
    private static let grace = Duration.milliseconds(500)

    /// Dials a peer, waits for the handshake, and runs an operation that fails when the session ends.
    ///
    /// - Throws: ``CommandFailure`` that says why there is no session, or what the operation throws.
    static func keeping<Value: Sendable>(
        _ node: Node, with peer: PeerID, at address: Multiaddr, limit: Duration,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let events = node.subscribeToEvents(of: [peer])
        let losses = node.subscribeToEvents(of: [peer], in: [.disconnected])
        try await node.addPeer(peer, addresses: [address])
        try await self.establish(events, limit: limit)
        return try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask {
                do {
                    return try await body()
                } catch let error as GlueberryError where self.isLoss(error.code) {
                    throw self.lost(error)
                }
            }
            group.addTask {
                for await event in losses {
                    // An answer that came just before the end is still taken.
                    try await Task.sleep(for: Self.grace)
                    throw self.lost(event.error)
                }
                throw CancellationError()
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }

    /// Waits until the peer is `Established`, or what led elsewhere.
    static func establish(_ events: EventSubscription, limit: Duration) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await event in events {
                    switch event.state {
                    case .established: return
                    case .disconnected, .cooldown: throw self.failure(event)
                    case .connecting, .connected, .reconnecting: break
                    }
                }
                throw CancellationError()
            }
            group.addTask {
                try await Task.sleep(for: limit)
                throw CommandFailure(
                    "the peer does not answer; is it a Glueberry node that does the standard handshake?")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private static func isLoss(_ code: GlueberryError.Code) -> Bool {
        [.closed, .notConnected, .notEstablished, .staleSession].contains(code)
    }

    private static func lost(_ error: GlueberryError?) -> CommandFailure {
        let reason = error.map { Explanation.line(for: $0) } ?? "no reason given"
        return CommandFailure("the connection was lost before the end (\(reason)); try again")
    }

    private static func failure(_ event: ConnectionEvent) -> CommandFailure {
        guard let error = event.error else { return CommandFailure("the peer cannot be reached; try again") }
        switch (event.previous, error.code) {
        case (.connecting, .connectionFailed):
            let reason = error.cause.map { Explanation.line(for: $0) } ?? error.message
            return CommandFailure("the peer cannot be reached: \(reason); check the address and that it is running")
        case (.connected, .closed):
            return CommandFailure("the peer did not let us in: \(error.message); ask its owner")
        case (_, .handshakeTimedOut):
            return CommandFailure("the peer did not complete the handshake in time; ask its owner to let you in")
        default: return CommandFailure(Explanation.line(for: error))
        }
    }
}
