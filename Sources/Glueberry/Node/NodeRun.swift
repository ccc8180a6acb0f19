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
import Logging
import Multiformats
import NIOCore
import PeerIdentity

/// Everything that exists between one start of a node and the stop after it.
final class NodeRun: Sendable {
    let host: Host
    let eventLoop: any EventLoop
    let directory = PeerDirectory()
    let counters: RefusalCounters
    let instruments: NodeInstruments
    private let messages: MessageHub
    private let events: EventHub
    private let book: PeerBook
    private let noticeHub: NoticeHub
    let notices: NoticePublisher
    private let stallWatch: StallWatch
    let tasks: OwnedTasks
    /// Everything of the run has ended.
    let ended = Occasion()
    private let supervisor: NIOLoopBoundBox<PeerSupervisor?>
    private let flushTimeout: TimeAmount
    private let maximumLeftoverBytes: Int
    private let encryption: StreamEncryption

    init(
        identity: Identity, configuration: NodeConfiguration, group: any EventLoopGroup,
        transports: [any Transport]?, hubs: Node.Hubs, book: PeerBook,
        instruments: NodeInstruments, lastSession: UInt64, scope: TaskScope, logger: Logger
    ) {
        self.host =
            if let transports {
                Host(
                    identity: identity, configuration: configuration.host, eventLoopGroup: group,
                    transports: transports,
                    logger: logger)
            } else {
                Host(identity: identity, configuration: configuration.host, eventLoopGroup: group, logger: logger)
            }
        let eventLoop = group.next()
        self.eventLoop = eventLoop
        self.instruments = instruments
        let (messages, events, notices) = (hubs.messages, hubs.events, hubs.notices)
        self.messages = messages
        self.events = events
        self.noticeHub = notices
        self.counters = hubs.counters
        self.tasks = OwnedTasks(in: scope, executor: group as? any TaskExecutor)
        let publisher = NoticePublisher(hub: notices, eventLoop: eventLoop)
        self.notices = publisher
        self.stallWatch = StallWatch(timeout: TimeAmount(configuration.stallTimeout), eventLoop: eventLoop) {
            queue, pending in
            publisher.publish(
                NodeNotice(
                    .consumerStalled(pendingMessages: pending.messages, pendingBytes: pending.bytes),
                    peer: queue.key.peer, stream: queue.key.stream))
        }
        messages.begin(self.stallWatch)
        self.book = book
        self.flushTimeout = TimeAmount(configuration.flushTimeout)
        self.encryption = configuration.streamEncryption
        self.maximumLeftoverBytes = configuration.maximumLeftoverBytes
        self.supervisor = NIOLoopBoundBox.makeEmptyBox(valueType: PeerSupervisor.self, eventLoop: eventLoop)
        self.host.setObserver(self)
        instruments.pairs.setObserver { [notices = self.notices] warning in
            notices.publish(NodeNotice(.pairKeyWorn(messages: warning.messages), peer: warning.peer))
        }
        if let onNotice = configuration.onNotice {
            let subscription = NoticeSubscription(hub: notices)
            self.tasks.run { for await notice in subscription { await onNotice(notice) } }
        }
        let (host, directory, tasks, counters) = (self.host, self.directory, self.tasks, self.counters)
        let supervisor = self.supervisor
        // First in the queue of the loop, so that it exists before anything else gets there.
        eventLoop.execute {
            supervisor.value = PeerSupervisor(
                eventLoop: eventLoop, host: host, identity: identity, configuration: configuration,
                directory: directory, messages: messages, events: events, book: book, tasks: tasks,
                counters: counters, notices: publisher, instruments: instruments, lastSession: lastSession,
                logger: logger)
        }
        book.setObserver(
            .init(
                dial: { [weak self] peers in self?.execute { $0.beginDialing(peers) } },
                enforce: { [weak self] in self?.execute { $0.enforceBlacklist() } }))
    }

    /// Does something on the control loop, without waiting.
    func execute(_ body: @escaping @Sendable (PeerSupervisor) -> Void) {
        self.eventLoop.execute {
            if let supervisor = self.supervisor.value { body(supervisor) }
        }
    }

    /// Does something on the control loop and returns what comes of it.
    func control<Value: Sendable>(_ body: @escaping @Sendable (PeerSupervisor) -> Value) async -> Value {
        let settlement = Settlement<Value, Never>()
        self.execute { settlement.succeed(body($0)) }
        return await settlement.value().get()
    }

    /// Ends everything; returns the highest number of a session that there was.
    func stop() async -> UInt64 {
        let (timeout, eventLoop) = (self.flushTimeout, self.eventLoop)
        await withTaskGroup(of: Void.self) { group in
            for session in self.directory.allSessions where session.isEstablished {
                group.addTask { await session.settle(timeout: timeout, on: eventLoop) }
            }
        }
        let lastSession = await self.control { $0.stop() }
        await self.host.stop()
        self.instruments.pairs.setObserver(nil)
        await self.tasks.cancelAndWait()
        self.messages.finish()
        self.stallWatch.finish()
        self.events.finish()
        self.notices.finish()
        self.noticeHub.finish()
        await self.control { _ in }
        self.ended.happen()
        return lastSession
    }
}

extension NodeRun: HostObserver {
    func hostAdmits(_ address: Multiaddr, direction: Connection.Direction) -> HostError? {
        self.book.refusal(at: address).map { HostError(.gated, $0.message) }
    }

    func hostIdentified(_ connection: Connection, _ info: IdentifyInfo) {
        self.book.announced(info.listenAddresses, by: connection.remotePeer)
    }

    func hostAdmits(_ peer: PeerID, at address: Multiaddr, direction: Connection.Direction) -> HostError? {
        if let refusal = self.book.refusal(of: peer) ?? self.book.refusal(at: address) {
            return HostError(.gated, refusal.message)
        }
        guard direction == .inbound else { return nil }
        let leftover = self.messages.leftoverBytes
        guard leftover <= self.maximumLeftoverBytes else {
            return HostError(
                .limitExceeded,
                "ended sessions have left \(leftover) bytes unread, over maximumLeftoverBytes, \(self.maximumLeftoverBytes)"
            )
        }
        guard self.directory.state(of: peer) == .cooldown else { return nil }
        return HostError(.notConnected, "the peer failed its handshake and is left alone for a while")
    }

    func hostOpened(_ connection: Connection) {
        self.instruments.connectionOpened(
            with: connection.remotePeer, isOutbound: connection.direction == .outbound)
        self.execute { $0.opened(connection) }
    }

    func hostConfirmed(_ connection: Connection) { self.execute { $0.confirmed(connection) } }

    func hostClosed(_ connection: Connection, reason: ConnectionCloseReason) {
        self.instruments.connectionClosed(
            with: connection.remotePeer, isOutbound: connection.direction == .outbound)
        self.execute { $0.closed(connection, reason: reason) }
    }

    func hostRoutes(_ protocolID: String, on connection: Connection) -> StreamRoute? {
        guard let (name, version) = StreamName.parse(protocolID) else { return nil }
        guard version == .one || self.encryption == .transport && connection.provesPeer else { return nil }
        if name == StreamName.handshake {
            return .accept(
                FrameStream(pendingOn: connection) { stream in
                    let bound = NIOLoopBound(stream, eventLoop: connection.eventLoop)
                    self.execute { $0.handshakeStream(bound, on: connection) }
                })
        }
        guard let session = self.directory.session(with: connection.remotePeer),
            session.admitsStreams(on: connection), let channel = session.channel(name)
        else { return .reset(code: StreamErrorCode.negotiationFailed) }
        self.execute { $0.encryptedStream(of: session, on: connection) }
        return .accept(FrameStream(inboundFor: channel, version: version, on: connection))
    }

    var hostProtocols: [String] {
        let names = Set(self.directory.allSessions.flatMap(\.preparedNames)).union([StreamName.handshake])
        let versions: [StreamVersion] = self.encryption == .transport ? [.two, .one] : [.one]
        return names.flatMap { name in
            (name == StreamName.handshake ? [.one] : versions).map { StreamName.protocolID(of: name, version: $0) }
        }
    }
}
