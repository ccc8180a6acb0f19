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

/// Is told what happens in a node, by those to whom it happens, and turns it into metrics, spans and statistics.
///
/// Calls come from any thread and must not wait.
final class NodeInstruments: Sendable {
    enum HandshakeResult: String, Sendable {
        case success, failure, timeout
    }

    init() {}

    func connectionOpened(with peer: PeerID, isOutbound: Bool) {}
    func connectionClosed(with peer: PeerID, isOutbound: Bool) {}
    /// A dial of a peer has ended.
    func connectionAttempted(to peer: PeerID, succeeded: Bool, after duration: TimeAmount) {}
    func handshakeEnded(with peer: PeerID, _ result: HandshakeResult, after duration: TimeAmount) {}
    func keyDerived(isCached: Bool) {}
    func eventEmitted(_ state: ConnectionState) {}
    /// Events gave way in a consumer's full buffer.
    func eventsDropped(_ count: Int) {}

    /// The instruments of a stream name of a peer; asked for once per session and name, then kept.
    func stream(_ name: String, with peer: PeerID) -> StreamInstruments { StreamInstruments() }
}

/// Is told what happens on one named stream of one peer.
final class StreamInstruments: Sendable {
    init() {}

    /// A stream of the multiplexer was opened, by either side.
    func opened() {}
    func closed() {}
    /// A message was accepted; `bytes` is the length of its payload.
    func sent(bytes: Int) {}
    /// Messages were queued for the application; `bytes` is the length of their payloads.
    func received(messages: Int, bytes: Int) {}
    /// Received messages were dropped because the queue was full.
    func dropped(messages: Int) {}
    func sealingFailed() {}
    func openingFailed() {}
    /// A send found no room and began to wait.
    func backpressureEngaged() {}
    /// A send that had waited got room, or gave up.
    func backpressureEnded(after duration: TimeAmount) {}
    /// Messages that are accepted and not yet written.
    func pendingChanged(to count: Int) {}
}
