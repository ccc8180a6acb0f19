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

/// Sequences as go-yamux sends them, byte for byte, against a session of ours.
@Suite struct GoYamuxSequenceTests {
    @Test func aGoOpenerThatWritesAndCloses() throws {
        var session = YamuxSession(role: .server, now: .distantPast)
        // WindowUpdate|SYN of no delta, then "ping", then WindowUpdate|FIN.
        let events = session.receive(
            bytes: bytes(
                hex: """
                    00 01 0001 00000001 00000000
                    00 00 0000 00000001 00000004 70696e67
                    00 01 0004 00000001 00000000
                    """)
        )
        #expect(events == [.streamOpened(1), .data(1, ByteBuffer(string: "ping")), .finished(1)])
        try session.write(Array("pong".utf8), on: 1)
        session.finish(1)
        #expect(
            session.output()
                == bytes(
                    hex: """
                        00 01 0002 00000001 00000000
                        00 00 0000 00000001 00000004 706f6e67
                        00 01 0004 00000001 00000000
                        """)
        )
        #expect(session.events() == [.written(1, 4), .closed(1)])
        #expect(session.isEmpty)
    }

    @Test func aGoAcceptorThatAnswersAndCloses() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        try session.write(Array("ping".utf8), on: id)
        session.finish(id)
        #expect(
            session.output()
                == bytes(
                    hex: """
                        00 01 0001 00000001 00000000
                        00 00 0000 00000001 00000004 70696e67
                        00 01 0004 00000001 00000000
                        """)
        )
        let events = session.receive(
            bytes: bytes(
                hex: """
                    00 01 0002 00000001 00000000
                    00 00 0000 00000001 00000004 706f6e67
                    00 01 0004 00000001 00000000
                    """)
        )
        #expect(
            events == [
                .written(id, 4), .streamAcknowledged(id), .data(id, ByteBuffer(string: "pong")), .finished(id),
                .closed(id),
            ]
        )
        #expect(session.isEmpty)
    }

    @Test func aGoOpenerWhoseFirstFrameIsData() {
        var session = YamuxSession(role: .client, now: .distantPast)
        let events = session.receive(bytes: bytes(hex: "00 00 0001 00000002 00000002 6869"))
        #expect(events == [.streamOpened(2), .data(2, ByteBuffer(string: "hi"))])
        #expect(session.output() == bytes(hex: "00 01 0002 00000002 00000000"))
    }

    @Test func aGoResetWithAnErrorCode() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        _ = session.output()
        let events = session.receive(bytes: bytes(hex: "00 01 0002 00000001 00000000 00 01 0008 00000001 00001004"))
        #expect(events == [.streamAcknowledged(id), .reset(id, code: YamuxErrorCode.Stream.protocolViolation)])
    }

    @Test func aGoPingAndGoAway() {
        var session = YamuxSession(role: .server, now: .distantPast)
        let events = session.receive(
            bytes: bytes(hex: "00 02 0001 00000000 0000002a 00 03 0000 00000000 00001006")
        )
        #expect(events == [.goAway(code: YamuxErrorCode.Session.shutdown)])
        #expect(session.output() == bytes(hex: "00 02 0002 00000000 0000002a"))
    }

    @Test func ourPingAndGoAwayAsGoExpectsThem() {
        var session = YamuxSession(role: .client, now: .distantPast)
        session.sendPing(now: .distantPast)
        session.goAway(code: YamuxErrorCode.Session.gated)
        #expect(session.output() == bytes(hex: "00 02 0001 00000000 00000000 00 03 0000 00000000 00001007"))
        #expect(session.receive(bytes: bytes(hex: "00 02 0002 00000000 00000000")) == [.roundTrip(.zero)])
    }

    @Test func aGoReaderThatGivesBackHalfOfItsWindow() throws {
        var session = YamuxSession(role: .client, now: .distantPast)
        let id = try session.openStream(now: .distantPast)
        try session.write([UInt8](repeating: 1, count: 300_000), on: id)
        _ = session.output()
        #expect(session.queuedBytes(on: id) == 300_000 - 262_144)
        let events = session.receive(
            bytes: bytes(hex: "00 01 0002 00000001 00000000 00 01 0000 00000001 00020000")
        )
        #expect(events == [.written(id, 262_144), .streamAcknowledged(id), .windowOpened(id)])
        #expect(session.outputFrames() == [.data(0, 1, [UInt8](repeating: 1, count: 300_000 - 262_144))])
    }
}
