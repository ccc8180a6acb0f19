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

@Suite(.timeLimit(.minutes(5))) struct HostDialTests {
    private func withHost(
        _ configuration: HostConfiguration = HostConfiguration(), _ body: (Host) async throws -> Void
    ) async throws {
        let host = Host(identity: .generate(), configuration: configuration)
        try await host.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")])
        do { try await body(host) } catch { Issue.record(error) }
        await host.stop()
        #expect(host.connectionCounts.all == 0 && host.connectionCounts.unauthenticated == 0)
    }

    /// The error of a dial that must fail.
    private func failure(
        _ host: Host, to peer: PeerID? = nil, _ addresses: [String], timeout: TimeAmount? = nil
    ) async throws -> HostError {
        let addresses = try addresses.map { try Multiaddr($0) }
        do throws(HostError) {
            _ = try await host.connect(to: peer, addresses: addresses, timeout: timeout)
        } catch {
            return error
        }
        throw HostError(.closed, "the dial succeeded")
    }

    @Test(arguments: ["/dns4/localhost", "/dns/localhost"])
    func aNameIsLookedUpAndDialled(_ name: String) async throws {
        try await self.withHost { listener in
            try await self.withHost { dialer in
                let port = try #require(listener.listenAddresses.first?.tcpEndpoint?.port)
                let connection = try await dialer.connect(
                    to: listener.peerID, addresses: [Multiaddr("\(name)/tcp/\(port)")])
                #expect(connection.remotePeer == listener.peerID)
                #expect(connection.remoteAddress.description == "/ip4/127.0.0.1/tcp/\(port)")
            }
        }
    }

    @Test func aNameThatDoesNotResolveFailsInTheStageResolving() async throws {
        try await self.withHost { host in
            let error = try await self.failure(host, ["/dns4/no-such-host.invalid/tcp/4001"])
            #expect(error.code == .dialFailed)
            #expect(error.attempts.map(\.stage) == [.resolving])
            #expect(error.attempts.first?.error?.code == .badAddress)
        }
    }

    @Test func everyAddressIsReportedWithItsStageAndReason() async throws {
        try await self.withHost { host in
            let server = try await SilentServer()
            try await server.channel.close().outcome()
            let other = Identity.generate().peerID
            let expected = Identity.generate().peerID
            let listening = try #require(host.listenAddresses.first)
            try await self.withHost { dialer in
                let error = try await self.failure(
                    dialer, to: expected,
                    [
                        "/ip4/127.0.0.1/tcp/4001/p2p/\(other)", "/ip4/127.0.0.1/udp/4001/quic-v1",
                        "/ip4/127.0.0.1/tcp/\(server.port)", listening.description,
                    ])
                #expect(error.code == .dialFailed)
                #expect(error.attempts.count == 4)
                let stages = Dictionary(
                    error.attempts.map { ($0.address.description, ($0.stage, $0.error?.code)) },
                    uniquingKeysWith: { first, _ in first })
                #expect(stages["/ip4/127.0.0.1/tcp/4001/p2p/\(other)"] ?? (.secured, nil) == (.waiting, .wrongPeer))
                #expect(stages["/ip4/127.0.0.1/udp/4001/quic-v1"] ?? (.secured, nil) == (.waiting, .badAddress))
                #expect(stages["/ip4/127.0.0.1/tcp/\(server.port)"] ?? (.secured, nil) == (.connecting, .ioFailed))
                #expect(stages[listening.description] ?? (.secured, nil) == (.securityHandshake, .handshakeFailed))
            }
        }
    }

    @Test func aPeerWithoutAnAddressIsReportedAsSuch() async throws {
        try await self.withHost { host in
            let error = try await self.failure(host, [])
            #expect(error.code == .dialFailed && error.attempts.isEmpty)
        }
    }

    @Test func aDialThatTakesTooLongListsWhatItWasAt() async throws {
        try await self.withHost { host in
            let server = try await SilentServer()
            let error = try await self.failure(
                host, ["/ip4/127.0.0.1/tcp/\(server.port)"], timeout: .milliseconds(200))
            #expect(error.code == .timedOut)
            #expect(error.attempts.map(\.address.description) == ["/ip4/127.0.0.1/tcp/\(server.port)"])
            // It was connected, and nothing came after that.
            #expect(error.attempts.map(\.stage) == [.securityNegotiation])
            #expect(error.attempts.allSatisfy { $0.duration > .zero })
            try await until { host.connectionCounts.all == 0 }
            try await server.channel.close().outcome()
        }
    }

    @Test func aDialThatIsCancelledLeavesNothing() async throws {
        var patient = HostConfiguration()
        patient.timeouts.dial = .hours(1)
        patient.timeouts.dialAttempt = .hours(1)
        patient.timeouts.negotiation = .hours(1)
        try await self.withHost(patient) { host in
            let server = try await SilentServer()
            let address = try Multiaddr("/ip4/127.0.0.1/tcp/\(server.port)")
            let dial = Task { () -> HostError.Code? in
                do throws(HostError) {
                    _ = try await host.connect(to: nil, addresses: [address])
                    return nil
                } catch {
                    return error.code
                }
            }
            try await until { host.connectionCounts.all == 1 }
            dial.cancel()
            #expect(await dial.value == .cancelled)
            try await until { host.connectionCounts.all == 0 }
            try await server.channel.close().outcome()
        }
    }

    @Test func aDialThatSucceedsTellsWhatBecameOfEveryAddress() async throws {
        try await self.withHost { listener in
            try await self.withHost { dialer in
                let server = try await SilentServer()
                let handle = DialHandle(eventLoop: dialer.nextEventLoop())
                let settlement = Settlement<Connection, HostError>()
                let silent = try Multiaddr("/ip4/127.0.0.1/tcp/\(server.port)")
                dialer.dial(
                    listener.peerID, addresses: [silent] + listener.listenAddresses, timeout: .seconds(30),
                    handle: handle
                ) { settlement.settle($0) }
                _ = try await settlement.value().get()
                #expect(handle.attempts.map(\.hasSucceeded) == [false, true])
                #expect(handle.attempts.map(\.address).last == listener.listenAddresses.first)
                #expect(handle.attempts.first?.error == nil)
                try await server.channel.close().outcome()
            }
        }
    }

    @Test func aHostDoesNotConnectToItself() async throws {
        try await self.withHost { host in
            let error = try await self.failure(host, host.listenAddresses.map(\.description))
            #expect(error.code == .dialFailed)
            #expect(error.attempts.first?.error?.code == .wrongPeer)
            try await until { host.connectionCounts.all == 0 }
            #expect(host.connections.isEmpty)
        }
    }

    @Test func anAddressThatAnswersWinsOverOnesThatDoNot() async throws {
        try await self.withHost { listener in
            try await self.withHost { dialer in
                let server = try await SilentServer()
                let connection = try await dialer.connect(
                    to: listener.peerID,
                    addresses: [Multiaddr("/ip4/127.0.0.1/tcp/\(server.port)")] + listener.listenAddresses)
                #expect(connection.remotePeer == listener.peerID)
                try await until { dialer.connectionCounts.all == 1 }
                try await server.channel.close().outcome()
            }
        }
    }
}
