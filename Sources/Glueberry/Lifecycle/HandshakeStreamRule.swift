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

/// What becomes of a handshake stream that the other side has opened, as a value.
///
/// Two nodes that dial each other at once have two connections, and each side may begin its session on its own. Both then
/// open a handshake stream on it, and the two sessions become one because either side takes the other's stream into its
/// own. A handshake stream on a connection that the session does not know says that the other side has begun anew, except
/// if that connection is as old as the session: then it was dialled before the other side could know of the session.
enum HandshakeStreamRule: Equatable {
    /// A session begins on the stream's connection.
    case begin
    /// The stream joins the session's handshake.
    case join
    /// The session goes on, on this connection too; the stream is refused without penalty.
    case refuse
    /// The session is over, and the next one begins.
    case supersede
    /// The peer is left alone.
    case close

    /// - Parameters:
    ///   - state: Where the peer stands.
    ///   - isOwned: Whether the stream's connection is one of the session's.
    ///   - hasOther: Whether the handshake has an incoming stream on another connection.
    ///   - isSimultaneous: Whether this side dialled its session, and the connection was made before that began or within a
    ///     moment of it.
    init(state: ConnectionState, isOwned: Bool, hasOther: Bool, isSimultaneous: Bool) {
        switch state {
        case .disconnected, .connecting, .reconnecting: self = .begin
        case .connected: self = hasOther ? .supersede : .join
        case .established: self = isOwned || isSimultaneous ? .refuse : .supersede
        case .cooldown: self = .close
        }
    }
}
