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
import PeerIdentity

extension PeerLifecycle.Reason {
    /// What the application is told; nil where there is nothing to tell.
    func error(for peer: PeerID, isStopping: Bool) -> GlueberryError? {
        switch self {
        case .dialFailed(let error) where error.code == .limitExceeded:
            GlueberryError(.limitExceeded, error.message, peer: peer, cause: error)
        case .dialFailed(let error):
            GlueberryError(.connectionFailed, "the peer could not be reached", peer: peer, cause: error)
        case .turnedAway(let error):
            GlueberryError(
                .connectionFailed, "the peer turned this node away: \(error.message)", peer: peer, cause: error)
        case .connectionLost(let reason): GlueberryError(.closed, "the connection ended: \(reason)", peer: peer)
        case .handshakeTimedOut:
            GlueberryError(.handshakeTimedOut, "the handshake was not complete in time", peer: peer)
        case .handshakeFailed(let error), .ended(let error): error
        case .superseded: GlueberryError(.closed, "superseded: the peer began a new session", peer: peer)
        case .disconnected:
            isStopping
                ? GlueberryError(.stopped, "the node is stopping", peer: peer)
                : GlueberryError(.closed, "disconnected here", peer: peer)
        case .reconnectionCancelled:
            GlueberryError(.notConnected, "no further tries are wanted", peer: peer)
        case .blacklisted: GlueberryError(.peerBlacklisted, "the peer was blacklisted", peer: peer)
        case .gaveUp(let failures):
            GlueberryError(.connectionFailed, "given up after \(failures) failed tries", peer: peer)
        }
    }
}
