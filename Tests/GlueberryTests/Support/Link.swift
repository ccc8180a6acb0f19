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
import NIOPosix
import PeerIdentity
import Testing

@testable import Glueberry

/// Two hosts on loopback, one connection between them, and the channels that either side has.
///
/// What a channel does not take goes to the handlers of the host, so that a side can also be played byte by byte.
final class Link: Sendable {
    let listener: LinkSide
    let dialer: LinkSide

    init(listener: LinkSide, dialer: LinkSide) {
        self.listener = listener
        self.dialer = dialer
    }

    /// Returns when everything that was sent before it from the dialer has been read by the listener, and the reverse.
    func barrier() async throws {
        _ = try await self.dialer.connection.ping()
        _ = try await self.listener.connection.ping()
    }
}

/// One end of a ``Link``.
final class LinkSide: HostObserver {
    let host: Host
    private let opened = Settlement<Connection, Never>()
    private let connected = Locked<Connection?>(nil)
    private let channels = Locked<[String: StreamChannel]>([:])

    init(group: any EventLoopGroup) {
        self.host = Host(identity: .generate(), eventLoopGroup: group)
        self.host.setObserver(self)
    }

    var connection: Connection {
        get throws { try #require(self.connected.withLock { $0 }) }
    }

    func awaitConnection() async {
        let connection = await self.opened.value().get()
        self.connected.withLock { $0 = connection }
    }

    /// A channel on this side's end of the connection.
    func channel(
        _ name: String, key: PairKey? = nil, limits: StreamChannel.Limits = .forTests, inbound: any InboundSink,
        unfinished: UnfinishedFrames = UnfinishedFrames(limit: 4 * 1024 * 1024), pausingOn clock: (any EventLoop)? = nil
    ) throws -> StreamChannel {
        let connection = try self.connection
        let channel = StreamChannel(
            peer: connection.remotePeer, name: name, session: 1, key: key, limits: limits, inbound: inbound,
            unfinished: unfinished, nonces: NonceSource(),
            eventLoop: clock ?? connection.eventLoop
        ) { channel in
            connection.work {
                connection.openStream(
                    protocols: channel.protocolIDs(on: connection),
                    consumer: FrameStream(outboundFor: channel, on: connection)
                ) { channel.openFailed($0) }
            }
            return true
        }
        self.channels.withLock { $0[name] = channel }
        return channel
    }

    /// A stream that brings nothing, as the source of messages that a test makes up.
    func idleStream() async throws -> (stream: NIOLoopBound<FrameStream>, id: ObjectIdentifier) {
        let connection = try self.connection
        return try await connection.eventLoop.submit {
            let stream = FrameStream(pendingOn: connection) { _ in }
            return (NIOLoopBound(stream, eventLoop: connection.eventLoop), stream.id)
        }.outcome()
    }

    func hostAdmits(_ peer: PeerID, at address: Multiaddr, direction: Connection.Direction) -> HostError? { nil }
    func hostOpened(_ connection: Connection) { self.opened.succeed(connection) }
    func hostConfirmed(_ connection: Connection) {}
    func hostClosed(_ connection: Connection, reason: ConnectionCloseReason) {}
    var hostProtocols: [String] { [] }

    func hostRoutes(_ protocolID: String, on connection: Connection) -> StreamRoute? {
        guard let (name, version) = StreamName.parse(protocolID),
            let channel = self.channels.withLock({ $0[name] }), channel.limits.versions.contains(version)
        else { return nil }
        return .accept(FrameStream(inboundFor: channel, version: version, on: connection))
    }
}

extension StreamChannel.Limits {
    static var forTests: StreamChannel.Limits {
        var limits = StreamChannel.Limits(
            maximumMessage: 1024 * 1024, sendBufferBytes: 1024 * 1024, sendBufferMessages: 4096)
        // However slowly a test runs, what is kept for a stream that may be reset is still there.
        limits.retention = .hours(1)
        return limits
    }
}

/// Connects two hosts on one event loop, which end with the test.
func withLink<R: Sendable>(_ body: (Link) async throws -> R) async throws -> R {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let link = Link(listener: LinkSide(group: group), dialer: LinkSide(group: group))
    let result: Result<R, any Error>
    do {
        try await link.listener.host.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")])
        _ = try await link.dialer.host.connect(
            to: link.listener.host.peerID, addresses: link.listener.host.listenAddresses)
        await link.listener.awaitConnection()
        await link.dialer.awaitConnection()
        result = .success(try await body(link))
    } catch {
        result = .failure(error)
    }
    await link.dialer.host.stop()
    await link.listener.host.stop()
    try await group.shutdownGracefully()
    return try result.get()
}

/// Takes messages as they come, and notes them.
final class RecordingSink: InboundSink {
    private struct State {
        var payloads: [[UInt8]] = []
        var refusals: [RefusedMessage] = []
    }

    private let state = Locked(State())

    var payloads: [[UInt8]] { self.state.withLock { $0.payloads } }
    var refusals: Int { self.state.withLock { $0.refusals.count } }

    func deliver(_ batch: [ReceivedMessage], from stream: NIOLoopBound<FrameStream>) -> InboundRoom {
        self.state.withLock { $0.payloads += batch.map(\.message.bytes) }
        for received in batch { stream.value.giveCredit(received.credit) }
        return .now
    }

    func isOpen(for stream: NIOLoopBound<FrameStream>) -> Bool { true }
    func refused(_ reason: RefusedMessage) { self.state.withLock { $0.refusals.append(reason) } }
}

/// Brings messages to a queue, as a session does.
final class QueueSink: InboundSink {
    let queue: InboundQueue

    init(_ queue: InboundQueue) {
        self.queue = queue
    }

    func deliver(_ batch: [ReceivedMessage], from stream: NIOLoopBound<FrameStream>) -> InboundRoom {
        self.queue.append(batch, from: stream, id: stream.value.id).room
    }

    func isOpen(for stream: NIOLoopBound<FrameStream>) -> Bool { true }
    func refused(_ reason: RefusedMessage) {}
}
