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
import PeerIdentity

/// Which peers are being dialled and which wait for their turn, as a value: no more than a limit at the same time, those
/// that somebody waits for first.
struct DialQueue: Sendable {
    private struct Place: Sendable {
        var peer: PeerID
        var ticket: UInt64
    }

    private let limit: Int
    private var running: Set<PeerID> = []
    /// The valid ticket of each peer that waits; places with another are void.
    private var tickets: [PeerID: UInt64] = [:]
    private var urgent: Deque<Place> = []
    private var ordinary: Deque<Place> = []
    private var lastTicket: UInt64 = 0

    init(limit: Int) {
        self.limit = max(1, limit)
    }

    var runningCount: Int { self.running.count }
    var waitingCount: Int { self.tickets.count }

    /// Whether a further dial could begin at once.
    var hasRoom: Bool { self.running.count < self.limit && self.tickets.isEmpty }

    /// A peer is to be dialled.
    ///
    /// - Returns: Whether at once; if not, ``next()`` tells when.
    mutating func request(_ peer: PeerID, isUrgent: Bool) -> Bool {
        guard !self.running.contains(peer) else { return true }
        if self.running.count < self.limit, isUrgent || self.tickets.isEmpty {
            self.tickets[peer] = nil
            self.running.insert(peer)
            return true
        }
        if self.tickets[peer] == nil {
            self.enqueue(peer, isUrgent: isUrgent)
        } else if isUrgent {
            self.promote(peer)
        }
        return false
    }

    /// Somebody waits for a peer: if it is waiting for its turn, it comes before those that nobody waits for.
    mutating func promote(_ peer: PeerID) {
        guard self.tickets[peer] != nil else { return }
        self.enqueue(peer, isUrgent: true)
    }

    /// The dial of a peer has ended, or is no longer wanted.
    mutating func leave(_ peer: PeerID) {
        self.running.remove(peer)
        self.tickets[peer] = nil
        if self.urgent.count + self.ordinary.count > 2 * self.tickets.count + 64 { self.removeVoidPlaces() }
    }

    /// The next peer to dial now; nil if there is none, or no room.
    mutating func next() -> PeerID? {
        while self.running.count < self.limit {
            guard let place = self.urgent.popFirst() ?? self.ordinary.popFirst() else { return nil }
            guard self.tickets[place.peer] == place.ticket else { continue }
            self.tickets[place.peer] = nil
            self.running.insert(place.peer)
            return place.peer
        }
        return nil
    }

    private mutating func enqueue(_ peer: PeerID, isUrgent: Bool) {
        self.lastTicket &+= 1
        self.tickets[peer] = self.lastTicket
        let place = Place(peer: peer, ticket: self.lastTicket)
        if isUrgent { self.urgent.append(place) } else { self.ordinary.append(place) }
        if self.urgent.count + self.ordinary.count > 2 * self.tickets.count + 64 { self.removeVoidPlaces() }
    }

    private mutating func removeVoidPlaces() {
        let tickets = self.tickets
        self.urgent.removeAll { tickets[$0.peer] != $0.ticket }
        self.ordinary.removeAll { tickets[$0.peer] != $0.ticket }
    }
}
