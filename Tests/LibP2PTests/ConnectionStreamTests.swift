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

import Multiformats
import NIOCore
import NIOEmbedded
import PeerIdentity
import Testing
import Yamux

@testable import LibP2P

@Suite struct ConnectionStreamTests {
    @Test func anUnknownProtocolIsAnsweredWithNaAndTheNextProposalIsTaken() throws {
        let peer = try RawPeer.connected()
        let consumer = RecordingConsumer()
        peer.delegate.routes = { name, _ in name == "/known/1.0.0" ? .accept(consumer) : .refuse }
        let id = try peer.open("/unknown/1.0.0")
        try peer.exchange()
        #expect(peer.receivedBytes(on: id) == MultistreamText.header + MultistreamText.notAvailable)
        try peer.write(MultistreamText.token("/known/1.0.0") + [42], on: id)
        try peer.exchange()
        #expect(consumer.isReady && Array(consumer.received.readableBytesView) == [42])
        #expect(
            peer.receivedBytes(on: id) == MultistreamText.header + MultistreamText.notAvailable
                + MultistreamText.token("/known/1.0.0"))
    }

    @Test func endlessUnknownProposalsResetTheStreamOnly() throws {
        let peer = try RawPeer.connected()
        let id = try peer.open("/unknown/0")
        for number in 1..<100 { try peer.write(MultistreamText.token("/unknown/\(number)"), on: id) }
        try peer.exchange()
        #expect(peer.resetCode(of: id) == StreamErrorCode.negotiationFailed)
        #expect(peer.delegate.closed.isEmpty && peer.delegate.usage.streamCount == 0)
        #expect(peer.delegate.usage.bufferedBytes == 0)
    }

    @Test func aStreamThatEndsBeforeAProtocolIsAgreedOnIsReset() throws {
        let peer = try RawPeer.connected()
        let id = try peer.open(nil)
        try peer.write(MultistreamText.header, on: id)
        peer.session.finish(id)
        try peer.exchange()
        #expect(peer.resetCode(of: id) == StreamErrorCode.negotiationFailed)
        #expect(peer.delegate.usage.streamCount == 0)
    }

    @Test func aProtocolThatIsNotSpokenWithThisPeerIsAgreedOnAndReset() throws {
        let peer = try RawPeer.connected()
        peer.delegate.routes = { _, _ in .reset(code: StreamErrorCode.gated) }
        let id = try peer.open("/known/1.0.0")
        try peer.exchange()
        #expect(peer.resetCode(of: id) == StreamErrorCode.gated)
        #expect(peer.delegate.usage.streamCount == 0)
    }

    @Test(arguments: UInt64(1)...20)
    func recordsThatReadsCutAnywhereAreOpenedInOrder(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let peer = try RawPeer.connected()
        let consumer = RecordingConsumer()
        peer.delegate.routes = { _, _ in .accept(consumer) }
        let id = try peer.open("/a/1.0.0")
        try peer.exchange()
        // Together less than the window; one message is longer than a record can be.
        let messages = [1, 40, 20_000, 65_519, 100_000, 3].map { random.bytes($0) }
        var records: [UInt8] = []
        for message in messages {
            try peer.write(message, on: id)
            records += try peer.sealedOutput()
        }
        while !records.isEmpty {
            let size = [1, 2, 3, 17, 18, 1000, 40_000, 65_537, 200_000].randomElement(using: &random) ?? 1
            try peer.side.give(Array(records.prefix(size)))
            records.removeFirst(min(size, records.count))
        }
        #expect(Array(consumer.received.readableBytesView) == messages.flatMap(\.self))
        #expect(peer.side.connection?.isClosed == false)
    }

    @Test func aWholeConversationInOneFlightIsDeliveredInOrder() throws {
        let peer = try RawPeer.connected()
        let consumer = RecordingConsumer()
        peer.delegate.routes = { _, _ in .accept(consumer) }
        let id = try peer.open("/a/1.0.0", then: [1, 2, 3, 4])
        peer.session.finish(id)
        try peer.exchange()
        #expect(Array(consumer.received.readableBytesView) == [1, 2, 3, 4] && consumer.isFinished)
        consumer.stream?.finish()
        try peer.exchange()
        guard case .finished = consumer.closed else {
            Issue.record("closed with \(String(describing: consumer.closed))")
            return
        }
        #expect(peer.delegate.usage.streamCount == 0)
    }

    @Test func theBytesReportedAsWrittenAreTheConsumersOwn() throws {
        let peer = try RawPeer.connected()
        let inbound = RecordingConsumer()
        inbound.whenReady = { $0.write(ByteBuffer(repeating: 1, count: 500)) }
        peer.delegate.routes = { name, _ in name == "/in/1.0.0" ? .accept(inbound) : .refuse }
        let id = try peer.open("/unknown/1.0.0")
        try peer.exchange()
        #expect(inbound.written == 0)
        try peer.write(MultistreamText.token("/in/1.0.0"), on: id)
        try peer.exchange()
        #expect(inbound.written == 500)

        let outbound = RecordingConsumer()
        outbound.whenReady = { $0.write(ByteBuffer(repeating: 2, count: 1000)) }
        try peer.openFromHandler(["/x/1.0.0", "/out/1.0.0"], outbound)
        try peer.exchange()
        let own = try #require(peer.events.compactMap { if case .streamOpened(let id) = $0 { id } else { nil } }.last)
        #expect(outbound.written == 0)
        try peer.write(MultistreamText.header + MultistreamText.notAvailable, on: own)
        try peer.exchange()
        try peer.write(MultistreamText.token("/out/1.0.0"), on: own)
        try peer.exchange()
        #expect(outbound.isReady && outbound.stream?.protocolID == "/out/1.0.0")
        #expect(outbound.written == 1000)
        #expect(peer.receivedBytes(on: own).suffix(1000) == [UInt8](repeating: 2, count: 1000)[...])
    }

    @Test func aPausedConsumerStopsItsSenderAtTheWindowWhileAnotherStreamGoesOn() throws {
        let peer = try RawPeer.connected()
        let paused = RecordingConsumer(isConsuming: false)
        let other = RecordingConsumer()
        peer.delegate.routes = { name, _ in .accept(name == "/paused/1.0.0" ? paused : other) }
        let pausedID = try peer.open("/paused/1.0.0")
        let otherID = try peer.open("/other/1.0.0")
        try peer.exchange()
        let mebibyte = [UInt8](repeating: 5, count: 1024 * 1024)
        try peer.write(mebibyte, on: pausedID)
        try peer.write(mebibyte, on: otherID)
        try peer.advance(by: .seconds(20))
        #expect(other.received.readableBytes == mebibyte.count)
        // The window counts what was used for the negotiation as well.
        let negotiation = MultistreamText.header.count + MultistreamText.token("/paused/1.0.0").count
        #expect(paused.received.readableBytes == YamuxConfiguration.initialWindow - negotiation)
        #expect(
            peer.session.queuedBytes(on: pausedID) == mebibyte.count + negotiation - YamuxConfiguration.initialWindow)
        #expect(peer.delegate.usage.bufferedBytes == paused.received.readableBytes)
        #expect(peer.delegate.closed.isEmpty)
        // It goes on where it stopped.
        paused.isConsuming = true
        paused.stream?.consumed(paused.received.readableBytes)
        try peer.exchange()
        #expect(paused.received.readableBytes == mebibyte.count)
        #expect(peer.delegate.usage.bufferedBytes == 0)
    }

    @Test func whatStreamsLeaveUnreadCountsAndBeyondTheLimitResetsTheNextOne() throws {
        let peer = try RawPeer.connected { $0.limits.bufferedBytesPerPeer = 100_000 }
        let consumers = [RecordingConsumer(isConsuming: false), RecordingConsumer(isConsuming: false)]
        peer.delegate.routes = { name, _ in .accept(consumers[name == "/a/1.0.0" ? 0 : 1]) }
        let first = try peer.open("/a/1.0.0", then: [UInt8](repeating: 1, count: 200_000))
        try peer.exchange()
        // Within the window of an open stream, and still there when the stream has ended.
        var unread = consumers[0].stream
        peer.session.reset(first, code: 0)
        try peer.exchange()
        #expect(consumers[0].closeCount == 1 && unread != nil)
        #expect(peer.delegate.usage.bufferedBytes == 200_000 && peer.delegate.usage.streamCount == 0)
        let second = try peer.open("/b/1.0.0")
        try peer.exchange()
        #expect(consumers[1].isReady)
        try peer.write([UInt8](repeating: 1, count: 200_000), on: second)
        try peer.exchange()
        #expect(peer.resetCode(of: second) == StreamErrorCode.resourceLimitExceeded)
        guard case .reset(StreamErrorCode.resourceLimitExceeded) = consumers[1].closed else {
            Issue.record("closed with \(String(describing: consumers[1].closed))")
            return
        }
        #expect(peer.delegate.usage.streamCount == 0 && peer.delegate.closed.isEmpty)
        unread = nil
        #expect(peer.delegate.usage.bufferedBytes == 0)
    }

    @Test func moreStreamsThanAPeerMayHaveAreResetAndRoomIsFoundWhenOneEnds() throws {
        let peer = try RawPeer.connected { $0.limits.streamsPerPeer = 3 }
        peer.delegate.routes = { _, _ in .accept(RecordingConsumer()) }
        let ids = try (0..<3).map { _ in try peer.open("/a/1.0.0") }
        try peer.exchange()
        let refused = try peer.open("/a/1.0.0")
        try peer.exchange()
        #expect(peer.resetCode(of: refused) == StreamErrorCode.resourceLimitExceeded)
        #expect(ids.allSatisfy { peer.resetCode(of: $0) == nil })
        #expect(peer.delegate.usage.streamCount == 3)
        peer.session.reset(ids[0], code: 0)
        let taken = try peer.open("/a/1.0.0")
        try peer.exchange()
        #expect(peer.resetCode(of: taken) == nil && peer.delegate.usage.streamCount == 3)
        for id in [ids[1], ids[2], taken] { peer.session.reset(id, code: 0) }
        try peer.exchange()
        #expect(peer.delegate.usage.streamCount == 0 && peer.delegate.usage.bufferedBytes == 0)
        #expect(peer.delegate.closed.isEmpty)
    }

    @Test func thePeersResetReachesTheConsumerBehindTheBytesBeforeIt() throws {
        let peer = try RawPeer.connected()
        let consumer = RecordingConsumer()
        peer.delegate.routes = { _, _ in .accept(consumer) }
        let id = try peer.open("/a/1.0.0", then: [1, 2, 3])
        try peer.exchange()
        peer.session.reset(id, code: 0x77)
        try peer.exchange()
        #expect(Array(consumer.received.readableBytesView) == [1, 2, 3])
        guard case .resetByPeer(0x77) = consumer.closed else {
            Issue.record("closed with \(String(describing: consumer.closed))")
            return
        }
        #expect(consumer.closed?.error.resetCode == 0x77)
    }

    @Test func nothingIsWrittenToASocketThatIsFullAndAllOfItLater() throws {
        let peer = try RawPeer.connected()
        let consumer = RecordingConsumer()
        peer.delegate.routes = { _, _ in .accept(consumer) }
        let id = try peer.open("/a/1.0.0")
        try peer.exchange()
        peer.side.channel.isWritable = false
        consumer.stream?.write(ByteBuffer(repeating: 3, count: 100_000))
        peer.loop.run()
        #expect(try peer.side.takeOutput().isEmpty)
        #expect(consumer.written == 0)
        peer.side.channel.isWritable = true
        peer.side.channel.pipeline.fireChannelWritabilityChanged()
        try peer.exchange()
        #expect(consumer.written == 100_000)
        #expect(peer.receivedBytes(on: id).suffix(100_000).allSatisfy { $0 == 3 })
    }

    @Test func identifyIsAnsweredThoughNobodyWaitsForItAndThePeerAnswersNothing() throws {
        let keys = try SeededKeys(1)
        var configuration = HostConfiguration()
        configuration.agentVersion = "tested/1"
        configuration.announce = [try Multiaddr("/ip4/198.51.100.7/tcp/4001")]
        configuration.announceOnly = true
        let host = Host(identity: keys.identity, configuration: configuration)
        let peer = try RawPeer.connected(delegate: host)
        #expect(host.connections.count == 1)
        let id = try peer.open("/ipfs/id/1.0.0")
        try peer.exchange()
        #expect(peer.events.contains(.finished(id)))
        let head = MultistreamText.header + MultistreamText.token("/ipfs/id/1.0.0")
        let answer = peer.receivedBytes(on: id)
        try #require(answer.starts(with: head))
        var decoder = IdentifyDecoder()
        try decoder.receive(ByteBuffer(bytes: answer.dropFirst(head.count)))
        let info = try decoder.finish(remotePeer: keys.identity.peerID)
        #expect(info.agentVersion == "tested/1")
        #expect(info.protocols == ["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0"])
        #expect(info.listenAddresses == configuration.announce)
        #expect(info.observedAddress?.description == "/ip4/192.0.2.1/tcp/4001")
        #expect(info.signedRecord?.peerID == keys.identity.peerID)
        // Its own question is still open, and fails in time without harm to the connection.
        try peer.advance(by: .seconds(20))
        #expect(host.connections.count == 1 && peer.side.connection?.identifyInfo == nil)
    }
}
