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

@Suite struct BackPressureTests {
    private let window = YamuxConfiguration.initialWindow

    @Test func theSenderStopsExactlyAtTheWindow() throws {
        var pair = SessionPair()
        pair.server.consumesAtOnce = false
        let id = try pair.client.session.openStream(now: pair.now)
        try pair.client.session.write([UInt8](repeating: 1, count: self.window + 1), on: id)
        pair.pump()
        #expect(pair.server.received[id]?.count == self.window)
        #expect(pair.client.session.queuedBytes(on: id) == 1)
        #expect(pair.client.written(on: id) == self.window)
        #expect(!pair.client.session.hasOutput)
    }

    @Test func finishWaitsForDataThatHasNoWindow() throws {
        var pair = SessionPair()
        pair.server.consumesAtOnce = false
        let id = try pair.client.session.openStream(now: pair.now)
        try pair.client.session.write([UInt8](repeating: 1, count: self.window + 1), on: id)
        pair.client.session.finish(id)
        pair.pump()
        #expect(pair.server.story(of: id) == [.streamOpened(id)])
        pair.server.session.consumed(self.window, on: id, now: pair.now)
        pair.pump()
        #expect(pair.server.story(of: id) == [.streamOpened(id), .finished(id)])
        #expect(pair.server.received[id]?.count == self.window + 1)
    }

    @Test func otherStreamsGoOnWhileOneIsHeldUp() throws {
        var pair = SessionPair()
        let slow = try pair.client.session.openStream(now: pair.now)
        let quick = try pair.client.session.openStream(now: pair.now)
        pair.server.held = [slow]
        try pair.client.session.write([UInt8](repeating: 1, count: 1_000_000), on: slow)
        try pair.client.session.write([UInt8](repeating: 2, count: 1_000_000), on: quick)
        pair.pump()
        #expect(pair.server.received[slow]?.count == self.window)
        #expect(pair.server.received[quick]?.count == 1_000_000)
    }

    @Test func creditGoesBackAtHalfOfTheWindow() throws {
        var pair = SessionPair()
        pair.server.consumesAtOnce = false
        let id = try pair.client.session.openStream(now: pair.now)
        try pair.client.session.write([UInt8](repeating: 1, count: self.window), on: id)
        pair.pump()
        pair.server.session.consumed(self.window / 2 - 1, on: id, now: pair.now)
        #expect(!pair.server.session.hasOutput)
        pair.server.session.consumed(1, on: id, now: pair.now)
        let frames = pair.server.session.outputFrames()
        #expect(frames.contains(.update(0, id.rawValue, UInt32(self.window / 2))))
    }

    @Test func updatesOfOneStreamAreSentAsOne() {
        var session = YamuxSession(role: .server, now: .distantPast)
        _ = session.receive([.update(WireFrame.syn, 1, 0), .data(0, 1, [UInt8](repeating: 0, count: self.window))])
        session.consumed(self.window / 2, on: 1, now: .distantPast)
        session.consumed(self.window / 2, on: 1, now: .distantPast)
        let updates = session.outputFrames().filter { $0.type == WireFrame.windowUpdate }
        #expect(updates == [.update(WireFrame.ack, 1, UInt32(self.window))])
    }

    @Test func consumingMoreThanWasDeliveredGivesNoMore() {
        var session = YamuxSession(role: .server, now: .distantPast)
        _ = session.receive([.update(WireFrame.syn, 1, 0), .data(0, 1, [UInt8](repeating: 0, count: 200_000))])
        session.consumed(.max, on: 1, now: .distantPast)
        session.consumed(.max, on: 1, now: .distantPast)
        session.consumed(-5, on: 1, now: .distantPast)
        let updates = session.outputFrames().filter { $0.type == WireFrame.windowUpdate }
        #expect(updates == [.update(WireFrame.ack, 1, 200_000)])
    }

    @Test(arguments: [1, 7, 1000, 65_524, 131_072, 131_073, 262_144])
    func aConsumerThatKeepsUpNeverStallsThePeer(frameSize: Int) {
        // A peer that waits until a whole frame fits its window.
        var session = YamuxSession(role: .server, now: .distantPast)
        _ = session.receive([.update(WireFrame.syn, 1, 0)])
        var credit = self.window
        var sent = 0
        let goal = min(frameSize * 3000, 3_000_000)
        let frame = WireFrame.data(0, 1, [UInt8](repeating: 0, count: frameSize))
        while sent < goal {
            // With credit for half of the window there is room for any frame of up to that size.
            let size = min(frameSize, self.window / 2)
            #expect(credit >= size)
            guard credit >= size else { return }
            let part = size == frameSize ? frame : .data(0, 1, Array(frame.payload.prefix(size)))
            for case .data(let id, let data) in session.receive([part]) {
                session.consumed(data.readableBytes, on: id, now: .distantPast)
            }
            sent += size
            credit -= size
            for update in session.outputFrames() where update.type == WireFrame.windowUpdate {
                credit += Int(update.value)
            }
        }
    }

    @Test func outputGoesBeyondItsLimitByOneFrameAtMost() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        try session.write([UInt8](repeating: 1, count: 250_000), on: id)
        var output = ByteBuffer()
        #expect(session.writeOutput(into: &output, limit: 100))
        #expect(output.readableBytes <= 100 + 12 + session.configuration.maximumFramePayload)
        let before = output.readableBytes
        #expect(session.writeOutput(into: &output, limit: before))
        #expect(output.readableBytes == before)
    }

    @Test func smallMessagesShareAFrame() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        for number in 0..<10 as Range<UInt8> {
            try session.write([number], on: id)
        }
        let frames = session.outputFrames()
        #expect(frames == [.update(WireFrame.syn, 1, 0), .data(0, 1, Array(0..<10))])
        #expect(session.events() == [.written(id, 10)])
    }

    @Test func framesAreCutAtTheConfiguredPayload() throws {
        var configuration = YamuxConfiguration()
        configuration.maximumFramePayload = 4
        var session = YamuxSession(role: .client, configuration: configuration, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        try session.write([1, 2, 3], on: id)
        try session.write([4, 5, 6, 7, 8, 9], on: id)
        let frames = session.outputFrames().dropFirst()
        #expect(frames.map(\.payload) == [[1, 2, 3, 4], [5, 6, 7, 8], [9]])
    }
}
