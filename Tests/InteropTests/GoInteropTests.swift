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
import Crypto
import LibP2P
import Multiformats
import NIOCore
import PeerIdentity
import Testing

/// A Swift host and go-libp2p: each dials, each opens and ends streams, with both of Go's security configurations.
///
/// One after another, since go-libp2p gives up a local dial after 5 seconds and dozens of nodes would keep each other
/// waiting for longer.
@Suite("Go interop", .serialized, .timeLimit(.minutes(10))) struct GoInteropTests {
    static let protocolID = "/glueberry-test/interop/1.0.0"
    static let ping = "/ipfs/ping/1.0.0"
    static let identify = "/ipfs/id/1.0.0"

    @Test(arguments: GoLink.all) func connectsWithNoise(link: GoLink) async throws {
        try await link.run { pair in
            #expect(pair.connection.security == "/noise")
            #expect(pair.connection.remotePeer.bytes == pair.daemon.peerID)
            #expect(pair.connection.direction == (link.dialer == .swift ? .outbound : .inbound))
            let peers = try await pair.daemon.control.connectedPeers()
            #expect(peers == [pair.host.peerID.bytes])
        }
    }

    @Test(arguments: GoLink.all, Side.allCases) func echoesThreeMebibytes(link: GoLink, opener: Side) async throws {
        try await link.run { pair in
            try await pair.serving(Self.protocolID, on: opener.other, with: echoUntilEnd) {
                let stream = try await pair.openStream(Self.protocolID, by: opener)
                let payload = SplitMix64.bytes(3 << 20, seed: 3)
                #expect(try await digest(stream.exchange(payload)) == digest(payload))
                await stream.finish()
                // p2pd finishes or resets now, as it happens: it stops reading as soon as it sees the end.
                _ = try? await stream.read()
            }
            #expect(!pair.connection.isClosed)
        }
    }

    /// p2pd is given more streams until it finishes one; whatever else happens to a stream fails the test.
    ///
    /// It stops reading and then finishes, and resets when its own reader sees the first before the second was done.
    @Test(arguments: GoLink.all) func aStreamThatGoFinishesEndsAfterItsBytes(link: GoLink) async throws {
        try await link.run { pair in
            for opener in Side.allCases {
                var ends: [StreamEnd] = []
                while !ends.contains(.finished) {
                    try #require(ends.count < 20, "p2pd reset every stream")
                    // p2pd takes a handler for a protocol only once.
                    let protocolID = "/glueberry-test/finish-\(opener)-\(ends.count)/1.0.0"
                    try await pair.withBothEnds(of: protocolID, openedBy: opener) { swift, go in
                        let payload = SplitMix64.bytes(100_000, seed: 4)
                        try await go.write(payload)
                        await go.finish()
                        try await ends.append(swift.end(after: payload))
                    }
                }
            }
            try await pair.expectEchoBothWays()
        }
    }

    @Test(arguments: GoLink.all) func aStreamThatSwiftFinishesEndsAfterItsBytes(link: GoLink) async throws {
        try await link.run { pair in
            for opener in Side.allCases {
                try await pair.withBothEnds(of: Self.protocolID, openedBy: opener) { swift, go in
                    let payload = SplitMix64.bytes(100_000, seed: 5)
                    try await swift.write(payload)
                    await swift.finish()
                    let received = try await go.readToEnd()
                    #expect(digest(received) == digest(payload))
                }
            }
            try await pair.expectEchoBothWays()
        }
    }

    /// p2pd resets a stream whose control connection is closed while bytes from the remote are unread in it.
    @Test(arguments: GoLink.all) func aStreamThatGoResetsFailsOnTheSwiftSide(link: GoLink) async throws {
        try await link.run { pair in
            for opener in Side.allCases {
                try await pair.withBothEnds(of: Self.protocolID, openedBy: opener) { swift, go in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        group.addTask {
                            // More than socket and window hold, so that some is unread when Go closes.
                            try? await swift.write(SplitMix64.bytes(4 << 20, seed: 6))
                        }
                        _ = try #require(try await go.bytes.read(exactly: 1))
                        await go.bytes.close()
                        let error = await #expect(throws: HostError.self) {
                            while try await swift.read() != nil {}
                        }
                        #expect(error?.code == .reset)
                        try await group.waitForAll()
                    }
                }
            }
            try await pair.expectEchoBothWays()
        }
    }

    /// Through the control socket a reset looks like an end; it comes although nothing was finished.
    @Test(arguments: GoLink.all) func aStreamThatSwiftResetsEndsOnTheGoSide(link: GoLink) async throws {
        try await link.run { pair in
            for opener in Side.allCases {
                try await pair.withBothEnds(of: Self.protocolID, openedBy: opener) { swift, go in
                    try await swift.write(ByteBuffer(string: "before the reset"))
                    #expect(try await go.bytes.read(exactly: 16) == ByteBuffer(string: "before the reset"))
                    swift.stream.reset()
                    #expect(try await go.read() == nil)
                }
            }
            try await pair.expectEchoBothWays()
        }
    }

    @Test(arguments: GoLink.all, Side.allCases)
    func echoesOnTwoHundredStreamsAtOnce(link: GoLink, opener: Side) async throws {
        try await link.run { pair in
            try await pair.serving(Self.protocolID, on: opener.other, with: echoUntilEnd) {
                let right = try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            let stream = try await pair.openStream(Self.protocolID, by: opener)
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
                    return right
                }
                #expect(right == 200)
            }
        }
    }

    @Test(arguments: GoLink.all) func goIdentifiesUs(link: GoLink) async throws {
        try await link.run { pair in
            pair.host.handle(Self.protocolID) { _ in }
            let stream = try await pair.daemon.control.openStream(
                to: pair.host.peerID.bytes,
                protocols: [Self.identify]
            )
            // Several messages may come; protobuf merges what is concatenated.
            var merged: [UInt8] = []
            while let message = try? await stream.bytes.readMessage() {
                merged += message
            }
            let fields = try ProtobufFields(merged)
            #expect(fields.bytes(1) == pair.host.identity.publicKey.protobuf)
            let addresses = fields.values[2] ?? []
            for address in pair.host.listenAddresses {
                #expect(addresses.contains(address.bytes))
            }
            let protocols = (fields.values[3] ?? []).map { String(decoding: $0, as: UTF8.self) }
            #expect(Set(protocols).isSuperset(of: [Self.protocolID, Self.ping, Self.identify]))
            #expect(fields.bytes(4)?.isEmpty == false, "no observed address")
            #expect(fields.text(6)?.isEmpty == false, "no agent version")
            let envelope = try #require(fields.bytes(8))
            let record = try PeerRecord.open(envelope: envelope, from: pair.host.peerID)
            #expect(record.peerID == pair.host.peerID)
        }
    }

    @Test(arguments: GoLink.all) func weIdentifyGo(link: GoLink) async throws {
        try await link.run { pair in
            let information = try await pair.connection.identify()
            #expect(information.protocols.isSuperset(of: [Self.ping, Self.identify]))
            #expect(!information.agentVersion.isEmpty)
            #expect(Set(information.listenAddresses.map(\.bytes)).isSuperset(of: pair.daemon.addresses))
        }
    }

    @Test(arguments: GoLink.all) func goPingsUs(link: GoLink) async throws {
        try await link.run { pair in
            let stream = try await pair.daemon.control.openStream(to: pair.host.peerID.bytes, protocols: [Self.ping])
            for number in 0..<10 {
                let payload = SplitMix64.bytes(32, seed: UInt64(number))
                try await stream.write(payload)
                #expect(try await stream.bytes.read(exactly: 32) == payload)
            }
            await stream.finish()
        }
    }

    @Test(arguments: GoLink.all) func wePingGo(link: GoLink) async throws {
        try await link.run { pair in
            for _ in 0..<10 {
                let roundTripTime = try await pair.connection.ping()
                #expect(roundTripTime > .zero)
            }
        }
    }

    @Test(arguments: GoLink.all) func goSeesThatWeDisconnected(link: GoLink) async throws {
        try await link.run { pair in
            await pair.connection.close(code: 0)
            try await eventually { try await pair.daemon.control.connectedPeers().isEmpty ? () : nil }
        }
    }

    @Test(arguments: GoLink.all) func weSeeThatGoDisconnected(link: GoLink) async throws {
        try await link.run { pair in
            try await pair.daemon.control.disconnect(from: pair.host.peerID.bytes)
            try await eventually { pair.connection.isClosed ? () : nil }
            #expect(pair.host.connections(to: pair.connection.remotePeer).isEmpty)
        }
    }
}
