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
import PeerIdentity
import Testing

@testable import LibP2P

@Suite(.timeLimit(.minutes(5))) struct HostIdentifyTests {
    @Test func aNewHandlerIsPushedToTheOtherSideAndSoIsItsEnd() async throws {
        try await withHosts { listener, dialer, connection in
            let before = try await connection.identify()
            #expect(!before.protocols.contains("/late/1.0.0"))
            listener.handle("/late/1.0.0") { _ in }
            try await until { connection.identifyInfo?.protocols.contains("/late/1.0.0") ?? false }
            listener.removeHandler("/late/1.0.0")
            try await until { !(connection.identifyInfo?.protocols.contains("/late/1.0.0") ?? true) }
            #expect(connection.identifyInfo?.signedRecord?.peerID == listener.peerID)

            // The same the other way round.
            dialer.handle("/early/1.0.0") { _ in }
            let back = try #require(listener.connections(to: dialer.peerID).first)
            try await until { back.identifyInfo?.protocols.contains("/early/1.0.0") ?? false }
        }
    }

    @Test func whatIsAnnouncedComesBesideTheAddressesOfTheHost() async throws {
        var configuration = HostConfiguration()
        let announced = try Multiaddr("/dns4/node.example/tcp/4001")
        configuration.announce = [announced.appending(peer: Identity.generate().peerID), announced]
        try await withHosts(configuration) { listener, _, connection in
            #expect(listener.advertisedAddresses == [announced] + listener.listenAddresses)
            let info = try await connection.identify()
            #expect(info.listenAddresses == listener.advertisedAddresses)
            #expect(info.signedRecord?.addresses == listener.advertisedAddresses)
        }
    }

    @Test func onlyWhatIsAnnouncedIsToldIfTheConfigurationSaysSo() async throws {
        var configuration = HostConfiguration()
        let announced = try Multiaddr("/ip4/198.51.100.7/tcp/4001")
        configuration.announce = [announced]
        configuration.announceOnly = true
        try await withHosts(configuration) { listener, _, connection in
            #expect(listener.advertisedAddresses == [announced])
            let info = try await connection.identify()
            #expect(info.listenAddresses == [announced])
        }
    }

    @Test func aPushThatMentionsOneThingChangesNothingElse() async throws {
        try await withHosts { listener, dialer, connection in
            try await until { !listener.connections(to: dialer.peerID).isEmpty }
            let back = try #require(listener.connections(to: dialer.peerID).first)
            let before = try await back.identify()
            let stream = try await connection.openStream(protocols: [IdentifyProtocol.pushID])
            try await stream.write(
                ByteBuffer(bytes: ProtobufMessage.delimited(ProtobufMessage.field(6, "another agent"))))
            await stream.finish()
            try await until { back.identifyInfo?.agentVersion == "another agent" }
            let after = try #require(back.identifyInfo)
            #expect(after.protocols == before.protocols && !after.protocols.isEmpty)
            #expect(after.signedRecord == before.signedRecord && after.signedRecord != nil)
            #expect(after.observedAddress == before.observedAddress)
        }
    }

    @Test func whatOthersSeeIsCountedByPeers() async throws {
        let listener = Host(identity: .generate())
        try await listener.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")])
        let dialers = (0..<3).map { _ in Host(identity: .generate()) }
        for dialer in dialers {
            _ = try await dialer.connect(to: listener.peerID, addresses: listener.listenAddresses)
        }
        // The dialers say where they dialled; each of them is told the address of its own end.
        try await until { listener.observedAddresses.ranked.first?.peers == 3 }
        #expect(listener.observedAddresses.ranked.map(\.address) == listener.listenAddresses)
        try await until { dialers.allSatisfy { !$0.observedAddresses.ranked.isEmpty } }
        let loopback = try Multiaddr("/ip4/127.0.0.1")
        #expect(dialers.allSatisfy { $0.observedAddresses.ranked.map(\.address) == [loopback] })
        for dialer in dialers { await dialer.stop() }
        try await until { listener.observedAddresses.ranked.isEmpty }
        await listener.stop()
    }

    @Test func aPeerThatIsRefusedLeavesNoAccountBehind() async throws {
        let observer = RefusingObserver()
        let listener = Host(identity: .generate())
        listener.setObserver(observer)
        let dialer = Host(identity: .generate())
        try await listener.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")])
        observer.host.withLock { $0 = listener }
        if let connection = try? await dialer.connect(to: listener.peerID, addresses: listener.listenAddresses) {
            try await until { connection.isClosed }
            guard case .closedByPeer(ConnectionErrorCode.gated) = connection.closeReason else {
                Issue.record("closed with \(String(describing: connection.closeReason))")
                return
            }
        }
        try await until { listener.connectionCounts.all == 0 }
        // The connection itself may be let go of a moment later.
        try await until { observer.account.withLock { $0.usage == nil } }
        #expect(listener.connections.isEmpty)
        await dialer.stop()
        await listener.stop()
    }
}

/// Talks to nobody, and looks weakly at the account of whoever came.
private final class RefusingObserver: HostObserver {
    struct Account {
        weak var usage: PeerUsage?
    }

    let host = Locked<Host?>(nil)
    let account = Locked(Account())

    var hostProtocols: [String] { [] }

    func hostAdmits(_ peer: PeerID, at address: Multiaddr, direction: Connection.Direction) -> HostError? {
        let usage = self.host.withLock { $0 }?.usage(of: peer)
        self.account.withLock { $0.usage = usage }
        return HostError(.wrongPeer, "not wanted")
    }

    func hostOpened(_ connection: Connection) { Issue.record("a refused connection was opened") }
    func hostConfirmed(_ connection: Connection) {}
    func hostClosed(_ connection: Connection, reason: ConnectionCloseReason) {
        Issue.record("a refused connection was closed")
    }
    func hostRoutes(_ protocolID: String, on connection: Connection) -> StreamRoute? { nil }
}
