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

/// One side of a connection, with what its session has told.
struct YamuxSide {
    /// What every byte of every message is.
    static let filling: UInt8 = 0x5a

    var session: YamuxSession
    /// How many bytes arrived, in pieces that begin as messages do.
    private(set) var receivedBytes = 0
    /// How many streams were closed in order.
    private(set) var closedStreams = 0

    private let now: NIODeadline

    /// Creates a side for which the time stands still.
    init(_ role: YamuxSession.Role, now: NIODeadline) {
        var configuration = YamuxConfiguration()
        // Of a ping in between nobody could say whose cost it is.
        configuration.keepAliveInterval = .zero
        self.session = YamuxSession(role: role, configuration: configuration, now: now)
        self.now = now
    }

    /// Takes what the session tells, and is done with data at once.
    mutating func takeEvents() throws(YamuxError) {
        while let event = self.session.nextEvent(now: self.now) {
            switch event {
            case .data(let stream, let data):
                if data.getInteger(at: data.readerIndex, as: UInt8.self) == Self.filling {
                    self.receivedBytes += data.readableBytes
                }
                self.session.consumed(data.readableBytes, on: stream, now: self.now)
            case .closed:
                self.closedStreams += 1
            case .failed(let error):
                throw error
            case .streamOpened, .streamAcknowledged, .finished, .reset, .written, .windowOpened, .roundTrip, .goAway:
                break
            }
        }
    }
}
