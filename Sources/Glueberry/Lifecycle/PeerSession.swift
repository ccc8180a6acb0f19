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
import NIOCore
import PeerIdentity
import Synchronization

/// One session with a peer: its connections, its prepared streams, and whether messages may flow.
final class PeerSession: Sendable {
    private struct State {
        var connections: [Connection] = []
        var channels: [String: StreamChannel] = [:]
        var isEstablished = false
        var closed: GlueberryError?
        /// Streams that brought something before the handshake was complete; they are parsed when it is.
        var held: [ObjectIdentifier: NIOLoopBound<FrameStream>] = [:]
        /// Connections that streams of the session have run on.
        var carrying: Set<UInt64> = []
    }

    let peer: PeerID
    let generation: UInt64
    let isOutbound: Bool
    let began: NIODeadline
    /// The newest connection to the peer when the session began: older ones that are not the session's belong to the past.
    private let newestConnection: UInt64
    let unfinished = UnfinishedFrames(limit: 4 * 1024 * 1024)
    private let state: Locked<State>

    init(peer: PeerID, generation: UInt64, isOutbound: Bool, began: NIODeadline, connections: [Connection]) {
        self.peer = peer
        self.generation = generation
        self.isOutbound = isOutbound
        self.began = began
        self.newestConnection = connections.map(\.id).max() ?? 0
        self.state = Locked(State(connections: connections))
    }

    var isEstablished: Bool { self.state.withLock { $0.isEstablished } }
    var connections: [Connection] { self.state.withLock { $0.connections } }
    var preparedNames: [String] { self.state.withLock { $0.channels.keys.filter { $0 != StreamName.handshake } } }

    var channels: [StreamChannel] { self.state.withLock { Array($0.channels.values) } }

    func channel(_ name: String) -> StreamChannel? { self.state.withLock { $0.channels[name] } }

    /// A prepared stream to send on.
    ///
    /// A session that has ended throws why: its streams are gone, and who asks has found it a moment before that.
    func preparedChannel(_ name: String) throws(GlueberryError) -> StreamChannel {
        let (channel, closed) = self.state.withLock { ($0.channels[name], $0.closed) }
        if let channel { return channel }
        throw closed
            ?? GlueberryError(
                .streamNotPrepared, "the stream was not prepared for the peer", hint: "name it in the handshake",
                peer: self.peer, stream: name)
    }

    func owns(_ connection: Connection) -> Bool {
        self.state.withLock { $0.connections.contains { $0 === connection } }
    }

    /// Whether streams on a connection belong to this session: it is one of the session's, or came after it began.
    func admitsStreams(on connection: Connection) -> Bool {
        connection.id > self.newestConnection || self.owns(connection)
    }

    /// Notes that a stream of the session runs on a connection.
    func carries(_ connection: Connection) {
        self.state.withLock { _ = $0.carrying.insert(connection.id) }
    }

    /// Adds a connection that the session's streams may come and go on.
    func attach(_ connection: Connection) {
        self.state.withLock { state in
            guard state.closed == nil, !state.connections.contains(where: { $0 === connection }) else { return }
            state.connections.append(connection)
        }
    }

    /// Removes a connection that has ended.
    ///
    /// - Returns: Whether the session ends with it: it was the last, or streams ran on it, so that nobody can tell what of
    ///   them has arrived.
    func detach(_ connection: Connection) -> Bool {
        self.state.withLock { state in
            let before = state.connections.count
            state.connections.removeAll { $0 === connection }
            return before > state.connections.count
                && (state.connections.isEmpty || state.carrying.contains(connection.id))
        }
    }

    /// Adds a prepared stream; an existing one of that name stays.
    func add(_ channel: StreamChannel) {
        let closed = self.state.withLock { state in
            if state.closed == nil, state.channels[channel.name] == nil { state.channels[channel.name] = channel }
            return state.closed
        }
        if let closed { channel.close(closed) }
    }

    /// Opens a stream of the multiplexer for a channel, on the oldest connection that lives.
    func openStream(for channel: StreamChannel) -> Bool {
        guard let connection = self.connections.first(where: { !$0.isClosed }) else { return false }
        self.carries(connection)
        let protocols = channel.protocolIDs(on: connection)
        connection.work {
            connection.openStream(
                protocols: protocols, consumer: FrameStream(outboundFor: channel, on: connection)
            ) { channel.openFailed($0) }
        }
        return true
    }

    /// The handshake is complete: what was held is parsed.
    func establish() {
        let held = self.state.withLock { state in
            state.isEstablished = true
            defer { state.held = [:] }
            return Array(state.held.values)
        }
        for stream in held { stream.eventLoop.execute { stream.value.resume() } }
    }

    /// Whether a stream's messages may be parsed; if not, the stream is told to go on once they may.
    func admits(_ stream: NIOLoopBound<FrameStream>) -> Bool {
        self.state.withLock { state in
            if !state.isEstablished, state.closed == nil { state.held[ObjectIdentifier(stream.value)] = stream }
            return state.isEstablished
        }
    }

    /// Waits until what was accepted has been written, within the time.
    func flush(timeout: TimeAmount) async {
        let channels = self.state.withLock { Array($0.channels.values) }
        await withTaskGroup(of: Void.self) { group in
            for channel in channels where channel.unwrittenMessages > 0 {
                group.addTask { await channel.flush(timeout: timeout) }
            }
        }
    }

    /// Waits until what was accepted has been written and, as far as a round trip on each connection tells, has arrived;
    /// both within the time.
    func settle(timeout: TimeAmount, on eventLoop: any EventLoop) async {
        let deadline = eventLoop.now + timeout
        await self.flush(timeout: timeout)
        let left = deadline - eventLoop.now
        guard left > .zero else { return }
        await withTaskGroup(of: Void.self) { group in
            for connection in self.connections { group.addTask { await connection.settle(timeout: left) } }
        }
    }

    /// Ends the session's streams; returns per stream how many accepted messages were not written.
    func close(_ error: GlueberryError) -> [String: Int] {
        let channels = self.state.withLock { state in
            state.closed = error
            defer {
                state.held = [:]
                state.connections = []
                // The channels lead back here; without this neither they nor their key would go away.
                state.channels = [:]
            }
            return Array(state.channels.values)
        }
        var unwritten: [String: Int] = [:]
        for channel in channels {
            let count = channel.close(error)
            if count > 0 { unwritten[channel.name] = count }
        }
        return unwritten
    }
}

/// Brings the messages of one stream of a session to the queue that consumers read.
final class SessionInbound: InboundSink {
    private let session: PeerSession
    private let queue: InboundQueue
    private let isGated: Bool
    private let counters: RefusalCounters
    private let instruments: StreamInstruments?
    private let notices: NoticePublisher?
    /// Called when more came than the queue takes, and its policy is to end the session.
    private let overflow: @Sendable () -> Void

    /// The queue is one that ``MessageHub/use(_:)`` gave out.
    init(
        session: PeerSession, queue: InboundQueue, isGated: Bool, counters: RefusalCounters,
        instruments: StreamInstruments? = nil, notices: NoticePublisher? = nil,
        overflow: @escaping @Sendable () -> Void = {}
    ) {
        self.session = session
        self.queue = queue
        self.isGated = isGated
        self.counters = counters
        self.instruments = instruments
        self.notices = notices
        self.overflow = overflow
    }

    deinit { self.queue.unuse() }

    func deliver(_ batch: [ReceivedMessage], from stream: NIOLoopBound<FrameStream>) -> InboundRoom {
        let arrival = self.queue.append(batch, from: stream, id: ObjectIdentifier(stream.value))
        if arrival.dropped > 0 { self.dropped(arrival.dropped) }
        if arrival.isOverflow { self.overflow() }
        return arrival.room
    }

    func isOpen(for stream: NIOLoopBound<FrameStream>) -> Bool {
        !self.isGated || self.session.admits(stream)
    }

    func refused(_ reason: RefusedMessage) {
        self.counters.count(reason)
        self.publish(.messageRefused(reason.refusal))
    }

    func abandoned(_ messages: Int) { self.dropped(messages) }

    func refusedByPeer() { self.publish(.sentMessageRefused) }

    private func dropped(_ messages: Int) {
        self.counters.countDropped(messages)
        self.instruments?.dropped(messages: messages)
        self.publish(.messagesDropped(self.queue.limits.policy), count: messages)
    }

    private func publish(_ kind: NodeNotice.Kind, count: Int = 1) {
        self.notices?.publish(
            NodeNotice(
                kind, peer: self.queue.key.peer, stream: self.queue.key.stream, session: self.session.generation,
                count: count))
    }
}

/// Brings the messages of the handshake stream to the ready-made handshake.
///
/// A handshake has a few messages. After many more the stream is read no further: whatever the other side sends then stays
/// within its window.
final class HandshakeInbound: InboundSink {
    private static let maximumMessages = 64

    private let receive: @Sendable ([Message]) -> Void
    private let fail: @Sendable (FrameError) -> Void
    private let counters: RefusalCounters
    private let received = Atomic<Int>(0)

    init(
        counters: RefusalCounters, receive: @escaping @Sendable ([Message]) -> Void,
        fail: @escaping @Sendable (FrameError) -> Void
    ) {
        self.receive = receive
        self.fail = fail
        self.counters = counters
    }

    func deliver(_ batch: [ReceivedMessage], from stream: NIOLoopBound<FrameStream>) -> InboundRoom {
        self.receive(batch.map(\.message))
        for received in batch { stream.value.giveCredit(received.credit) }
        let (_, count) = self.received.add(batch.count, ordering: .relaxed)
        return count < Self.maximumMessages ? .now : .none
    }

    func isOpen(for stream: NIOLoopBound<FrameStream>) -> Bool { true }

    func refused(_ reason: RefusedMessage) {
        self.counters.count(reason)
        if case .malformed(let error) = reason { self.fail(error) }
    }
}

/// How many received messages were refused, and why, and how many found no room.
final class RefusalCounters: Sendable {
    private let malformed = Atomic<Int>(0)
    private let notAuthentic = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)

    var malformedFrames: Int { self.malformed.load(ordering: .relaxed) }
    var decryptionErrors: Int { self.notAuthentic.load(ordering: .relaxed) }
    var droppedMessages: Int { self.dropped.load(ordering: .relaxed) }

    func countDropped(_ messages: Int) { self.dropped.add(messages, ordering: .relaxed) }

    func count(_ reason: RefusedMessage) {
        switch reason {
        case .malformed: self.malformed.add(1, ordering: .relaxed)
        case .notAuthentic: self.notAuthentic.add(1, ordering: .relaxed)
        }
    }
}
