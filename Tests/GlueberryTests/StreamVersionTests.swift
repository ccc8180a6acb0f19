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
import NIOPosix
import PeerIdentity
import Testing

@testable import Glueberry

/// Version 2 of the streams' protocol, and how it lives beside version 1.
@Suite(.timeLimit(.minutes(2))) struct StreamVersionTests {
    // MARK: Frames

    /// Payloads and their frames, as committed here for other implementations.
    private static let vectors: [(payload: [UInt8], header: [UInt8])] = [
        ([], [0x00]), ([0x01], [0x01]), (Array("hello".utf8), [0x05]), (pattern(127), [0x7f]),
        (pattern(128), [0x80, 0x01]), (pattern(300), [0xac, 0x02]), (pattern(16_384), [0x80, 0x80, 0x01]),
    ]

    @Test func aFrameIsALengthAndThePayload() throws {
        for (payload, header) in Self.vectors {
            let frame = Frame.encode(ByteBuffer(bytes: payload), version: .two)
            #expect(Array(frame.readableBytesView) == header + payload)
            #expect(Frame.length(ofPayload: payload.count, version: .two) == header.count + payload.count)
        }
    }

    @Test func framesSplitAtEveryOffsetAreTheSame() throws {
        let stream = Self.vectors.prefix(6).flatMap { $0.header + $0.payload }
        let decoder = FrameDecoder(maximumPayload: 300, version: .two)
        for offset in 0...stream.count {
            var input = ByteBuffer()
            var payloads: [[UInt8]] = []
            for piece in [stream[..<offset], stream[offset...]] {
                input.writeBytes(piece)
                while let payload = try decoder.next(&input) { payloads.append(Array(payload.readableBytesView)) }
            }
            #expect(payloads == Self.vectors.prefix(6).map(\.payload))
        }
    }

    @Test func whatIsNoFrameIsRefusedAsSoonAsItCanBeTold() {
        let decoder = FrameDecoder(maximumPayload: 1000, version: .two)
        func refusal(_ bytes: [UInt8]) -> FrameError? {
            var input = ByteBuffer(bytes: bytes)
            do throws(FrameError) {
                _ = try decoder.next(&input)
                return nil
            } catch {
                return error
            }
        }
        #expect(refusal([0xe9, 0x07]) == .tooLarge(announced: 1001, maximum: 1000))
        #expect(refusal([0xe8, 0x07]) == nil)
        #expect(refusal([0x80, 0x00]) == .malformedLength)
        #expect(refusal([UInt8](repeating: 0xff, count: 10)) == .malformedLength)
        #expect(refusal([0x80]) == nil)
    }

    @Test func aNameHasBothVersionsAndTheHandshakeOnlyTheFirst() {
        #expect(StreamName.protocolID(of: "a", version: .two) == "/glueberry/stream/a/2.0.0")
        #expect(StreamName.parse("/glueberry/stream/a/2.0.0")?.version == .two)
        #expect(StreamName.parse("/glueberry/stream/a/1.0.0")?.version == .one)
        #expect(StreamName.parse("/glueberry/stream/handshake/1.0.0")?.name == "handshake")
        #expect(StreamName.parse("/glueberry/stream/handshake/2.0.0") == nil)
        #expect(StreamName.parse("/glueberry/stream/a/3.0.0") == nil)
        #expect(StreamName.parse("/glueberry/stream/2.0.0") == nil)
    }

    // MARK: Streams

    private func limits(_ versions: [StreamVersion]) -> StreamChannel.Limits {
        var limits = StreamChannel.Limits.forTests
        limits.versions = versions
        return limits
    }

    private func keys(_ link: Link) throws -> (dialer: PairKey, listener: PairKey) {
        let (one, two) = (try OriginalVectors.identity(1), try OriginalVectors.identity(2))
        return (try PairKey(local: one, remote: two.publicKey), try PairKey(local: two, remote: one.publicKey))
    }

    private func numbers(_ range: Range<Int>) -> [[UInt8]] { range.map { Array(String($0).utf8) } }

    private func send(_ range: Range<Int>, to channel: StreamChannel) async throws {
        for payload in self.numbers(range) { try await channel.send(.init(bytes: payload), timeout: nil) }
    }

    /// What a stream brings, as it lies on it.
    private func read(_ count: Int, from stream: LibP2P.Stream) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count { bytes += try #require(try await stream.read()).readableBytesView }
        return bytes
    }

    @Test(arguments: [[.two, .one], [.one]] as [[StreamVersion]], [[.two, .one], [.one]] as [[StreamVersion]])
    func messagesPassWhateverVersionsTheTwoSidesSpeak(dialing: [StreamVersion], listening: [StreamVersion]) async throws
    {
        try await withLink { link in
            let keys = try self.keys(link)
            let (atListener, atDialer) = (RecordingSink(), RecordingSink())
            let listener = try link.listener.channel(
                "a", key: keys.listener, limits: self.limits(listening), inbound: atListener)
            let dialer = try link.dialer.channel(
                "a", key: keys.dialer, limits: self.limits(dialing), inbound: atDialer)
            async let there: Void = self.send(0..<500, to: dialer)
            async let back: Void = self.send(0..<500, to: listener)
            _ = try await (there, back)
            try await eventually { atListener.payloads.count >= 500 && atDialer.payloads.count >= 500 }
            #expect(atListener.payloads == self.numbers(0..<500) && atDialer.payloads == self.numbers(0..<500))
            #expect(atListener.refusals == 0 && atDialer.refusals == 0)
            try await eventually { dialer.unwrittenMessages == 0 && listener.unwrittenMessages == 0 }
        }
    }

    @Test func versionTwoLeavesTheMessageToTheConnection() async throws {
        try await withLink { link in
            let (streams, incoming) = AsyncStream.makeStream(of: LibP2P.Stream.self)
            link.listener.host.handle(StreamName.protocolID(of: "a", version: .two)) { incoming.yield($0) }
            let sender = try link.dialer.channel(
                "a", key: self.keys(link).dialer, limits: self.limits([.two, .one]), inbound: RecordingSink())
            try await sender.send(ByteBuffer(string: "hello"), timeout: nil)
            var iterator = streams.makeAsyncIterator()
            let stream = try #require(await iterator.next())
            #expect(try await self.read(6, from: stream) == [5] + Array("hello".utf8))
            try await sender.send(ByteBuffer(string: "again"), timeout: nil)
            #expect(try await self.read(6, from: stream) == [5] + Array("again".utf8))
        }
    }

    /// What one version's stream did not bring over goes to a stream of the other version, in its frames.
    @Test(arguments: [(StreamVersion.two, StreamVersion.one), (.one, .two)])
    func whatWasMeantForOneVersionGoesOnInTheOther(first: StreamVersion, second: StreamVersion) async throws {
        try await withLink { link in
            let keys = try self.keys(link)
            let (streams, incoming) = AsyncStream.makeStream(of: LibP2P.Stream.self)
            link.listener.host.handle(StreamName.protocolID(of: "a", version: first)) { incoming.yield($0) }
            let sender = try link.dialer.channel(
                "a", key: keys.dialer, limits: self.limits([.two, .one]), inbound: RecordingSink())
            try await self.send(0..<5, to: sender)
            await sender.flush(timeout: .hours(1))
            var iterator = streams.makeAsyncIterator()
            let stream = try #require(await iterator.next())
            // The other side now knows the other version alone, and has read nothing.
            link.listener.host.removeHandler(StreamName.protocolID(of: "a", version: first))
            let sink = RecordingSink()
            _ = try link.listener.channel("a", key: keys.listener, limits: self.limits([second]), inbound: sink)
            stream.reset()
            try await eventually { sink.payloads.count >= 5 }
            try await self.send(5..<8, to: sender)
            try await eventually { sink.payloads.count >= 8 }
            #expect(sink.payloads == self.numbers(0..<8))
            #expect(sink.refusals == 0)
            try await eventually { sender.unwrittenMessages == 0 }
        }
    }

    /// More than are parsed in one turn, in so few bytes that they come in one read; then the stream ends.
    @Test func veryManyTinyMessagesOfOneReadAllArriveInTurnsBeforeTheEnd() async throws {
        try await withLink { link in
            let sink = TurnCountingSink(eventLoop: try link.listener.connection.eventLoop)
            let channel = try link.listener.channel(
                "a", key: self.keys(link).listener, limits: self.limits([.two, .one]), inbound: sink)
            let name = StreamName.protocolID(of: "a", version: .two)
            let stream = try await link.dialer.connection.openStream(protocols: [name])
            let count = 20_000
            try await stream.write(ByteBuffer(bytes: (0..<count).flatMap { [1, UInt8(truncatingIfNeeded: $0)] }))
            await stream.finish()
            try await eventually { sink.payloads.count >= count }
            #expect(sink.payloads == (0..<count).map { [UInt8(truncatingIfNeeded: $0)] })
            // What else waits on the event loop comes in between.
            #expect(sink.largestTurn <= 4096)
            // The name is free again for a stream of the other side's.
            try await eventually { !channel.hasIncoming }
        }
    }

    @Test func aMessageThatWaitsForItsStreamKeepsNoLargerMemory() throws {
        let whole = ByteBuffer(repeating: 7, count: 1024 * 1024)
        let slice = try #require(whole.getSlice(at: 100, length: 50))
        let channel = StreamChannel(
            peer: Identity.generate().peerID, name: "a", session: 1, key: nil, limits: self.limits([.two, .one]),
            inbound: RecordingSink(), unfinished: UnfinishedFrames(limit: 1_000_000), nonces: NonceSource(),
            eventLoop: MultiThreadedEventLoopGroup.singleton.any(), open: { _ in true })
        try channel.trySend(slice)
        #expect(channel.queuedMemory < 1024)
    }

    @Test func aMessageOverTheMaximumIsRefusedInVersionTwoAsWell() async throws {
        try await withLink { link in
            let keys = try self.keys(link)
            let sink = RecordingSink()
            var small = self.limits([.two, .one])
            small.maximumMessage = 1000
            _ = try link.listener.channel("a", key: keys.listener, limits: small, inbound: sink)
            let sender = try link.dialer.channel(
                "a", key: keys.dialer, limits: self.limits([.two, .one]), inbound: RecordingSink())
            try await sender.send(.init(bytes: pattern(1000)), timeout: nil)
            try await eventually { sink.payloads.count == 1 }
            try await sender.send(.init(bytes: pattern(1001)), timeout: nil)
            try await eventually { sink.refusals == 1 }
            #expect(sink.payloads == [pattern(1000)])
        }
    }

    // MARK: Nodes

    private func exchange(
        _ one: StreamEncryption, _ two: StreamEncryption
    ) async throws -> (sealed: UInt64, text: String) {
        let (configurations) = [one, two].map { encryption in
            var configuration = standard(["a"])
            configuration.streamEncryption = encryption
            return configuration
        }
        let sender = try Node(identity: .generate(), configuration: configurations[0])
        let receiver = try Node(
            identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: configurations[1])
        try await sender.start()
        try await receiver.start()
        try await establish(receiver, sender)
        var messages = try receiver.messages().makeAsyncIterator()
        for _ in 0..<10 { try await sender.send(Array("hello".utf8), to: receiver.peerID, on: "a") }
        var text = ""
        for _ in 0..<10 { text = String(decoding: try #require(await messages.next()).bytes, as: UTF8.self) }
        let sealed = sender.statistics(of: receiver.peerID)?.pairMessages ?? .max
        #expect(receiver.statistics(of: sender.peerID)?.pairMessages == sealed)
        await sender.stop()
        await receiver.stop()
        return (sealed, text)
    }

    @Test func twoNodesLeaveEncryptionToTheConnectionUnlessOneWantsBothLayers() async throws {
        #expect(try await self.exchange(.transport, .transport) == (0, "hello"))
        #expect(try await self.exchange(.layered, .transport) == (10, "hello"))
        #expect(try await self.exchange(.transport, .layered) == (10, "hello"))
    }

    @Test func aNodeThatWantsBothLayersNeitherAdvertisesNorAcceptsVersionTwo() async throws {
        for encryption in StreamEncryption.allCases {
            var configuration = standard(["a"])
            configuration.streamEncryption = encryption
            let (node, other) = (
                try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: configuration),
                try Node(identity: .generate(), configuration: configuration)
            )
            try await node.start()
            try await other.start()
            try await establish(node, other)
            let host = Host(identity: .generate())
            let connection = try await host.connect(to: node.peerID, addresses: node.listenAddresses)
            let advertised = Set(try await connection.identify().protocols)
            let expected: Set<String> =
                encryption == .layered
                ? ["/glueberry/stream/a/1.0.0"]
                : ["/glueberry/stream/a/1.0.0", "/glueberry/stream/a/2.0.0"]
            #expect(advertised.filter { $0.hasPrefix("/glueberry/stream/a/") } == expected)
            #expect(advertised.contains("/glueberry/stream/handshake/1.0.0"))
            #expect(!advertised.contains("/glueberry/stream/handshake/2.0.0"))
            // Without a session there is no stream of the name in either version; with layers there is no such protocol.
            let error = await #expect(throws: HostError.self) {
                let stream = try await connection.openStream(protocols: ["/glueberry/stream/a/2.0.0"])
                _ = try await stream.read()
            }
            #expect((error?.code == .noCommonProtocol) == (encryption == .layered))
            await host.stop()
            await other.stop()
            await node.stop()
        }
    }
}

/// Notes how many messages come before anything else has its turn on the event loop.
private final class TurnCountingSink: InboundSink {
    private struct State {
        var payloads: [[UInt8]] = []
        var inThisTurn = 0
        var largestTurn = 0
    }

    private let eventLoop: any EventLoop
    private let state = Locked(State())

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    var payloads: [[UInt8]] { self.state.withLock { $0.payloads } }
    var largestTurn: Int { self.state.withLock { $0.largestTurn } }

    func deliver(_ batch: [ReceivedMessage], from stream: NIOLoopBound<FrameStream>) -> InboundRoom {
        let isFirst = self.state.withLock { state in
            state.payloads += batch.map(\.message.bytes)
            state.inThisTurn += batch.count
            state.largestTurn = max(state.largestTurn, state.inThisTurn)
            return state.inThisTurn == batch.count
        }
        if isFirst { self.eventLoop.execute { self.state.withLock { $0.inThisTurn = 0 } } }
        for received in batch { stream.value.giveCredit(received.credit) }
        return .now
    }

    func isOpen(for stream: NIOLoopBound<FrameStream>) -> Bool { true }
    func refused(_ reason: RefusedMessage) {}
}
