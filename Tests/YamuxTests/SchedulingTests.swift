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

@Suite struct SchedulingTests {
    @Test func twoStreamsWithMuchDataAlternate() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let first = try session.openStream(now: .distantPast)
        let second = try session.openStream(now: .distantPast)
        try session.write([UInt8](repeating: 1, count: 200_000), on: first)
        try session.write([UInt8](repeating: 2, count: 200_000), on: second)
        let order = session.outputFrames().filter { $0.type == WireFrame.data }.map(\.id)
        #expect(order == [1, 3, 1, 3, 1, 3, 1, 3])
    }

    @Test func aLateSmallMessageWaitsForOneFrameOfEachOther() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let bulk = try session.openStream(now: .distantPast)
        try session.write([UInt8](repeating: 1, count: 260_000), on: bulk)
        var output = ByteBuffer()
        #expect(session.writeOutput(into: &output, limit: 1000))
        let vote = try session.openStream(now: .distantPast)
        try session.write([7], on: vote)
        let frames = session.outputFrames()
        #expect(frames.firstIndex { $0.id == vote.rawValue && $0.type == WireFrame.data }.map { $0 <= 2 } == true)
    }

    @Test func controlPassesBulk() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let bulk = try session.openStream(now: .distantPast)
        let other = try session.openStream(now: .distantPast)
        try session.write([UInt8](repeating: 1, count: 260_000), on: bulk)
        var output = ByteBuffer()
        #expect(session.writeOutput(into: &output, limit: 1000))
        _ = session.receive([
            .data(WireFrame.ack, 1, [UInt8](repeating: 0, count: 131_072)), .ping(WireFrame.syn, 6),
            .update(WireFrame.syn, 2, 0),
        ])
        session.consumed(131_072, on: bulk, now: .distantPast)
        session.reset(other, code: 4)
        session.goAway(code: 0)
        let control = session.outputFrames().prefix { $0.type != WireFrame.data }
        #expect(
            Array(control) == [
                .ping(WireFrame.ack, 6), .ping(WireFrame.syn, 0), .update(WireFrame.rst, 3, 4),
                .update(WireFrame.ack, 2, 0), .update(0, 1, 131_072), .goAway(0),
            ]
        )
    }

    @Test func aStreamWithoutWindowTakesNoTurn() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let first = try session.openStream(now: .distantPast)
        try session.write([UInt8](repeating: 1, count: 300_000), on: first)
        _ = session.output()
        #expect(!session.hasOutput)
        let second = try session.openStream(now: .distantPast)
        try session.write([2], on: second)
        #expect(session.outputFrames() == [.update(WireFrame.syn, 3, 0), .data(0, 3, [2])])
        #expect(session.receive([.update(WireFrame.ack, 1, 5)]).suffix(1) == [.windowOpened(first)])
        #expect(session.outputFrames() == [.data(0, 1, [1, 1, 1, 1, 1])])
    }

    @Test func manySmallWindowUpdatesLoseNoData() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        let payload = (0..<263_000).map { UInt8(truncatingIfNeeded: $0) }
        try session.write(payload, on: id)
        var sent = session.outputFrames().flatMap(\.payload)
        while sent.count < payload.count {
            _ = session.receive([.update(0, 1, 3)])
            sent += session.outputFrames().flatMap(\.payload)
        }
        #expect(sent == payload)
    }
}
