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

@Suite(.timeLimit(.minutes(5))) struct HostLimitTests {
    /// A host on loopback that ends with the test, and leaves nothing.
    private func withHost(
        _ configure: (inout HostConfiguration) -> Void, _ body: (Host) async throws -> Void
    ) async throws {
        var configuration = HostConfiguration()
        // A client that says nothing stays as long as the test lasts, unless the test is about how long it may.
        configuration.timeouts.accept = .minutes(10)
        configuration.timeouts.negotiation = .minutes(10)
        configure(&configuration)
        let host = Host(identity: .generate(), configuration: configuration)
        try await host.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")])
        do { try await body(host) } catch { Issue.record(error) }
        await host.stop()
        #expect(host.connectionCounts.all == 0 && host.connectionCounts.unauthenticated == 0)
    }

    @Test func aClientBeyondTheTotalIsClosedAtOnceAndTheNextOneTakenWhenThereIsRoom() async throws {
        try await self.withHost {
            $0.limits.connections = 1
        } _: { host in
            let first = try await RawClient(to: host)
            try await until { host.connectionCounts.all == 1 }
            try await RawClient(to: host).untilClosed()
            #expect(host.connectionCounts.all == 1)
            try await first.channel.close().outcome()
            try await until { host.connectionCounts.all == 0 }
            let third = try await RawClient(to: host)
            try await until { host.connectionCounts.all == 1 }
            #expect(third.channel.isActive)
        }
    }

    @Test func aClientBeyondTheUnauthenticatedOnesIsClosedAtOnce() async throws {
        try await self.withHost {
            $0.limits.unauthenticatedConnections = 2
        } _: { host in
            let clients = [try await RawClient(to: host), try await RawClient(to: host)]
            try await until { host.connectionCounts.unauthenticated == 2 }
            for _ in 0..<5 { try await RawClient(to: host).untilClosed() }
            #expect(host.connectionCounts.unauthenticated == 2)
            for client in clients { try await client.channel.close().outcome() }
            try await until { host.connectionCounts.all == 0 && host.connectionCounts.unauthenticated == 0 }
        }
    }

    @Test func anAuthenticatedConnectionMakesRoomForTheNextOne() async throws {
        try await self.withHost {
            $0.limits.unauthenticatedConnections = 1
        } _: { host in
            let dialers = [Host(identity: .generate()), Host(identity: .generate())]
            for dialer in dialers {
                let connection = try await dialer.connect(to: host.peerID, addresses: host.listenAddresses)
                _ = try await connection.identify()
            }
            #expect(host.connectionCounts.all == 2 && host.connectionCounts.unauthenticated == 0)
            for dialer in dialers {
                await dialer.stop()
                #expect(dialer.connectionCounts.all == 0)
            }
        }
    }

    @Test func aClientThatSaysNothingIsClosedAfterTheAcceptTimeout() async throws {
        try await self.withHost {
            $0.timeouts.accept = .milliseconds(200)
        } _: { host in
            try await RawClient(to: host).untilClosed()
            try await until { host.connectionCounts.all == 0 && host.connectionCounts.unauthenticated == 0 }
        }
    }

    @Test func aClientThatSpeaksAnotherProtocolIsClosed() async throws {
        try await self.withHost { _ in
        } _: { host in
            let client = try await RawClient(to: host)
            try await client.channel.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n")).outcome()
            try await client.untilClosed()
            try await until { host.connectionCounts.all == 0 }
        }
    }

    @Test func onePeerMayHaveAsManyConnectionsAsTheLimitSays() async throws {
        try await self.withHost {
            $0.limits.connectionsPerPeer = 2
        } _: { host in
            let dialer = Host(identity: .generate())
            for _ in 0..<2 {
                let settlement = Settlement<Connection, HostError>()
                dialer.dial(
                    host.peerID, addresses: host.listenAddresses, timeout: .seconds(30),
                    handle: DialHandle(eventLoop: dialer.nextEventLoop())
                ) { settlement.settle($0) }
                _ = try await settlement.value().get().identify()
            }
            let settlement = Settlement<Connection, HostError>()
            dialer.dial(
                host.peerID, addresses: host.listenAddresses, timeout: .seconds(30),
                handle: DialHandle(eventLoop: dialer.nextEventLoop())
            ) { settlement.settle($0) }
            // The dialer learns of its refusal only after its own upgrade is done.
            if case .success(let third) = await settlement.value() {
                try await until { third.isClosed }
                guard case .closedByPeer(ConnectionErrorCode.resourceLimitExceeded) = third.closeReason else {
                    Issue.record("closed with \(String(describing: third.closeReason))")
                    return
                }
            }
            #expect(host.connections(to: dialer.peerID).count == 2)
            await dialer.stop()
            try await until { host.connectionCounts.all == 0 }
        }
    }
}
