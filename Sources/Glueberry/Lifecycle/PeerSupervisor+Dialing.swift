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
import NIOCore
import PeerIdentity

/// Whom to dial, and what comes of it.
extension PeerSupervisor {
    /// Dials peers of the book, a few at a time.
    func beginDialing(_ peers: [PeerID]) {
        guard !self.isStopping else { return }
        self.prospects.append(contentsOf: peers)
        self.dialNext()
    }

    func dial(_ entry: PeerEntry) {
        entry.spans.connectBegan()
        if self.beginOnAnyConnection(entry) { return }
        let isAwaited = !entry.connectWaiters.isEmpty || !entry.establishedWaiters.isEmpty
        if self.dials.request(entry.peer, isUrgent: isAwaited) { self.startDial(entry) }
    }

    func startDial(_ entry: PeerEntry) {
        entry.spans.dialBegan()
        entry.dialBegan = self.eventLoop.now
        let handle = DialHandle(eventLoop: self.host.nextEventLoop())
        entry.dial = handle
        entry.dialed = nil
        entry.history.tryBegan(handle, timestamp: self.configuration.now(), now: self.eventLoop.now)
        let peer = entry.peer
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        let loop = self.eventLoop
        self.host.dial(
            peer, addresses: entry.addresses, timeout: self.configuration.host.timeouts.dial, handle: handle
        ) { result in
            loop.execute { bound.value.dialCompleted(peer, handle, result) }
            return true
        }
    }

    func dialCompleted(_ peer: PeerID, _ handle: DialHandle, _ result: Result<Connection, HostError>) {
        guard let entry = self.entries[peer], entry.dial === handle else {
            if case .success(let connection) = result, self.entries[peer]?.session?.owns(connection) != true {
                connection.closeNow(code: ConnectionErrorCode.none)
            }
            return
        }
        entry.dial = nil
        self.leaveDials(peer)
        switch result {
        case .success(let connection):
            entry.history.tryEnded(handle, .connected, now: self.eventLoop.now)
            entry.dialed = connection
            // It may have ended before this was known here.
            if let reason = connection.closeReason { self.closed(connection, reason: reason) }
        case .failure(let error):
            if let reason = self.error(for: .dialFailed(error), peer: peer) {
                entry.history.tryEnded(handle, .failed(reason), now: self.eventLoop.now)
            }
            self.dialEnded(entry, succeeded: false, error)
            // A failed dial is silent while the other side's own connection lives.
            if case .connecting = entry.lifecycle.state, self.beginOnAnyConnection(entry) { return }
            self.perform(
                entry.lifecycle.dialFailed(error, now: self.eventLoop.now, jitter: self.configuration.jitter()),
                on: entry)
        }
    }

    /// Begins a session on a connection that there is already and that no session runs on; false if there is none.
    func beginOnAnyConnection(_ entry: PeerEntry) -> Bool {
        guard let connection = entry.connections.first(where: { !$0.isClosed }) else { return false }
        self.beginSession(entry, isOutbound: true, on: connection)
        return true
    }

    func leaveDials(_ peer: PeerID) {
        self.dials.leave(peer)
        guard !self.isDialingScheduled, !self.isStopping else { return }
        self.isDialingScheduled = true
        // Not now: the effects of one peer are being performed.
        self.eventLoop.assumeIsolated().execute {
            self.isDialingScheduled = false
            self.dialNext()
        }
    }

    func dialNext() {
        guard !self.isStopping else { return }
        while let peer = self.dials.next() {
            guard let entry = self.entries[peer], case .connecting = entry.lifecycle.state, entry.dial == nil,
                !self.beginOnAnyConnection(entry)
            else {
                self.dials.leave(peer)
                continue
            }
            self.startDial(entry)
        }
        while self.dials.hasRoom, let peer = self.prospects.popFirst() {
            // It may have been removed meanwhile.
            guard let addresses = self.book.addresses(of: peer) else { continue }
            self.add(peer, addresses: addresses)
        }
    }
}
