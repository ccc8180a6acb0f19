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
        #expect(order.count > 20)
        #expect(order == order.indices.map { $0.isMultiple(of: 2) ? 1 : 3 })
    }

    @Test func framesAreLargeForAStreamAloneAndSmallWhileStreamsCompete() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let first = try session.openStream(now: .distantPast)
        let second = try session.openStream(now: .distantPast)
        try session.write([UInt8](repeating: 1, count: 200_000), on: first)
        try session.write([UInt8](repeating: 2, count: 40_000), on: second)
        let frames = session.outputFrames().filter { $0.type == WireFrame.data }
        let shared = frames.prefix(frames.lastIndex { $0.id == 3 } ?? 0)
        #expect(shared.count == 5)
        #expect(shared.allSatisfy { $0.payload.count <= 16 * 1024 })
        #expect(frames.map(\.payload.count).max() == 64 * 1024 - 12)
        #expect(frames.filter { $0.id == 1 }.map(\.payload.count).reduce(0, +) == 200_000)
        #expect(frames.filter { $0.id == 3 }.map(\.payload.count).reduce(0, +) == 40_000)
    }

    @Test func whatIsUrgentGoesFirstButForOneFrameInSeventeen() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let streams = try (0..<3).map { _ in try session.openStream(now: .distantPast) }
        for (stream, urgency) in zip(streams, [.low, .normal, .high] as [YamuxStreamPriority.Urgency]) {
            session.prioritize(stream, YamuxStreamPriority(urgency: urgency))
            #expect(session.priority(of: stream)?.urgency == urgency)
            try session.write([UInt8](repeating: 1, count: 16 * 1024 * 16), on: stream)
        }
        let order = session.outputFrames().filter { $0.type == WireFrame.data }.map(\.id)
        // The high one's 16 frames pass; then each of the others has one that is due, the lowest first.
        #expect(order.prefix(16).allSatisfy { $0 == 5 })
        #expect(order[16] == 1)
        #expect(order[17...31].allSatisfy { $0 == 3 })
        #expect(order.filter { $0 == 1 }.count == 5, "of which the last are large, since it is alone")
    }

    @Test func weightsAreSharesAmongThoseOfOneUrgency() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let heavy = try session.openStream(now: .distantPast)
        let light = try session.openStream(now: .distantPast)
        session.prioritize(heavy, YamuxStreamPriority(weight: 3))
        session.prioritize(light, YamuxStreamPriority(weight: -1))
        for stream in [heavy, light] { try session.write([UInt8](repeating: 1, count: 200_000), on: stream) }
        let order = session.outputFrames().filter { $0.type == WireFrame.data }.map(\.id)
        #expect(order.prefix(12).filter { $0 == 3 }.count == 3)
        // They take turns: three frames of the heavy one in a row at most.
        #expect(order.prefix(12).split(separator: 3).allSatisfy { $0.count <= 3 })
    }

    @Test func theGreatestWeightDoesNotShutOutTheLeast() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let heavy = try session.openStream(now: .distantPast)
        let light = try session.openStream(now: .distantPast)
        session.prioritize(heavy, YamuxStreamPriority(weight: 256))
        try session.write([UInt8](repeating: 1, count: 262_144), on: heavy)
        try session.write([UInt8](repeating: 1, count: 200), on: light)
        let order = session.outputFrames().filter { $0.type == WireFrame.data }.map(\.id)
        #expect(order.firstIndex(of: 3) == 1, "a stream that comes anew begins where the others are")
    }

    @Test func sharesAreOfBytesNotOfFrames() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let large = try session.openStream(now: .distantPast)
        let small = try session.openStream(now: .distantPast)
        try session.write([UInt8](repeating: 1, count: 200_000), on: large)
        var sent: [UInt32: Int] = [:]
        // One stream always has a kilobyte to send, the other much: frames of 1 KiB and 16 KiB.
        for _ in 0..<100 {
            try session.write([UInt8](repeating: 2, count: 1024), on: small)
            var output = ByteBuffer()
            _ = session.writeOutput(into: &output, limit: 1)
            var bytes = Array(output.readableBytesView)
            for frame in WireFrame.parse(&bytes) where frame.type == WireFrame.data {
                sent[frame.id, default: 0] += frame.payload.count
            }
        }
        let (first, second) = (sent[1] ?? 0, sent[3] ?? 0)
        #expect(abs(first - second) <= 2 * 16 * 1024, "\(first) and \(second) bytes")
    }

    @Test func aStreamIsNotPassedOverWhereItDoesNotWait() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let streams = try (0..<2).map { _ in try session.openStream(now: .distantPast) }
        session.prioritize(streams[0], YamuxStreamPriority(urgency: .high))
        try session.write([UInt8](repeating: 1, count: 262_144), on: streams[0])
        try session.write([1], on: streams[1])
        var output = ByteBuffer()
        #expect(session.writeOutput(into: &output, limit: 200_000))
        session.reset(streams[1], code: 0)
        let late = try session.openStream(now: .distantPast)
        try session.write([1], on: late)
        let order = session.outputFrames().filter { $0.type == WireFrame.data }.map(\.id)
        // The frames that passed over another do not count for it.
        #expect(order.last == late.rawValue && order.count > 2)
    }

    @Test func aStreamThatWaitsMovesWithItsPriority() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let streams = try (0..<3).map { _ in try session.openStream(now: .distantPast) }
        for stream in streams { try session.write([1], on: stream) }
        session.prioritize(streams[2], YamuxStreamPriority(urgency: .high))
        session.prioritize(streams[0], YamuxStreamPriority(urgency: .low))
        #expect(session.outputFrames().filter { $0.type == WireFrame.data }.map(\.id) == [5, 3, 1])
        #expect(!session.hasOutput)
    }

    @Test func aStreamThatIsResetWhileItWaitsLeavesNoOutputBehind() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let stream = try session.openStream(now: .distantPast)
        _ = session.output()
        session.prioritize(stream, YamuxStreamPriority(urgency: .high))
        try session.write([1], on: stream)
        session.reset(stream, code: 0)
        #expect(session.outputFrames() == [.update(WireFrame.rst, 1, 0)])
        #expect(!session.hasOutput)
        session.prioritize(stream, YamuxStreamPriority(urgency: .low))
        #expect(session.priority(of: stream) == nil)
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
