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

@Suite struct CommandTests {
    private func code(of body: () throws -> Void) -> YamuxError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? YamuxError)?.code
        }
    }

    @Test func streamsBeyondTheAcknowledgementLimitAreATypedError() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        for _ in 0..<256 {
            _ = try session.openStream(now: .distantPast)
        }
        #expect(self.code { _ = try session.openStream(now: .distantPast) } == .tooManyUnacknowledgedStreams)
        _ = session.output()
        _ = session.receive([.update(WireFrame.ack, 7, 0)])
        #expect(self.code { _ = try session.openStream(now: .distantPast) } == nil)
        session.reset(9, code: 0)
        #expect(self.code { _ = try session.openStream(now: .distantPast) } == nil)
        _ = session.receive([.update(WireFrame.rst, 11, 0)])
        #expect(self.code { _ = try session.openStream(now: .distantPast) } == nil)
        #expect(self.code { _ = try session.openStream(now: .distantPast) } == .tooManyUnacknowledgedStreams)
    }

    @Test func noStreamIsOpenedAfterGoAwayOfEitherSide() throws {
        var ours = YamuxSession(role: .client, now: .distantPast)
        ours.goAway(code: 0x1006)
        ours.goAway(code: 1)
        #expect(self.code { _ = try ours.openStream(now: .distantPast) } == .goingAway)
        #expect(ours.outputFrames() == [.goAway(0x1006)])

        var theirs = YamuxSession(role: .client, now: .distantPast)
        let open = try theirs.openStream(now: .distantPast)
        #expect(theirs.receive([.goAway(0x1004)]) == [.goAway(code: 0x1004)])
        #expect(self.code { _ = try theirs.openStream(now: .distantPast) } == .goingAway)
        // What is open goes on.
        try theirs.write([1], on: open)
        #expect(theirs.outputFrames().last == .data(0, 1, [1]))
    }

    @Test func streamsOpenedByThePeerAfterOurGoAwayAreRefused() {
        var session = YamuxSession(role: .client, now: .distantPast)
        session.goAway(code: 0)
        #expect(session.receive([.update(WireFrame.syn, 2, 0)]).isEmpty)
        #expect(session.outputFrames() == [.update(WireFrame.rst, 2, 0x1007), .goAway(0)])
    }

    @Test func writingIsRefusedWithATypedError() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        #expect(self.code { try session.write([1], on: 1) } == .unknownStream)
        let id = try session.openStream(now: .distantPast)
        session.finish(id)
        #expect(self.code { try session.write([1], on: id) } == .streamFinished)
        _ = session.output()
        #expect(self.code { try session.write([1], on: id) } == .streamFinished)
        session.reset(id, code: 0)
        #expect(self.code { try session.write([1], on: id) } == .unknownStream)
    }

    @Test func commandsOnUnknownStreamsDoNothing() {
        var session = YamuxSession(role: .client, now: .distantPast)
        for id in [0, 1, 2, .max] as [UInt32] {
            let id = YamuxStreamID(rawValue: id)
            session.finish(id)
            session.reset(id, code: 1)
            session.consumed(10, on: id, now: .distantPast)
            #expect(session.queuedBytes(on: id) == 0)
        }
        #expect(!session.hasOutput)
        #expect(session.events().isEmpty)
    }

    @Test func writingNothingSendsNothing() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        try session.write(ByteBuffer(), on: id)
        #expect(session.outputFrames() == [.update(WireFrame.syn, 1, 0)])
        #expect(session.events().isEmpty)
    }

    @Test func finishBeforeThePeersFinishAndAfterItBothClose() throws {
        for oursFirst in [true, false] {
            var pair = SessionPair()
            let id = try pair.client.session.openStream(now: pair.now)
            if oursFirst {
                pair.client.session.finish(id)
                pair.pump()
                pair.server.session.finish(id)
            } else {
                pair.pump()
                pair.server.session.finish(id)
                pair.pump()
                pair.client.session.finish(id)
            }
            pair.pump()
            #expect(pair.client.events.contains(.closed(id)))
            #expect(pair.server.events.contains(.closed(id)))
            #expect(pair.client.session.isEmpty)
            #expect(pair.server.session.isEmpty)
        }
    }

    @Test func writtenIsReportedBeforeClosed() {
        var session = YamuxSession(role: .server, now: .distantPast)
        _ = session.receive([.update(WireFrame.syn | WireFrame.fin, 1, 0)])
        #expect(throws: Never.self) { try session.write([1, 2, 3], on: 1) }
        session.finish(1)
        _ = session.output()
        #expect(session.events() == [.written(1, 3), .closed(1)])
    }

    @Test func aCopyOfASessionIsIndependent() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        try session.write([1, 2, 3], on: id)
        var copy = session
        copy.reset(id, code: 0)
        #expect(session.outputFrames() == [.update(WireFrame.syn, 1, 0), .data(0, 1, [1, 2, 3])])
        #expect(copy.output().isEmpty)
    }
}
