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

/// What protects the messages of named streams.
///
/// The connection between two peers is encrypted in every case: its handshake proves that the peer at the other end has the
/// key of its peer ID, every connection has keys of its own, one for each direction, and a message that was seen before is
/// not taken again.
public enum StreamEncryption: String, Hashable, Sendable, CaseIterable {
    /// The connection, where its handshake was with just that peer; version 2 of the streams' protocol, where the other side
    /// speaks it. With nodes that speak version 1 alone, as ``layered``.
    case transport
    /// The connection, and every message once more with a key of the two peers; version 1 alone, on both sides.
    ///
    /// Should the connection's cipher or its handshake fail, messages are still sealed. The key is the same for the life of
    /// both identities, so that this layer by itself offers no forward secrecy; see ``NodeConfiguration/pairMessageThreshold``.
    case layered
}
