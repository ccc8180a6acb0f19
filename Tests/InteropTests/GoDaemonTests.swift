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

/// The test equipment itself: two Go daemons with each other.
@Suite("Go daemon") struct GoDaemonTests {
    static let echo = "/glueberry-test/echo/1.0.0"

    @Test func answersWithThePeerIDOfItsKeyAndAnAddress() async throws {
        try await GoDaemon.run { daemon in
            #expect(daemon.peerID == [0x00, 0x24, 0x08, 0x01, 0x12, 0x20] + daemon.publicKey)
            #expect(!daemon.addresses.isEmpty)
            #expect(daemon.isRunning)
        }
    }

    @Test(arguments: GoDaemon.Security.allCases) func echoesThreeMebibytes(security: GoDaemon.Security) async throws {
        try await withPair(security: security) { dialer, listener in
            try await serving(Self.echo, on: listener, with: echoUntilEnd) {
                let stream = try await dialer.control.openStream(to: listener.peerID, protocols: [Self.echo])
                #expect(stream.protocolID == Self.echo)
                #expect(stream.remotePeer == listener.peerID)
                let payload = SplitMix64.bytes(3 << 20, seed: 1)
                #expect(try await digest(stream.exchange(payload)) == digest(payload))
                await stream.finish()
            }
        }
    }

    @Test func echoesOnTwoHundredStreamsAtOnce() async throws {
        try await withPair(security: .noiseOnly) { dialer, listener in
            try await serving(Self.echo, on: listener, with: echoUntilEnd) {
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            let stream = try await dialer.control.openStream(
                                to: listener.peerID,
                                protocols: [Self.echo]
                            )
                            let payload = SplitMix64.bytes(64 * 1024, seed: UInt64(number))
                            let same = try await digest(stream.exchange(payload)) == digest(payload)
                            await stream.finish()
                            return same
                        }
                    }
                    var right = 0
                    for try await same in group where same {
                        right += 1
                    }
                    #expect(right == 200)
                }
            }
        }
    }

    @Test func readsTheEndOfAFinishedStreamAfterItsBytes() async throws {
        try await withPair(security: .noiseOnly) { dialer, listener in
            let incoming = try await listener.control.streams(of: Self.echo)
            var iterator = incoming.makeAsyncIterator()
            let opened = try await dialer.control.openStream(to: listener.peerID, protocols: [Self.echo])
            try await opened.write(ByteBuffer(string: "farewell"))
            await opened.finish()
            let accepted = try #require(try await iterator.next())
            #expect(try await accepted.readToEnd() == ByteBuffer(string: "farewell"))
        }
    }

    @Test func listsAPeerUntilItIsDisconnected() async throws {
        try await withPair(security: .tlsThenNoise) { dialer, listener in
            #expect(try await dialer.control.connectedPeers() == [listener.peerID])
            try await dialer.control.disconnect(from: listener.peerID)
            #expect(try await dialer.control.connectedPeers().isEmpty)
        }
    }

    @Test func aRefusedProtocolIsAnError() async throws {
        try await withPair(security: .noiseOnly) { dialer, listener in
            await #expect(throws: GoDaemonError.self) {
                _ = try await dialer.control.openStream(to: listener.peerID, protocols: ["/nobody/1.0.0"])
            }
        }
    }

    @Test func theProcessIsGoneAfterAFailure() async throws {
        struct Planned: Error {}
        let kept = Kept()
        await #expect(throws: Planned.self) {
            try await GoDaemon.run { daemon in
                await kept.keep(daemon)
                throw Planned()
            }
        }
        let daemon = try #require(await kept.daemon)
        #expect(!daemon.isRunning)
    }

    private actor Kept {
        private(set) var daemon: GoDaemon?

        func keep(_ daemon: GoDaemon) {
            self.daemon = daemon
        }
    }

    private func withPair(
        security: GoDaemon.Security,
        _ body: (_ dialer: GoDaemon, _ listener: GoDaemon) async throws -> Void
    ) async throws {
        try await GoDaemon.run(security: security) { dialer in
            try await GoDaemon.run(security: security) { listener in
                try await dialer.control.connect(to: listener.peerID, addresses: listener.addresses)
                try await body(dialer, listener)
            }
        }
    }
}
