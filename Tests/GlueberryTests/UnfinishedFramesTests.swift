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

import LibP2P
import NIOCore
import Testing

@testable import Glueberry

/// Which frames may grow beyond the window.
@Suite(.timeLimit(.minutes(2))) struct UnfinishedFramesTests {
    /// Asks for one of some streams.
    private struct Asker {
        let frames: UnfinishedFrames
        let streams: [(stream: NIOLoopBound<FrameStream>, id: ObjectIdentifier)]

        init(_ count: Int, limit: Int, on link: Link) async throws {
            self.frames = UnfinishedFrames(limit: limit)
            var streams: [(stream: NIOLoopBound<FrameStream>, id: ObjectIdentifier)] = []
            for _ in 0..<count { streams.append(try await link.dialer.idleStream()) }
            self.streams = streams
        }

        func admit(_ bytes: Int, _ index: Int) -> Bool {
            self.frames.admit(bytes, of: self.streams[index].id, self.streams[index].stream)
        }

        func finished(_ index: Int) { self.frames.finished(self.streams[index].id) }
    }

    @Test func togetherTheyStayWithinTheLimitAndOneGoesOn() async throws {
        try await withLink { link in
            let ask = try await Asker(4, limit: 1000, on: link)
            #expect(ask.admit(400, 0))
            #expect(ask.admit(400, 1))
            #expect(ask.admit(200, 2), "just the limit")
            #expect(ask.admit(500, 1), "the first beyond it is favoured")
            #expect(!ask.admit(1, 3))
            #expect(!ask.admit(201, 2))
            #expect(ask.admit(10_000_000, 1), "and goes on to its end")
            #expect(ask.admit(100, 2) == false, "while it does, the others stay as they are")
        }
    }

    @Test func whenTheFavouredOneIsCompleteTheNextGoesOn() async throws {
        try await withLink { link in
            let ask = try await Asker(3, limit: 1000, on: link)
            #expect(ask.admit(900, 0))
            #expect(ask.admit(5000, 1))
            #expect(!ask.admit(1000, 0))
            ask.finished(1)
            #expect(ask.admit(1000, 0), "what is complete is held no more")
            #expect(ask.admit(700, 2), "it is favoured now")
            #expect(!ask.admit(1500, 0))
            ask.finished(2)
            #expect(ask.admit(1500, 0))
        }
    }

    @Test func anEndThatHeldNothingChangesNothing() async throws {
        try await withLink { link in
            let ask = try await Asker(3, limit: 1000, on: link)
            #expect(ask.admit(2000, 0))
            #expect(!ask.admit(10, 1))
            ask.finished(1)
            ask.finished(2)
            #expect(!ask.admit(10, 1))
            ask.finished(0)
            ask.finished(0)
            #expect(ask.admit(1000, 1))
            #expect(ask.admit(1001, 2), "one of them may be beyond")
            #expect(!ask.admit(1001, 1))
        }
    }

    @Test func framesBeyondTheLimitAllArriveOneAfterAnother() async throws {
        try await withLink { link in
            // Each is larger than the window, and any two are larger than the limit.
            let frames = UnfinishedFrames(limit: 300_000)
            let names = ["a", "b", "c", "d"]
            let sinks = names.map { _ in RecordingSink() }
            for (name, sink) in zip(names, sinks) {
                _ = try link.listener.channel(name, inbound: sink, unfinished: frames)
            }
            for name in names {
                let sender = try link.dialer.channel(name, inbound: RecordingSink())
                try await sender.send(ByteBuffer(bytes: pattern(900_000)), timeout: nil)
            }
            try await eventually { sinks.allSatisfy { $0.payloads.count == 1 } }
            for sink in sinks { #expect(sink.payloads.first?.count == 900_000) }
        }
    }

    /// The favoured one keeps its place, so that each of the others waits until it ends.
    @Test func aStreamThatEndsWhileItWaitsIsLetGoOf() async throws {
        try await withLink { link in
            let frames = UnfinishedFrames(limit: 70_000)
            for name in ["a", "b"] {
                _ = try link.listener.channel(name, inbound: RecordingSink(), unfinished: frames)
            }
            let connection = try link.dialer.connection
            // Each announces a megabyte and brings less.
            let beginning = ByteBuffer(
                Frame.encode(ByteBuffer(bytes: pattern(1_000_000))).readableBytesView.prefix(100_000))
            let favoured = try await connection.openStream(protocols: [StreamName.protocolID(of: "a")])
            try await favoured.write(beginning)
            for _ in 0..<3 {
                let other = try await connection.openStream(protocols: [StreamName.protocolID(of: "b")])
                try await other.write(beginning)
                try await eventually { frames.waitingCount == 1 }
                other.reset()
                try await eventually { frames.waitingCount == 0 }
            }
            favoured.reset()
        }
    }
}
