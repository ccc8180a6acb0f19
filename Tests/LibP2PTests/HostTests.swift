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

/// Two hosts on loopback that end with the test.
@discardableResult
func withHosts<R: Sendable>(
    _ configuration: HostConfiguration = HostConfiguration(), _ body: (Host, Host, Connection) async throws -> R
) async throws -> R {
    let listener = Host(identity: .generate(), configuration: configuration)
    let dialer = Host(identity: .generate(), configuration: configuration)
    try await listener.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")])
    let connection = try await dialer.connect(to: listener.peerID, addresses: listener.listenAddresses)
    let result: Result<R, any Error>
    do { result = .success(try await body(listener, dialer, connection)) } catch { result = .failure(error) }
    await dialer.stop()
    await listener.stop()
    #expect(dialer.connectionCounts.all == 0 && listener.connectionCounts.all == 0)
    return try result.get()
}

@Suite struct HostTests {
    @Test func aDialedPeerIsTheOneThatListens() async throws {
        try await withHosts { listener, dialer, connection in
            #expect(connection.remotePeer == listener.peerID)
            #expect(connection.direction == .outbound)
            #expect(connection.security == "/noise")
            #expect(connection.earlyMuxer)
        }
    }

    @Test func aStreamEchoesThreeMebibytesAndFinishes() async throws {
        try await withHosts { listener, dialer, connection in
            listener.handle("/echo/1.0.0") { stream in
                do {
                    while let bytes = try await stream.read() { try await stream.write(bytes) }
                    await stream.finish()
                } catch {
                    Issue.record("\(error)")
                    stream.reset()
                }
            }
            let stream = try await connection.openStream(protocols: ["/unknown", "/echo/1.0.0"])
            #expect(stream.protocolID == "/echo/1.0.0")
            let payload = (0..<3 * 1024 * 1024).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            async let echoed = stream.read(exactly: payload.count)
            try await stream.write(ByteBuffer(bytes: payload))
            await stream.finish()
            let received = try #require(try await echoed)
            #expect(SHA256.hash(data: received.readableBytesView.map(\.self)) == SHA256.hash(data: payload))
            #expect(try await stream.read() == nil)
        }
    }

    @Test func identifyAndPingAnswerBothWays() async throws {
        try await withHosts { listener, dialer, connection in
            let info = try await connection.identify()
            #expect(info.protocols.contains("/ipfs/ping/1.0.0"))
            #expect(info.listenAddresses == listener.listenAddresses)
            #expect(info.signedRecord?.peerID == listener.peerID)
            #expect(try await connection.ping() > .nanoseconds(0))
            let back = try #require(listener.connections(to: dialer.peerID).first)
            #expect(try await back.identify().agentVersion == dialer.configuration.agentVersion)
            #expect(try await back.ping() > .nanoseconds(0))
        }
    }

    @Test func aStreamForAnUnknownProtocolFailsWithNoCommonProtocol() async throws {
        try await withHosts { _, _, connection in
            await #expect { try await connection.openStream(protocols: ["/nobody/speaks/this"]) } throws: {
                ($0 as? HostError)?.code == .noCommonProtocol
            }
        }
    }

    @Test func aPeerOtherThanTheExpectedOneIsRefused() async throws {
        try await withHosts { listener, dialer, _ in
            let other = Identity.generate().peerID
            await #expect { try await dialer.connect(to: other, addresses: listener.listenAddresses) } throws: {
                guard let error = $0 as? HostError else { return false }
                return error.code == .dialFailed && error.attempts.first?.stage == .securityHandshake
            }
        }
    }

    @Test func aPortInUseIsReportedAsSuch() async throws {
        try await withHosts { listener, dialer, _ in
            await #expect { try await dialer.listen(on: listener.listenAddresses) } throws: {
                ($0 as? HostError)?.code == .addressInUse
            }
        }
    }

    @Test func aCloseReachesTheOtherSideWithItsCode() async throws {
        try await withHosts { listener, dialer, connection in
            _ = try await connection.identify()
            let back = try #require(listener.connections(to: dialer.peerID).first)
            await connection.close(code: ConnectionErrorCode.garbageCollected)
            while !back.isClosed { await Task.yield() }
            guard case .closedByPeer(code: ConnectionErrorCode.garbageCollected)? = back.closeReason else {
                Issue.record("closed with \(String(describing: back.closeReason))")
                return
            }
        }
    }

    @Test func twoHundredStreamsAtOnceEachEchoTheirOwnBytes() async throws {
        try await withHosts { listener, dialer, connection in
            listener.handle("/echo/1.0.0") { stream in
                do {
                    while let bytes = try await stream.read() { try await stream.write(bytes) }
                    await stream.finish()
                } catch {
                    Issue.record("\(error)")
                    stream.reset()
                }
            }
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        let stream = try await connection.openStream(protocols: ["/echo/1.0.0"])
                        let payload = ByteBuffer(repeating: UInt8(index), count: 64 * 1024)
                        async let echoed = stream.read(exactly: 64 * 1024)
                        try await stream.write(payload)
                        await stream.finish()
                        let isEqual = try await echoed == payload
                        return try await stream.read() == nil && isEqual
                    }
                }
                for try await isEqual in group { #expect(isEqual) }
            }
        }
    }
}
