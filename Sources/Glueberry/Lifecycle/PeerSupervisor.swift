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

import DequeModule
import LibP2P
import Logging
import NIOCore
import PeerIdentity

/// The driver of all peers' lives; confined to the node's control loop.
///
/// Whatever happens to a peer comes here, in order: calls of the application, connections of the host, timers. The
/// ``PeerLifecycle`` of the peer says what is to be done, and this does it. Sending and receiving messages do not pass
/// through here. What comes in and what is done about it stand in a file each.
final class PeerSupervisor {
    let eventLoop: any EventLoop
    let host: Host
    let identity: Identity
    let configuration: NodeConfiguration
    let directory: PeerDirectory
    let messages: MessageHub
    let events: EventHub
    let book: PeerBook
    let tasks: OwnedTasks
    let counters: RefusalCounters
    let instruments: NodeInstruments
    let notices: NoticePublisher
    let nonces = NonceSource()
    let logger: Logger
    let settings: PeerLifecycle.Settings
    var entries: [PeerID: PeerEntry] = [:]
    var dials: DialQueue
    /// Peers of the book that nothing has been done about since the start.
    var prospects: Deque<PeerID> = []
    var isDialingScheduled = false
    /// The highest number of a session of a peer that is not remembered any more.
    var forgottenGeneration: UInt64
    var isStopping = false
    /// Of connections that others opened: when each is closed if it still carries no session.
    var trims: [UInt64: Scheduled<Void>] = [:]
    /// A connection that was made so short after a session began was dialled without knowledge of it.
    static let simultaneity = TimeAmount.seconds(1)
    static let sweepInterval = TimeAmount.hours(1)
    var sweep: Scheduled<Void>?

    init(
        eventLoop: any EventLoop, host: Host, identity: Identity, configuration: NodeConfiguration,
        directory: PeerDirectory, messages: MessageHub, events: EventHub, book: PeerBook, tasks: OwnedTasks,
        counters: RefusalCounters, notices: NoticePublisher, instruments: NodeInstruments, lastSession: UInt64,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.host = host
        self.identity = identity
        self.configuration = configuration
        self.directory = directory
        self.messages = messages
        self.events = events
        self.book = book
        self.dials = DialQueue(limit: configuration.maximumDials)
        self.tasks = tasks
        self.counters = counters
        self.instruments = instruments
        self.forgottenGeneration = lastSession
        self.notices = notices
        self.logger = logger
        self.settings = PeerLifecycle.Settings(
            handshakeTimeout: TimeAmount(configuration.handshakeTimeout),
            cooldown: TimeAmount(configuration.cooldown),
            backoff: Backoff(
                base: TimeAmount(configuration.reconnectBase), maximum: TimeAmount(configuration.reconnectMaximum),
                attempts: configuration.reconnectAttempts))
        self.scheduleSweep()
    }

    /// Ends every session, try and timer; returns the highest number of a session.
    ///
    /// The host's connections are closed by the host.
    func stop() -> UInt64 {
        self.isStopping = true
        self.sweep?.cancel()
        for entry in self.entries.values {
            self.perform(entry.lifecycle.disconnect(code: ConnectionErrorCode.shutdown), on: entry)
            entry.timer?.cancel()
            let error = GlueberryError(.stopped, "the node is stopping", peer: entry.peer)
            entry.connectWaiters.fail(error)
            entry.establishedWaiters.fail(error)
        }
        let last = self.entries.values.reduce(self.forgottenGeneration) { max($0, $1.lifecycle.generation) }
        self.entries = [:]
        for trim in self.trims.values { trim.cancel() }
        self.trims = [:]
        self.prospects = []
        return last
    }

    func perform(_ effects: [PeerLifecycle.Effect], on entry: PeerEntry) {
        for effect in effects {
            switch effect {
            case .state(let state, let reason): self.changed(entry, to: state, reason)
            case .dial: self.dial(entry)
            case .cancelDial:
                if let dial = entry.dial { entry.history.tryEnded(dial, .abandoned, now: self.eventLoop.now) }
                if entry.beginning.connections.first?.direction != .outbound {
                    // Neither a success nor a failure of the dial: it is not wanted any more.
                    entry.dialBegan = nil
                    entry.spans.dialEnded(GlueberryError(.cancelled, "the dial is not needed any more"))
                }
                entry.dial?.cancel()
                entry.dial = nil
                self.leaveDials(entry.peer)
            case .begin(let generation): self.begin(entry, generation)
            case .establish(let generation):
                entry.history.sessionEstablished(generation, now: self.eventLoop.now)
                let span = entry.spans.step(.established)
                entry.session?.establish()
                span?.end()
                self.handshakeEnded(entry, .success)
            case .end(_, let reason): self.end(entry, reason)
            case .closeConnections(let code):
                for connection in entry.connections { connection.closeNow(code: code) }
                // They are on their way out; the next session must not begin on one of them.
                entry.connections = []
                // Its close says nothing of a dial that follows.
                entry.dialed = nil
            }
        }
        self.updateTimer(entry)
    }

    func changed(_ entry: PeerEntry, to state: ConnectionState, _ reason: PeerLifecycle.Reason?) {
        let error = reason.flatMap { self.error(for: $0, peer: entry.peer) }
        let previous = entry.publishedState
        entry.publishedState = state
        self.directory.set(state, of: entry.peer)
        let isGivingUp = if case .gaveUp = reason { true } else { false }
        if previous != state || isGivingUp {
            let hasEnded = state == .disconnected || state == .cooldown
            self.events.emit(
                ConnectionEvent(
                    peer: entry.peer, state: state, previous: previous, timestamp: self.configuration.now(),
                    session: entry.ended?.generation ?? entry.lifecycle.generation,
                    isOutbound: entry.session?.isOutbound, error: error,
                    unwrittenMessages: hasEnded ? entry.ended?.unwritten ?? [:] : [:], missed: 0))
            entry.ended = nil
        }
        self.log(state, after: previous, of: entry, error)
        if let error, state == .disconnected || state == .cooldown { entry.spans.connectFailed(error) }
        switch state {
        case .connected: entry.connectWaiters.succeed()
        case .established:
            self.recordSighting(of: entry)
            entry.connectWaiters.succeed()
            entry.establishedWaiters.succeed()
        case .disconnected, .cooldown:
            let failure = error ?? GlueberryError(.notConnected, "the peer is disconnected", peer: entry.peer)
            if error != nil { entry.connectWaiters.fail(failure) }
            // Whom the other side has sent away makes no further try for a long time.
            let isSentAway =
                switch reason {
                case .connectionLost(let reason): reason.isSendingAway
                case .turnedAway: true
                default: false
                }
            // A session that was superseded is followed by another at once.
            let isSuperseded = if case .superseded = reason { true } else { false }
            if state == .cooldown || isSentAway || !entry.lifecycle.isWanted && !isSuperseded {
                entry.establishedWaiters.fail(failure)
            }
        case .connecting, .reconnecting: break
        }
    }

    func error(for reason: PeerLifecycle.Reason, peer: PeerID) -> GlueberryError? {
        reason.error(for: peer, isStopping: self.isStopping)
    }

    func entry(_ peer: PeerID) -> PeerEntry {
        if let entry = self.entries[peer] { return entry }
        let entry = PeerEntry(
            peer: peer, settings: self.settings, floor: self.forgottenGeneration, tracing: self.instruments.tracing)
        self.entries[peer] = entry
        return entry
    }

    func forgetIfUnused(_ entry: PeerEntry) {
        guard !entry.isInBook, entry.connections.isEmpty, entry.dial == nil, entry.session == nil,
            entry.establishedWaiters.isEmpty, case .disconnected = entry.lifecycle.state
        else { return }
        entry.timer?.cancel()
        self.forgottenGeneration = max(self.forgottenGeneration, entry.lifecycle.generation)
        self.entries[entry.peer] = nil
        self.directory.set(ConnectionState?.none, of: entry.peer)
    }

    func updateTimer(_ entry: PeerEntry) {
        let deadline = self.isStopping ? nil : entry.lifecycle.deadline
        guard deadline != entry.timerDeadline else { return }
        entry.timer?.cancel()
        entry.timerDeadline = deadline
        entry.timer = deadline.map { deadline in
            self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
                entry.timerDeadline = nil
                self.perform(
                    entry.lifecycle.timeout(now: self.eventLoop.now, jitter: self.configuration.jitter()), on: entry)
                self.forgetIfUnused(entry)
            }
        }
    }

    /// Forgets the statistics of peers that have been away for a day, every hour.
    func scheduleSweep() {
        self.sweep = self.eventLoop.assumeIsolated().scheduleTask(in: Self.sweepInterval) {
            self.instruments.removeStale(now: self.eventLoop.now)
            self.scheduleSweep()
        }
    }
}
