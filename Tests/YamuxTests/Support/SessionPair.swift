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
import Testing

@testable import Yamux

/// One of two joined sessions, with what it has told.
struct Endpoint {
    var session: YamuxSession
    /// Events other than data.
    var events: [YamuxEvent] = []
    var received: [YamuxStreamID: [UInt8]] = [:]
    /// What was delivered and not consumed yet.
    var unconsumed: [YamuxStreamID: Int] = [:]
    /// Whether all data is consumed as it comes.
    var consumesAtOnce = true
    /// Streams that are never consumed for.
    var held: Set<YamuxStreamID> = []

    mutating func collect(now: NIODeadline) {
        while let event = self.session.nextEvent(now: now) {
            guard case .data(let id, let data) = event else {
                self.events.append(event)
                continue
            }
            data.withUnsafeReadableBytes { self.received[id, default: []].append(contentsOf: $0) }
            if self.consumesAtOnce, !self.held.contains(id) {
                self.session.consumed(data.readableBytes, on: id, now: now)
            } else {
                self.unconsumed[id, default: 0] += data.readableBytes
            }
        }
    }

    /// The events of one stream, without those that tell of progress.
    func story(of id: YamuxStreamID) -> [YamuxEvent] {
        self.events.filter { event in
            switch event {
            case .streamOpened(id), .streamAcknowledged(id), .finished(id), .reset(id, _), .closed(id):
                return true
            default:
                return false
            }
        }
    }

    func written(on id: YamuxStreamID) -> Int {
        self.events.reduce(0) { sum, event in
            if case .written(id, let count) = event { return sum + count }
            return sum
        }
    }
}

/// How bytes are cut on their way.
enum Cut: CaseIterable {
    case whole
    case drip
    case random
}

/// Checks, from the frames alone, that neither side sends more than it was granted.
struct WindowMonitor {
    enum Side: Hashable {
        case client
        case server
    }

    struct Direction: Hashable {
        var sender: Side
        var id: UInt32
    }

    var rests: [Side: [UInt8]] = [:]
    var credit: [Direction: Int] = [:]
    var frames: [Side: [WireFrame]] = [:]
    var dataFrameCount = 0
    var overdrafts = 0

    mutating func observe(_ bytes: [UInt8], from side: Side) {
        var pending = (self.rests[side] ?? []) + bytes
        let frames = WireFrame.parse(&pending)
        self.rests[side] = pending
        for var frame in frames {
            if frame.type == WireFrame.data {
                self.dataFrameCount += 1
                let direction = Direction(sender: side, id: frame.id)
                let left = (self.credit[direction] ?? 262_144) - frame.payload.count
                self.credit[direction] = left
                if left < 0 { self.overdrafts += 1 }
            } else if frame.type == WireFrame.windowUpdate, frame.flags & WireFrame.rst == 0 {
                let direction = Direction(sender: side == .client ? .server : .client, id: frame.id)
                self.credit[direction] = (self.credit[direction] ?? 262_144) + Int(frame.value)
            }
            frame.payload = []
            self.frames[side, default: []].append(frame)
        }
    }
}

/// Two sessions joined in memory, under virtual time.
struct SessionPair {
    var client: Endpoint
    var server: Endpoint
    var now = NIODeadline.at(.seconds(1))
    var cut = Cut.whole
    var random: SplitMix64
    var monitor = WindowMonitor()

    init(
        cut: Cut = .whole,
        seed: UInt64 = 1,
        client: YamuxConfiguration = YamuxConfiguration(),
        server: YamuxConfiguration = YamuxConfiguration()
    ) {
        self.client = Endpoint(session: YamuxSession(role: .client, configuration: client, now: self.now))
        self.server = Endpoint(session: YamuxSession(role: .server, configuration: server, now: self.now))
        self.cut = cut
        self.random = SplitMix64(seed: seed)
    }

    /// Carries at most `limit` bytes from each side to the other once.
    mutating func exchange(limit: Int = 200_000) {
        let fromClient = Self.take(from: &self.client.session, limit: limit)
        self.monitor.observe(fromClient, from: .client)
        self.client.collect(now: self.now)
        let fromServer = Self.take(from: &self.server.session, limit: limit)
        self.monitor.observe(fromServer, from: .server)
        self.server.collect(now: self.now)
        for piece in self.pieces(of: fromClient) {
            self.server.session.receive(piece)
            self.server.collect(now: self.now)
        }
        for piece in self.pieces(of: fromServer) {
            self.client.session.receive(piece)
            self.client.collect(now: self.now)
        }
    }

    /// Goes on until neither side has anything to send.
    mutating func pump(rounds: Int = 100_000) {
        var left = rounds
        while self.client.session.hasOutput || self.server.session.hasOutput, left > 0 {
            self.exchange()
            left -= 1
        }
        #expect(left > 0, "the sessions do not come to rest")
        self.client.collect(now: self.now)
        self.server.collect(now: self.now)
    }

    private static func take(from session: inout YamuxSession, limit: Int) -> [UInt8] {
        var output = ByteBuffer()
        _ = session.writeOutput(into: &output, limit: limit)
        return Array(output.readableBytesView)
    }

    private mutating func pieces(of bytes: [UInt8]) -> [ByteBuffer] {
        var pieces: [ByteBuffer] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let size: Int
            switch self.cut {
            case .whole:
                size = rest.count
            case .drip:
                size = 1
            case .random:
                size = Int.random(
                    in: 1...max(1, min(rest.count, Bool.random(using: &self.random) ? 20 : 40_000)), using: &self.random
                )
            }
            pieces.append(ByteBuffer(bytes: rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return pieces
    }
}
