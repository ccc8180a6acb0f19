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
import Yamux

/// Two sessions, and the wire between them.
struct YamuxPair {
    var client: YamuxSide
    var server: YamuxSide

    private let now: NIODeadline
    /// Written and read again and again, as a driver's buffer is: memory for it is no matter of the sessions.
    private var wire = ByteBuffer()

    /// Creates two sessions without streams.
    init() {
        self.now = .uptimeNanoseconds(1_000_000_000)
        self.client = YamuxSide(.client, now: self.now)
        self.server = YamuxSide(.server, now: self.now)
    }

    /// Opens a stream of the client; the server has yet to hear of it.
    mutating func openStream() throws(YamuxError) -> YamuxStreamID {
        try self.client.session.openStream(now: self.now)
    }

    /// Carries what there is, back and forth, until neither side has anything to send.
    mutating func carry() throws(YamuxError) {
        while self.client.session.hasOutput || self.server.session.hasOutput {
            try Self.carry(from: &self.client, to: &self.server, through: &self.wire)
            try Self.carry(from: &self.server, to: &self.client, through: &self.wire)
        }
    }

    private static func carry(
        from sender: inout YamuxSide, to receiver: inout YamuxSide, through wire: inout ByteBuffer
    ) throws(YamuxError) {
        guard sender.session.hasOutput else { return }
        wire.clear()
        _ = sender.session.writeOutput(into: &wire, limit: 128 * 1024)
        try sender.takeEvents()
        receiver.session.receive(wire)
        try receiver.takeEvents()
    }
}
