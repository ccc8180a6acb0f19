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
import Multiformats
import PeerIdentity

/// What `glueberry peer` was told on its command line, apart from what its node was told.
struct PeerSettings: Sendable {
    /// What is sent in the modes `bench` and `swarm`.
    struct Bench: Sendable {
        /// Bytes per message.
        var size: Int
        /// Round trips before the measured ones.
        var warmup: Int
        /// Messages per second; nil is as fast as they are taken.
        var rate: Double?
        /// Whether each message waits for the echo of the one before.
        var isPingPong: Bool
        /// What is sent beside round trips: the bytes of a message, and the stream.
        var bulk: (size: Int, stream: String)?
        /// What the messages go to, one after the other.
        var streams: [String]
    }

    var mode: PeerMode
    /// The stream that `chat` and `bench` send on.
    var stream: String
    var peers: [(peer: PeerID, addresses: [Multiaddr])]
    /// When to dial, in milliseconds of Unix time; nil is at once.
    var dialTime: UInt64?
    /// Messages, or nodes.
    var count: Int
    /// What the nodes of `swarm` send, or their round trips, all of them together; nil is nothing.
    var swarmMessages: Int?
    /// Streams of which `echo` sends nothing back.
    var discarded: Set<String>
    var bench: Bench
    /// How long `pause` leaves messages unread.
    var pause: Duration
    /// How long to stay up after the work is done; nil is for ever in `swarm`, else not at all.
    var linger: Duration?
    /// A wait after each message.
    var slow: Duration?
    /// How long a further node may take until it is established.
    var establishLimit: Duration
    var isQuiet: Bool
    var hashes: Bool
    var stateInterval: Duration?
    var lifetime: Duration?
    var endsWithInput: Bool
    /// Where the mode works: on the node's event loop, so that an answer wakes no thread; nil is anywhere, for what writes a
    /// line per message, and so may have to wait for whoever reads the lines.
    var executor: (any TaskExecutor)?
    /// Makes a further node with a fresh identity, for `hs` and `swarm`.
    var makeNode: @Sendable () throws -> Node
}
