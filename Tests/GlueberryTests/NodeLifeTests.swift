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
import Multiformats
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite struct NodeLifeTests {
    @Test func everyStateOfALifeIsAnEvent() async throws {
        try await withNodes { listener, dialer in
            var events = try dialer.events().makeAsyncIterator()
            try await establish(listener, dialer)
            var seen: [ConnectionState] = []
            while seen.last != .established, let event = await events.next() {
                #expect(event.previous.canBecome(event.state))
                seen.append(event.state)
            }
            #expect(seen == [.connecting, .connected, .established])
            await dialer.disconnect(from: listener.peerID)
            #expect(await events.next()?.state == .disconnected)
        }
    }

    @Test func aLostPeerIsNoticedAndReconnected() async throws {
        var configuration = standard()
        configuration.reconnectBase = .milliseconds(50)
        try await withNodes(configuration) { listener, dialer in
            try await establish(listener, dialer)
            var events = dialer.subscribeToEvents(of: [listener.peerID]).makeAsyncIterator()
            let address = try #require(listener.listenAddresses.first)
            await listener.stop()
            #expect(await events.next()?.state == .disconnected)
            #expect(await events.next()?.state == .reconnecting)
            let again = try Node(
                identity: listener.identity, listen: [address.withoutPeer], configuration: configuration)
            try await again.start()
            while let event = await events.next(), event.state != .established {}
            try await dialer.send([7], to: again.peerID, on: "a")
            var messages = try again.messages().makeAsyncIterator()
            #expect(await messages.next()?.bytes == [7])
            await again.stop()
        }
    }

    @Test func aNodeCanBeStartedAgainAfterAStop() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            await dialer.stop()
            try await dialer.start()
            try await establish(listener, dialer)
            try await dialer.send([1], to: listener.peerID, on: "a")
            var messages = try listener.messages().makeAsyncIterator()
            #expect(await messages.next()?.bytes == [1])
        }
    }

    @Test func sessionNumbersGoOnOverAStop() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let first = try #require(dialer.session(with: listener.peerID))
            await dialer.stop()
            try await dialer.start()
            try await establish(listener, dialer)
            let second = try #require(dialer.session(with: listener.peerID))
            #expect(second > first)
            let error = await #expect(throws: GlueberryError.self) {
                try await dialer.send([1], to: listener.peerID, on: "a", in: first)
            }
            #expect(error?.code == .staleSession)
        }
    }

    @Test func aHandshakeThatTheOtherSideNeverDoesEndsInCooldown() async throws {
        var silent = NodeConfiguration()
        silent.handshake = .application
        var impatient = standard()
        impatient.handshakeTimeout = .milliseconds(200)
        try await withNodes(silent, other: impatient) { listener, dialer in
            var events = dialer.subscribeToEvents(in: [.cooldown]).makeAsyncIterator()
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            let event = try #require(await events.next())
            #expect(event.error?.code == .handshakeTimedOut)
            #expect(dialer.state(of: listener.peerID) == .cooldown)
        }
    }

    @Test func aPeerThatTheApplicationRefusesIsNeverEstablished() async throws {
        var refusing = NodeConfiguration()
        refusing.handshake = .standard(StandardHandshake(streams: ["a"], verify: { _, _, _ in false }))
        try await withNodes(refusing, other: standard(["a"])) { listener, dialer in
            var events = listener.subscribeToEvents(in: [.cooldown, .established]).makeAsyncIterator()
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            #expect(await events.next()?.error?.code == .handshakeFailed)
        }
    }

    @Test func aConnectInCooldownFailsAndSaysSoUntilADisconnectEndsIt() async throws {
        var refusing = NodeConfiguration()
        refusing.handshake = .standard(StandardHandshake(streams: ["a"], verify: { _, _, _ in false }))
        try await withNodes(standard(), other: refusing) { listener, dialer in
            var events = dialer.subscribeToEvents(in: [.cooldown]).makeAsyncIterator()
            let address = try #require(listener.listenAddresses.first)
            try await dialer.connect(to: address)
            #expect(await events.next()?.error?.code == .handshakeFailed)
            let error = await #expect(throws: GlueberryError.self) { try await dialer.connect(to: listener.peerID) }
            #expect(error?.code == .inCooldown && error?.isRetriable == true)
            let again = await #expect(throws: GlueberryError.self) { try await dialer.connect(to: address) }
            #expect(again?.code == .inCooldown)
            #expect(dialer.state(of: listener.peerID) == .cooldown)
            await dialer.disconnect(from: listener.peerID)
            try await dialer.connect(to: listener.peerID)
        }
    }

    @Test func everyListenAddressThatCannotBeUsedIsNamedBesideTheBadFields() throws {
        var configuration = NodeConfiguration()
        configuration.eventBuffer = 0
        let error = try #require(throws: GlueberryError.self) {
            try Node(
                identity: .generate(), listen: ["nonsense", "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/1/quic-v1"],
                configuration: configuration)
        }
        #expect(error.code == .configurationInvalid)
        for part in ["\"nonsense\"", "/ip4/127.0.0.1/udp/1/quic-v1", "eventBuffer"] {
            #expect(error.message.contains(part), "\(error.message)")
        }
        #expect(!error.message.contains("tcp/0"))
    }

    @Test func whatWasCountedCanBeReadAfterTheStopAndBeginsAnewWithTheNextStart() async throws {
        var dropping = standard()
        dropping.receiveBufferMessages = 1
        dropping.receivePolicy = .dropNewest
        try await withNodes(dropping, other: standard()) { listener, dialer in
            try await establish(listener, dialer)
            for number in 0..<20 { try await dialer.send([UInt8(number)], to: listener.peerID, on: "a") }
            try await eventually { listener.droppedMessages == 19 }
            await listener.stop()
            #expect(listener.droppedMessages == 19)
            try await listener.start()
            #expect(listener.droppedMessages == 0)
        }
    }

    @Test func whoeverDialsIsLetInAgainWhenWhatOthersLeftHasBeenRead() async throws {
        var configuration = standard()
        configuration.maximumLeftoverBytes = 1000
        try await withNodes(configuration, other: standard()) { listener, first in
            let second = try Node(identity: .generate(), configuration: standard())
            try await second.start()
            try await establish(listener, first)
            for number in 0..<3 {
                try await first.send(Array(repeating: UInt8(number), count: 500), to: listener.peerID, on: "a")
            }
            await first.disconnect(from: listener.peerID)
            let hub = listener.hubs.withLock { $0.messages }
            try await eventually { hub.leftoverBytes > 1000 }
            var events = second.subscribeToEvents(in: [.disconnected, .reconnecting]).makeAsyncIterator()
            // It may take itself for connected before it hears that it is not let in.
            _ = try? await second.connect(to: #require(listener.listenAddresses.first))
            #expect(await events.next()?.error != nil)
            #expect(listener.session(with: second.peerID) == nil)
            var messages = try listener.messages().makeAsyncIterator()
            for number in 0..<3 { #expect(await messages.next()?.bytes.first == UInt8(number)) }
            // It has gone on trying by itself.
            try await second.waitUntilEstablished(with: listener.peerID)
            await second.stop()
        }
    }

    /// The time for the handshake is an hour.
    @Test func aHandshakeMessageThatCannotBeReadFailsTheHandshakeAtOnce() async throws {
        var patient = standard()
        patient.handshakeTimeout = .seconds(3600)
        try await withNodes(patient, other: NodeConfiguration()) { listener, dialer in
            var events = listener.subscribeToEvents(in: [.cooldown]).makeAsyncIterator()
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            try await dialer.send([UInt8](repeating: 1, count: 10_000), to: listener.peerID, on: "handshake")
            let event = try #require(await events.next())
            #expect(event.error?.code == .handshakeFailed)
            // What is announced includes the two bytes of the inner length.
            #expect(event.error?.cause as? FrameError == .tooLarge(announced: 10_002, maximum: 4097))
        }
    }

    @Test func anApplicationCanDoItsOwnHandshake() async throws {
        try await withNodes(NodeConfiguration()) { listener, dialer in
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            try await dialer.send(Array("hello".utf8), to: listener.peerID, on: "handshake")
            var incoming = try listener.messages(on: "handshake").makeAsyncIterator()
            #expect(await incoming.next()?.bytes == Array("hello".utf8))
            try await listener.completeHandshake(with: dialer.peerID, publicKey: dialer.publicKey, streams: ["x"])
            try await dialer.prepareStreams(with: listener.peerID, publicKey: listener.publicKey, named: ["x"])
            try await dialer.finalizeHandshake(with: listener.peerID)
            try await listener.send([9], to: dialer.peerID, on: "x")
            var messages = try dialer.messages(on: "x").makeAsyncIterator()
            #expect(await messages.next()?.bytes == [9])
        }
    }

    @Test func aPublicKeyThatIsNotThePeersIsRefused() async throws {
        try await withNodes(NodeConfiguration()) { listener, dialer in
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            let foreign = Identity.generate().publicKey
            await #expect {
                try await dialer.prepareStreams(with: listener.peerID, publicKey: foreign, named: ["x"])
            } throws: { ($0 as? GlueberryError)?.code == .publicKeyMismatch }
            #expect(dialer.state(of: listener.peerID) == .connected)
        }
    }

    @Test func messagesThatArriveBeforeTheHandshakeIsCompleteWaitForIt() async throws {
        try await withNodes(NodeConfiguration()) { listener, dialer in
            try await dialer.connect(to: #require(listener.listenAddresses.first))
            try await dialer.send([0], to: listener.peerID, on: "handshake")
            var incoming = try listener.messages(on: "handshake").makeAsyncIterator()
            _ = await incoming.next()
            try await listener.prepareStreams(with: dialer.peerID, publicKey: dialer.publicKey, named: ["x"])
            try await dialer.completeHandshake(with: listener.peerID, publicKey: listener.publicKey, streams: ["x"])
            try await dialer.send([5], to: listener.peerID, on: "x")
            try await listener.finalizeHandshake(with: dialer.peerID)
            var messages = try listener.messages(on: "x").makeAsyncIterator()
            #expect(await messages.next()?.bytes == [5])
        }
    }

    @Test func twoNodesThatDialEachOtherAtOnceBothEstablish() async throws {
        for _ in 0..<10 {
            let first = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
            let second = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
            try await first.start()
            try await second.start()
            async let one: Void = first.addPeer(second.peerID, addresses: second.listenAddresses)
            async let two: Void = second.addPeer(first.peerID, addresses: first.listenAddresses)
            _ = try await (one, two)
            try await first.waitUntilEstablished(with: second.peerID, timeout: .seconds(20))
            try await second.waitUntilEstablished(with: first.peerID, timeout: .seconds(20))
            async let sent: Void = first.send([1], to: second.peerID, on: "a")
            async let back: Void = second.send([2], to: first.peerID, on: "a")
            _ = try await (sent, back)
            var atSecond = try second.messages().makeAsyncIterator()
            var atFirst = try first.messages().makeAsyncIterator()
            #expect(await atSecond.next()?.bytes == [1])
            #expect(await atFirst.next()?.bytes == [2])
            await first.stop()
            await second.stop()
        }
    }

    @Test func aPeerThatCannotBeReachedGivesAnErrorThatListsItsAddresses() async throws {
        let node = try Node(identity: .generate(), configuration: standard())
        try await node.start()
        let peer = Identity.generate().peerID
        let address = try Multiaddr("/ip4/127.0.0.1/tcp/1/p2p/\(peer)")
        await #expect {
            try await node.connect(to: address)
        } throws: {
            guard let error = $0 as? GlueberryError, let cause = error.cause as? HostError else { return false }
            return error.code == .connectionFailed && cause.attempts.count == 1
        }
        await node.stop()
    }
}
