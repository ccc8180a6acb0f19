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
import PeerIdentity
import Synchronization

/// The key of a pair of peers has sealed so many messages that it should be given up.
///
/// Nonces are random and 96 bits long, and the key of a pair never changes, so after very many messages the chance that
/// two were sealed with one nonce is no longer negligible. All messages count, of both directions and every session.
struct PairKeyWarning: Sendable, Equatable {
    let peer: PeerID
    /// How many messages the key has sealed, on both sides, as far as this node knows.
    let messages: UInt64

    /// What to do.
    static let advice = "agree on streams 2.0.0 with the peer, or give one of the two a new identity"
}

/// Counts the messages under the keys of all pairs, and warns of those that have sealed too many.
///
/// The counts outlive sessions, runs of the node and the statistics of a peer that was away for long, but not the process.
final class PairMessageLedger: Sendable {
    /// A pair with fewer messages may be forgotten.
    private static let negligible: UInt64 = 1 << 20
    private static let maximumKept = 4096

    private let known: [PeerID: UInt64]
    private let threshold: UInt64
    private let counters = Locked<[PeerID: PairMessageCounter]>([:])
    private let warning: PairKeyWarner

    init(known: [PeerID: UInt64] = [:], threshold: UInt64 = 1 << 40, logger: Logger? = nil) {
        self.known = known
        self.threshold = threshold
        self.warning = PairKeyWarner(logger: logger)
    }

    /// Who is told of warnings, besides the log; called on any thread.
    func setObserver(_ observer: (@Sendable (PairKeyWarning) -> Void)?) { self.warning.setObserver(observer) }

    func counter(for peer: PeerID) -> PairMessageCounter {
        self.counters.withLock { counters in
            if let counter = counters[peer] { return counter }
            let counter = PairMessageCounter(
                peer: peer, count: self.known[peer] ?? 0, threshold: self.threshold, warner: self.warning)
            counters[peer] = counter
            return counter
        }
    }

    func count(of peer: PeerID) -> UInt64 {
        self.counters.withLock { $0[peer] }?.count ?? self.known[peer] ?? 0
    }

    /// Forgets pairs with few messages, and of many pairs the ones with the fewest.
    func removeSmall(except peers: Set<PeerID>) {
        self.counters.withLock { counters in
            let removable = counters.filter { !peers.contains($0.key) && self.known[$0.key] == nil }
            let large = removable.filter { $0.value.count >= Self.negligible }
                .sorted { $0.value.count > $1.value.count }.prefix(Self.maximumKept)
            let kept = Set(large.map(\.key))
            for peer in removable.keys where !kept.contains(peer) { counters[peer] = nil }
        }
    }
}

/// Counts the messages under the key of one pair.
final class PairMessageCounter: Sendable {
    private let peer: PeerID
    private let messages: Atomic<UInt64>
    /// Where the next warning is due: once at the threshold, then at each doubling.
    private let next: Atomic<UInt64>
    private let warner: PairKeyWarner

    init(peer: PeerID, count: UInt64, threshold: UInt64, warner: PairKeyWarner) {
        self.peer = peer
        self.messages = Atomic(count)
        self.next = Atomic(max(threshold, 1))
        self.warner = warner
    }

    var count: UInt64 { self.messages.load(ordering: .relaxed) }

    func add(_ messages: Int) {
        let (_, count) = self.messages.wrappingAdd(UInt64(clamping: messages), ordering: .relaxed)
        var due = self.next.load(ordering: .relaxed)
        guard count >= due else { return }
        while count >= due {
            var following = due
            while following <= count, following <= .max / 2 { following *= 2 }
            if following == due { return }
            let (exchanged, original) = self.next.compareExchange(
                expected: due, desired: following, ordering: .relaxed)
            if exchanged {
                self.warner.warn(PairKeyWarning(peer: self.peer, messages: count))
                return
            }
            due = original
        }
    }
}

/// Brings warnings to the log and to whoever listens.
final class PairKeyWarner: Sendable {
    private let logger: Logger?
    private let observer = Locked<(@Sendable (PairKeyWarning) -> Void)?>(nil)

    init(logger: Logger?) {
        self.logger = logger
    }

    func setObserver(_ observer: (@Sendable (PairKeyWarning) -> Void)?) { self.observer.withLock { $0 = observer } }

    func warn(_ warning: PairKeyWarning) {
        self.logger?.warning(
            "the key shared with a peer has sealed too many messages",
            metadata: [
                "peer": "\(warning.peer)", "messages": "\(warning.messages)", "advice": "\(PairKeyWarning.advice)",
            ])
        self.observer.withLock { $0 }?(warning)
    }
}
