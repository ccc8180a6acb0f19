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

/// The flags mean the same on data frames and on window updates, alone and together.
@Suite struct FlagCombinationTests {
    private let hello = Array("hello".utf8)

    private func server() -> YamuxSession {
        YamuxSession(role: .server, now: .distantPast)
    }

    /// A client with stream 1 open and its SYN sent.
    private func openedClient() throws -> (session: YamuxSession, id: YamuxStreamID) {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        _ = session.output()
        return (session, id)
    }

    // MARK: Opening

    @Test func windowUpdateOpensAndIsAcknowledgedAtOnce() {
        var session = self.server()
        #expect(session.receive([.update(WireFrame.syn, 1, 0)]) == [.streamOpened(1)])
        #expect(session.outputFrames() == [.update(WireFrame.ack, 1, 0)])
        #expect(session.inboundStreamCount == 1)
    }

    @Test func windowUpdateOpensWithALargerWindow() throws {
        var session = self.server()
        #expect(session.receive([.update(WireFrame.syn, 1, 1000)]) == [.streamOpened(1)])
        try session.write([UInt8](repeating: 1, count: 300_000), on: 1)
        let sent = session.outputFrames().reduce(0) { $0 + $1.payload.count }
        #expect(sent == 262_144 + 1000)
    }

    @Test func dataOpensAndIsDelivered() {
        var session = self.server()
        let events = session.receive([.data(WireFrame.syn, 1, self.hello)])
        #expect(events == [.streamOpened(1), .data(1, ByteBuffer(bytes: self.hello))])
    }

    @Test func emptyDataOpens() {
        var session = self.server()
        #expect(session.receive([.data(WireFrame.syn, 1, [])]) == [.streamOpened(1)])
    }

    @Test func dataOpensAndFinishes() {
        var session = self.server()
        let events = session.receive([.data(WireFrame.syn | WireFrame.fin, 1, self.hello)])
        #expect(events == [.streamOpened(1), .data(1, ByteBuffer(bytes: self.hello)), .finished(1)])
        #expect(session.streamCount == 1)
        session.finish(1)
        #expect(session.outputFrames() == [.update(WireFrame.ack, 1, 0), .update(WireFrame.fin, 1, 0)])
        #expect(session.events() == [.closed(1)])
        #expect(session.isEmpty)
    }

    @Test func windowUpdateOpensAndFinishes() {
        var session = self.server()
        let events = session.receive([.update(WireFrame.syn | WireFrame.fin, 1, 5)])
        #expect(events == [.streamOpened(1), .finished(1)])
    }

    @Test func openedAndResetInOneFrameIsNotReported() {
        var session = self.server()
        #expect(session.receive([.update(WireFrame.syn | WireFrame.rst, 1, 7)]).isEmpty)
        #expect(session.receive([.data(WireFrame.syn | WireFrame.rst, 3, self.hello)]).isEmpty)
        #expect(session.isEmpty)
        #expect(session.receive([.update(WireFrame.syn, 5, 0)]) == [.streamOpened(5)])
    }

    // MARK: Acknowledging

    @Test func windowUpdateAcknowledges() throws {
        var (session, id) = try self.openedClient()
        #expect(session.receive([.update(WireFrame.ack, 1, 0)]) == [.streamAcknowledged(id)])
    }

    @Test func windowUpdateAcknowledgesWithALargerWindow() throws {
        var (session, id) = try self.openedClient()
        #expect(session.receive([.update(WireFrame.ack, 1, 9)]) == [.streamAcknowledged(id), .windowOpened(id)])
    }

    @Test func dataAcknowledges() throws {
        var (session, id) = try self.openedClient()
        let events = session.receive([.data(WireFrame.ack, 1, self.hello)])
        #expect(events == [.streamAcknowledged(id), .data(id, ByteBuffer(bytes: self.hello))])
    }

    @Test func emptyDataAcknowledges() throws {
        var (session, id) = try self.openedClient()
        #expect(session.receive([.data(WireFrame.ack, 1, [])]) == [.streamAcknowledged(id)])
    }

    @Test func dataAcknowledgesAndFinishes() throws {
        var (session, id) = try self.openedClient()
        let events = session.receive([.data(WireFrame.ack | WireFrame.fin, 1, self.hello)])
        #expect(events == [.streamAcknowledged(id), .data(id, ByteBuffer(bytes: self.hello)), .finished(id)])
    }

    @Test func windowUpdateAcknowledgesAndFinishes() throws {
        var (session, id) = try self.openedClient()
        let events = session.receive([.update(WireFrame.ack | WireFrame.fin, 1, 0)])
        #expect(events == [.streamAcknowledged(id), .finished(id)])
    }

    @Test func dataWithoutTheFlagAcknowledgesToo() throws {
        var (session, id) = try self.openedClient()
        let events = session.receive([.data(0, 1, self.hello), .update(WireFrame.ack, 1, 0)])
        #expect(events == [.streamAcknowledged(id), .data(id, ByteBuffer(bytes: self.hello))])
    }

    // MARK: Finishing

    @Test func windowUpdateFinishes() throws {
        var (session, id) = try self.openedClient()
        _ = session.receive([.update(WireFrame.ack, 1, 0)])
        #expect(session.receive([.update(WireFrame.fin, 1, 0)]) == [.finished(id)])
    }

    @Test func windowUpdateFinishesAndGrants() throws {
        var (session, id) = try self.openedClient()
        _ = session.receive([.update(WireFrame.ack, 1, 0)])
        #expect(session.receive([.update(WireFrame.fin, 1, 4)]) == [.windowOpened(id), .finished(id)])
    }

    @Test func dataFinishesAfterItsPayload() throws {
        var (session, id) = try self.openedClient()
        _ = session.receive([.update(WireFrame.ack, 1, 0)])
        let frame = WireFrame.data(WireFrame.fin, 1, self.hello).bytes
        #expect(session.receive(bytes: Array(frame.dropLast(2))) == [.data(id, ByteBuffer(string: "hel"))])
        #expect(session.receive(bytes: Array(frame.suffix(2))) == [.data(id, ByteBuffer(string: "lo")), .finished(id)])
    }

    @Test func emptyDataFinishes() throws {
        var (session, id) = try self.openedClient()
        _ = session.receive([.update(WireFrame.ack, 1, 0)])
        #expect(session.receive([.data(WireFrame.fin, 1, [])]) == [.finished(id)])
    }

    @Test func weFinishWithAWindowUpdateBehindTheData() throws {
        var (session, id) = try self.openedClient()
        try session.write(self.hello, on: id)
        session.finish(id)
        session.finish(id)
        #expect(session.outputFrames() == [.data(0, 1, self.hello), .update(WireFrame.fin, 1, 0)])
        #expect(session.events() == [.written(id, 5)])
        #expect(
            session.receive([.update(WireFrame.ack | WireFrame.fin, 1, 0)]).suffix(2) == [.finished(id), .closed(id)])
        #expect(session.isEmpty)
    }

    // MARK: Resetting

    @Test func windowUpdateResetsWithACode() throws {
        var (session, id) = try self.openedClient()
        try session.write(self.hello, on: id)
        #expect(session.receive([.update(WireFrame.rst, 1, 0x1004)]) == [.reset(id, code: 0x1004)])
        #expect(session.isEmpty)
    }

    @Test func dataResetsAndItsPayloadIsDropped() throws {
        var (session, id) = try self.openedClient()
        let events = session.receive([.data(WireFrame.rst, 1, self.hello), .ping(WireFrame.syn, 3)])
        #expect(events == [.reset(id, code: 0)])
        #expect(session.outputFrames() == [.ping(WireFrame.ack, 3)])
    }

    @Test func resetWinsOverAcknowledgementAndFinish() throws {
        var (session, id) = try self.openedClient()
        let flags = WireFrame.rst | WireFrame.ack | WireFrame.fin
        #expect(session.receive([.update(flags, 1, 0xFFFF_FFFF)]) == [.reset(id, code: 0xFFFF_FFFF)])
    }

    @Test func weResetWithTheCodeAsLength() throws {
        var (session, id) = try self.openedClient()
        try session.write(self.hello, on: id)
        session.reset(id, code: 0x1007)
        #expect(session.outputFrames() == [.update(WireFrame.rst, 1, 0x1007)])
        #expect(session.events().isEmpty)
        #expect(session.isEmpty)
    }

    @Test func resetBeforeTheSYNWentOutSendsNothing() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        try session.write(self.hello, on: id)
        session.reset(id, code: 1)
        #expect(session.output().isEmpty)
        #expect(session.isEmpty)
    }

    @Test func unknownFlagBitsAreIgnored() {
        var session = self.server()
        let events = session.receive([.data(WireFrame.syn | 0x8010, 1, self.hello)])
        #expect(events == [.streamOpened(1), .data(1, ByteBuffer(bytes: self.hello))])
    }
}
