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

@Suite(.timeLimit(.minutes(5))) struct HostStopTests {
    /// No deadline of these ends anything within the time of the test.
    private var patient: HostConfiguration {
        var configuration = HostConfiguration()
        configuration.timeouts.accept = .hours(1)
        configuration.timeouts.dial = .hours(1)
        configuration.timeouts.dialAttempt = .hours(1)
        configuration.timeouts.negotiation = .hours(1)
        configuration.timeouts.securityHandshake = .hours(1)
        return configuration
    }

    private func host() async throws -> Host {
        let host = Host(identity: .generate(), configuration: self.patient)
        try await host.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")])
        return host
    }

    private func expectEmpty(_ host: Host, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(host.connectionCounts.all == 0, sourceLocation: sourceLocation)
        #expect(host.connectionCounts.unauthenticated == 0, sourceLocation: sourceLocation)
        #expect(host.connections.isEmpty && host.listenAddresses.isEmpty, sourceLocation: sourceLocation)
    }

    @Test func stoppingDuringAnAcceptClosesTheClient() async throws {
        let host = try await self.host()
        let client = try await RawClient(to: host)
        try await until { host.connectionCounts.unauthenticated == 1 }
        await host.stop()
        self.expectEmpty(host)
        try await client.untilClosed()
    }

    @Test func stoppingDuringAnAcceptBesideALiveConnectionClosesBoth() async throws {
        let host = try await self.host()
        let dialer = try await self.host()
        let connection = try await dialer.connect(to: host.peerID, addresses: host.listenAddresses)
        _ = try await connection.identify()
        let client = try await RawClient(to: host)
        try await until { host.connectionCounts.unauthenticated == 1 }
        await host.stop()
        self.expectEmpty(host)
        try await client.untilClosed()
        try await until { connection.isClosed }
        guard case .closedByPeer(ConnectionErrorCode.shutdown) = connection.closeReason else {
            Issue.record("closed with \(String(describing: connection.closeReason))")
            return
        }
        await dialer.stop()
        self.expectEmpty(dialer)
    }

    @Test func stoppingDuringADialEndsTheDialWithAnError() async throws {
        let host = try await self.host()
        let server = try await SilentServer()
        let address = try Multiaddr("/ip4/127.0.0.1/tcp/\(server.port)")
        async let dialed = Self.outcome(of: host, addresses: [address])
        try await until { host.connectionCounts.all == 1 }
        await host.stop()
        #expect(await dialed == .stopped)
        self.expectEmpty(host)
        try await server.channel.close().outcome()
    }

    private static func outcome(of host: Host, addresses: [Multiaddr]) async -> HostError.Code? {
        do throws(HostError) {
            _ = try await host.connect(to: nil, addresses: addresses)
            return nil
        } catch {
            return error.code
        }
    }

    @Test func stoppingCancelsHandlersAndWaitsForThem() async throws {
        let host = try await self.host()
        let dialer = try await self.host()
        let started = Settlement<Void, Never>()
        let ended = Settlement<Bool, Never>()
        host.handle("/wait/1.0.0") { stream in
            started.succeed()
            _ = try? await stream.read()
            ended.succeed(Task.isCancelled)
        }
        let connection = try await dialer.connect(to: host.peerID, addresses: host.listenAddresses)
        let stream = try await connection.openStream(protocols: ["/wait/1.0.0"])
        _ = await started.value()
        await host.stop()
        #expect(ended.isSettled)
        await #expect(throws: HostError.self) { try await stream.read() }
        self.expectEmpty(host)
        await dialer.stop()
    }

    @Test func aHandlerMayStopItsOwnHost() async throws {
        let host = try await self.host()
        let dialer = try await self.host()
        let stopped = Settlement<Void, Never>()
        host.handle("/stop/1.0.0") { _ in
            await host.stop()
            stopped.succeed()
        }
        let connection = try await dialer.connect(to: host.peerID, addresses: host.listenAddresses)
        _ = try? await connection.openStream(protocols: ["/stop/1.0.0"])
        _ = await stopped.value()
        self.expectEmpty(host)
        await dialer.stop()
        await host.stop()
    }

    @Test func aStoppedHostNeitherListensNorDials() async throws {
        let host = try await self.host()
        let addresses = host.listenAddresses
        await host.stop()
        await host.stop()
        #expect(await Self.outcome(of: host, addresses: addresses) == .stopped)
        await #expect { try await host.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")]) } throws: {
            ($0 as? HostError)?.code == .stopped
        }
        self.expectEmpty(host)
    }

    @Test func manyStopsAtOnceAllReturn() async throws {
        let host = try await self.host()
        let dialer = try await self.host()
        _ = try await dialer.connect(to: host.peerID, addresses: host.listenAddresses)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { await host.stop() }
                group.addTask { await dialer.stop() }
            }
        }
        self.expectEmpty(host)
        self.expectEmpty(dialer)
    }
}
