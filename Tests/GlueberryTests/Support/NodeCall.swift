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

/// One method or property of a node, as a test calls it.
struct NodeCall: Sendable {
    /// Whom the calls are about.
    struct Scene: Sendable {
        let node: Node
        /// A peer that the node has a session with.
        let other: Node
        /// Whose sessions, tries and entries the calls may end.
        let victim: PeerID
        let stranger: PeerID
        let limiter: RateLimiter
        /// What is sent on the stream `a`, and noted in `sent` once the node has taken it.
        let number: Int
        let sent: Log<Int>

        var payload: ByteBuffer { ByteBuffer(integer: self.number) }
        var bytes: [UInt8] { Array(self.payload.readableBytesView) }

        /// Somebody at an address where nobody listens.
        var absent: Multiaddr { get throws { try Multiaddr("\(deadAddress)/p2p/\(self.stranger)") } }

        func sent(_ results: [PeerID: Result<Void, GlueberryError>]) throws {
            try results[self.other.peerID]?.get()
            if results[self.other.peerID] != nil { self.sent.append(self.number) }
        }
    }

    /// As in the sources, without the labels.
    let name: String
    /// Whether it ends the node's run, and every session with it.
    let endsRun: Bool
    let call: @Sendable (Scene) async throws -> Void

    init(_ name: String, endsRun: Bool = false, _ call: @escaping @Sendable (Scene) async throws -> Void) {
        self.name = name
        self.endsRun = endsRun
        self.call = call
    }

    /// Every one, each overload for itself.
    static let all: [NodeCall] = life + properties + messages + broadcasts + events + connections + peers + blacklist

    private static let life: [NodeCall] = [
        NodeCall("start") { try await $0.node.start() },
        NodeCall("stop", endsRun: true) {
            await $0.node.stop()
            try await $0.node.start()
        },
        NodeCall("run", endsRun: true) { scene in
            let service = Task { try await scene.node.run() }
            service.cancel()
            try await service.value
        },
        NodeCall("prepareStreams") {
            try await $0.node.prepareStreams(
                with: $0.other.peerID, publicKey: $0.other.publicKey, named: ["a", "late"])
        },
        NodeCall("prepareStreams") {
            try await $0.node.prepareStreams(with: $0.other.peerID, publicKey: $0.node.publicKey, named: ["a"])
        },
        NodeCall("finalizeHandshake") { try await $0.node.finalizeHandshake(with: $0.other.peerID) },
        NodeCall("completeHandshake") {
            try await $0.node.completeHandshake(with: $0.other.peerID, publicKey: $0.other.publicKey, streams: ["b"])
        },
    ]

    private static let properties: [NodeCall] = [
        NodeCall("identity") { #expect($0.node.identity.peerID == $0.node.peerID) },
        NodeCall("configuration") { #expect($0.node.configuration.problems().isEmpty) },
        NodeCall("protocolVersion") { _ in #expect(!Node.protocolVersion.isEmpty) },
        NodeCall("peerID") { #expect($0.node.peerID != $0.other.peerID) },
        NodeCall("publicKey") { #expect($0.node.publicKey != $0.other.publicKey) },
        NodeCall("listenAddresses") { #expect($0.node.listenAddresses.count <= 1) },
        NodeCall("advertisedAddresses") { #expect($0.node.advertisedAddresses.count <= 1) },
        NodeCall("observedAddresses") { #expect($0.node.observedAddresses.count <= 1) },
        NodeCall("refusedMessages") { #expect($0.node.refusedMessages == (0, 0)) },
        NodeCall("droppedMessages") { #expect($0.node.droppedMessages == 0) },
        NodeCall("statistics") {
            if let statistics = $0.node.statistics(of: $0.other.peerID) {
                #expect(statistics.peer == $0.other.peerID)
            }
        },
        NodeCall("statistics") { #expect($0.node.statistics.peers.count <= 2) },
        NodeCall("snapshot") { #expect(await $0.node.snapshot().peerID == $0.node.peerID.description) },
        NodeCall("health") { #expect(!(await $0.node.health(deadline: .seconds(60)).checks.isEmpty)) },
        NodeCall("addressBookProblems") { #expect($0.node.addressBookProblems.isEmpty) },
    ]

    private static let messages: [NodeCall] = [
        NodeCall("send") {
            try await $0.node.send($0.payload, to: $0.other.peerID, on: "a")
            $0.sent.append($0.number)
        },
        NodeCall("send") {
            try await $0.node.send($0.bytes, to: $0.other.peerID, on: "a")
            $0.sent.append($0.number)
        },
        NodeCall("send") {
            try await $0.node.send($0.payload, to: $0.other.peerID, on: "a", limitedBy: $0.limiter)
            $0.sent.append($0.number)
        },
        NodeCall("send") {
            try await $0.node.send($0.bytes, to: $0.other.peerID, on: "a", limitedBy: $0.limiter)
            $0.sent.append($0.number)
        },
        NodeCall("trySend") {
            try $0.node.trySend($0.payload, to: $0.other.peerID, on: "a")
            $0.sent.append($0.number)
        },
        NodeCall("trySend") {
            try $0.node.trySend($0.bytes, to: $0.other.peerID, on: "a")
            $0.sent.append($0.number)
        },
        NodeCall("messages") { _ = try $0.node.messages() },
        NodeCall("messages") { _ = try $0.node.messages(on: "nobody") },
        NodeCall("messages") { _ = try $0.node.messages(from: $0.stranger) },
        NodeCall("flowControl") {
            if let flow = $0.node.flowControl(of: $0.other.peerID, on: "a") {
                #expect(flow.sending.pendingMessages >= 0)
            }
        },
    ]

    private static let broadcasts: [NodeCall] = [
        NodeCall("broadcast") { try $0.sent(await $0.node.broadcast($0.payload, on: "a")) },
        NodeCall("broadcast") { try $0.sent(await $0.node.broadcast($0.bytes, on: "a")) },
        NodeCall("tryBroadcast") { try $0.sent($0.node.tryBroadcast($0.payload, on: "a")) },
        NodeCall("tryBroadcast") { try $0.sent($0.node.tryBroadcast($0.bytes, on: "a")) },
    ]

    private static let events: [NodeCall] = [
        NodeCall("events") { _ = try $0.node.events() },
        NodeCall("subscribeToEvents") {
            let subscription = $0.node.subscribeToEvents(of: [$0.other.peerID], in: [.established])
            subscription.cancel()
            for await event in subscription { #expect(event.peer == $0.other.peerID) }
        },
        NodeCall("notices") {
            let notices = $0.node.notices()
            notices.cancel()
            for await _ in notices {}
        },
    ]

    private static let connections: [NodeCall] = [
        NodeCall("connect") { try await $0.node.connect(to: $0.stranger, timeout: .milliseconds(1)) },
        NodeCall("connect") { try await $0.node.connect(to: $0.absent, timeout: .milliseconds(1)) },
        NodeCall("waitUntilEstablished") {
            try await $0.node.waitUntilEstablished(with: $0.other.peerID, timeout: .milliseconds(100))
        },
        NodeCall("waitUntilEstablished") {
            try await $0.node.waitUntilEstablished(with: $0.stranger, timeout: .milliseconds(1))
        },
        NodeCall("disconnect") { await $0.node.disconnect(from: $0.victim) },
        NodeCall("state") { #expect($0.node.state(of: $0.stranger) != .established) },
        NodeCall("session") { #expect($0.node.session(with: $0.stranger) == nil) },
        NodeCall("isOutbound") { #expect($0.node.isOutbound($0.stranger) == nil) },
        NodeCall("direction") { #expect($0.node.direction(of: $0.stranger) == nil) },
        NodeCall("cancelReconnection") { await $0.node.cancelReconnection(of: $0.victim) },
        NodeCall("networkChanged") { await $0.node.networkChanged() },
        NodeCall("explain") { #expect(await $0.node.explain($0.other.peerID).peer == $0.other.peerID) },
        NodeCall("ping") {
            let roundTrip = try await $0.node.ping($0.other.peerID)
            #expect(roundTrip > .zero)
        },
    ]

    private static let peers: [NodeCall] = [
        NodeCall("addPeer") { try await $0.node.addPeer($0.stranger, addresses: [], metadata: ["name": "stranger"]) },
        NodeCall("updateMetadata") { try await $0.node.updateMetadata(["name": "nobody"], of: $0.stranger) },
        NodeCall("removePeer") { await $0.node.removePeer($0.stranger) },
        NodeCall("peer") {
            if let entry = await $0.node.peer($0.stranger) { #expect(entry.peer == $0.stranger) }
        },
        NodeCall("peers") { #expect(await $0.node.peers.count <= 2) },
        NodeCall("allPeers") { #expect(await $0.node.allPeers.count <= 2) },
        NodeCall("saveAddressBook") { try await $0.node.saveAddressBook() },
    ]

    private static let blacklist: [NodeCall] = [
        NodeCall("blacklist") { try await $0.node.blacklist($0.victim) },
        NodeCall("blacklist") { try await $0.node.blacklist(address: "192.0.2.1", for: .seconds(60)) },
        NodeCall("blacklist") { try await $0.node.blacklist(subnet: "198.51.100.0/24") },
        NodeCall("unblacklist") { await $0.node.unblacklist($0.victim) },
        NodeCall("unblacklist") { try await $0.node.unblacklist(address: "192.0.2.1") },
        NodeCall("unblacklist") { try await $0.node.unblacklist(subnet: "198.51.100.0/24") },
        NodeCall("blacklisted") { #expect(await $0.node.blacklisted.count <= 4) },
        NodeCall("isBlacklisted") { #expect(!(await $0.node.isBlacklisted($0.node.peerID))) },
    ]
}
