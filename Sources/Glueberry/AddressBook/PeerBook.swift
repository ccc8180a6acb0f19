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

/// A node's address book: the whole of it in memory, to be asked from any thread, and its store behind it.
///
/// Changes are noted per row and brought to the store after a short delay, several at once. One party at a time is at the
/// store. While the store fails, the book goes on in memory and tries again.
final class PeerBook: Sendable {
    struct Limits: Sendable {
        var peers: Int
        var blocks = 100_000
        var problems = 32
    }

    /// What the store has yet to be told.
    private struct Pending: Sendable {
        enum Row: Sendable {
            case put
            case sighting
            case removal(at: Timestamp)
        }

        var peers: [PeerID: Row] = [:]
        var blocks: Set<BlacklistEntry.Subject> = []

        var isEmpty: Bool { self.peers.isEmpty && self.blocks.isEmpty }
    }

    private enum Loading {
        case none
        case running([Settlement<Void, Never>])
        case done
    }

    private struct State {
        var entries: [PeerID: AddressBookEntry] = [:]
        var blocks = BlockList()
        var pending = Pending()
        var loading = Loading.none
        var problems: [AddressBookProblem] = []
        var isRunning = false
        /// Somebody is at the store.
        var isBusy = false
        var waitingForStore: [Settlement<Void, Never>] = []
        var isWriteScheduled = false
        var writeTimer: Scheduled<Void>?
        var mustReload = false
        var failures = 0
        /// The store is of a newer version; trying by itself brings nothing.
        var isReadOnly = false
        var lastWriteTook = TimeAmount.zero
        var expiryTimer: Scheduled<Void>?
        var expiryDeadline: NIODeadline?
        var observer: Observer?
    }

    /// Who is told of what becomes of the book by itself: blocks that end, a store that can be read at last, and what
    /// others have written to it.
    struct Observer: Sendable {
        /// These peers may be dialled now.
        var dial: @Sendable ([PeerID]) -> Void
        /// Somebody may be blocked who was not.
        var enforce: @Sendable () -> Void
    }

    private let store: (any AddressBookStore)?
    private let limits: Limits
    private let writeDelay: TimeAmount
    private let eventLoop: any EventLoop
    private let wallClock: @Sendable () -> Timestamp
    private let logger: Logger
    private let state = Locked(State())
    private let backoff = Backoff(base: .seconds(1), maximum: .seconds(60), attempts: 0)

    init(
        store: (any AddressBookStore)?, limits: Limits, writeDelay: TimeAmount, eventLoop: any EventLoop,
        wallClock: @escaping @Sendable () -> Timestamp = { .now }, logger: Logger
    ) {
        self.store = store
        self.limits = limits
        self.writeDelay = writeDelay
        self.eventLoop = eventLoop
        self.wallClock = wallClock
        self.logger = logger
    }

    // MARK: Asking

    /// What is known of a peer.
    func entry(of peer: PeerID) -> AddressBookEntry? {
        let now = self.eventLoop.now
        return self.state.withLock { Self.shown($0.entries[peer], $0.blocks, now) }
    }

    func entries(includingBlacklisted: Bool) -> [AddressBookEntry] {
        let now = self.eventLoop.now
        let (entries, blocks) = self.state.withLock { ($0.entries, $0.blocks) }
        return entries.values.compactMap { Self.shown($0, blocks, now) }
            .filter { includingBlacklisted || !$0.isBlacklisted }
    }

    /// Everybody who is kept out.
    var blacklist: [BlacklistEntry] {
        let now = self.eventLoop.now
        let (entries, blocks) = self.state.withLock { ($0.entries, $0.blocks) }
        let flagged = entries.values.filter(\.isBlacklisted).map {
            BlacklistEntry(subject: .peer($0.peer), createdAt: $0.updatedAt)
        }
        let subjects = Set(flagged.map(\.subject))
        return flagged + blocks.all(now: now).filter { !subjects.contains($0.subject) }
    }

    /// What is wrong with the store at present; nil if nothing is.
    var healthProblem: String? {
        self.state.withLock { state in
            if state.isReadOnly { return "the address book is of a newer version and is not written" }
            return state.failures > 0 ? "the address book could not be read or written, \(state.failures) times" : nil
        }
    }

    var problems: [AddressBookProblem] { self.state.withLock { $0.problems } }

    /// Where to dial a peer; nil if it is not in the book.
    func addresses(of peer: PeerID) -> [Multiaddr]? { self.state.withLock { $0.entries[peer]?.addresses } }

    /// The peers that a node connects to by itself.
    var peersToDial: [PeerID] {
        self.entries(includingBlacklisted: false).filter { !$0.addresses.isEmpty }.map(\.peer)
    }

    /// Why there is nothing to do with a peer; nil if it is welcome.
    func refusal(of peer: PeerID) -> GlueberryError? {
        let now = self.eventLoop.now
        let isBlocked = self.state.withLock {
            $0.entries[peer]?.isBlacklisted ?? false || $0.blocks.block(of: peer, now: now) != nil
        }
        guard isBlocked else { return nil }
        return GlueberryError(.peerBlacklisted, "the peer is blacklisted", hint: "unblacklist it", peer: peer)
    }

    /// Why there is nothing to do with whoever is at an address; nil if it is welcome.
    func refusal(at address: Multiaddr) -> GlueberryError? {
        guard let ip = IPAddress(of: address) else { return nil }
        let now = self.eventLoop.now
        guard let block = self.state.withLock({ $0.blocks.block(of: ip, now: now) }) else { return nil }
        return GlueberryError(.peerBlacklisted, "the address is blacklisted: \(block.subject)", hint: "unblacklist it")
    }

    private static func shown(_ entry: AddressBookEntry?, _ blocks: BlockList, _ now: NIODeadline) -> AddressBookEntry?
    {
        guard var entry else { return nil }
        if !entry.isBlacklisted, blocks.block(of: entry.peer, now: now) != nil { entry.isBlacklisted = true }
        return entry
    }

    // MARK: Changing

    /// Adds a peer, or replaces its addresses and, unless nil, its metadata.
    func add(_ peer: PeerID, addresses: [Multiaddr], metadata: [String: String]?) throws(GlueberryError) {
        let addresses = try AddressBookEntry.checked(addresses, of: peer)
        if let metadata { try AddressBookEntry.check(metadata, of: peer) }
        try self.put(peer) { entry in
            entry.addresses = addresses
            if let metadata { entry.metadata = metadata }
        }
    }

    /// Puts an address before the others of a peer, which is added if need be.
    func prefer(_ address: Multiaddr, of peer: PeerID) throws(GlueberryError) {
        let isFirst = self.state.withLock { $0.entries[peer]?.addresses.first == address }
        guard !isFirst else { return }
        try self.put(peer) { entry in
            entry.addresses.removeAll { $0 == address }
            entry.addresses.insert(address, at: 0)
            entry.addresses.removeLast(max(0, entry.addresses.count - AddressBookEntry.maximumAddresses))
        }
    }

    func setMetadata(_ metadata: [String: String], of peer: PeerID) throws(GlueberryError) {
        try AddressBookEntry.check(metadata, of: peer)
        let now = self.wallClock()
        let isKnown = self.state.withLock { state in
            guard var entry = state.entries[peer] else { return false }
            entry.metadata = metadata
            Self.put(&entry, at: now, in: &state)
            return true
        }
        guard isKnown else {
            throw GlueberryError(.peerUnknown, "the peer is not in the address book", hint: "add it", peer: peer)
        }
        self.changed()
    }

    private func put(
        _ peer: PeerID, _ change: (inout AddressBookEntry) -> Void
    ) throws(GlueberryError) {
        let now = self.wallClock()
        let clock = self.eventLoop.now
        let limit = self.limits.peers
        let fits = self.state.withLock { state in
            guard state.entries[peer] != nil || state.entries.count < limit else { return false }
            var entry = state.entries[peer] ?? AddressBookEntry(peer: peer, createdAt: now, updatedAt: now)
            change(&entry)
            // A block for good moves into the entry, where the original looks for it.
            if let block = state.blocks.block(of: peer, now: clock), block.expires == nil {
                state.blocks.remove(block.subject)
                state.pending.blocks.insert(block.subject)
                entry.isBlacklisted = true
            }
            Self.put(&entry, at: now, in: &state)
            return true
        }
        guard fits else {
            throw GlueberryError(
                .addressBookFull, "the address book has \(limit) peers, as many as it may",
                hint: "remove peers, or raise maximumPeers", peer: peer)
        }
        self.changed()
    }

    private static func put(_ entry: inout AddressBookEntry, at now: Timestamp, in state: inout State) {
        // Never earlier than before: the later change is the one that counts.
        entry.updatedAt = max(now, entry.updatedAt)
        state.entries[entry.peer] = entry
        state.pending.peers[entry.peer] = .put
    }

    /// Forgets a peer; a block of it stays.
    func remove(_ peer: PeerID) {
        let now = self.wallClock()
        self.state.withLock { state in
            guard let entry = state.entries.removeValue(forKey: peer) else { return }
            state.pending.peers[peer] = .removal(at: max(now, entry.updatedAt))
            if entry.isBlacklisted {
                let block = BlacklistEntry(subject: .peer(peer), createdAt: entry.updatedAt)
                state.blocks.insert(.init(entry: block, deadline: nil))
                state.pending.blocks.insert(block.subject)
            }
        }
        self.changed()
    }

    /// Keeps somebody out, for a time or for good; of two blocks the one that was asked for last counts.
    func block(_ subject: BlacklistEntry.Subject, for duration: Duration?) throws(GlueberryError) {
        let now = self.wallClock()
        let deadline = duration.map { self.eventLoop.now + TimeAmount($0) }
        let limit = self.limits.blocks
        let fits = self.state.withLock { state in
            if case .peer(let peer) = subject, var entry = state.entries[peer] {
                if entry.isBlacklisted != (duration == nil) {
                    entry.isBlacklisted = duration == nil
                    Self.put(&entry, at: now, in: &state)
                }
                if duration == nil {
                    if state.blocks.remove(subject) != nil { state.pending.blocks.insert(subject) }
                    return true
                }
            }
            guard state.blocks[subject] != nil || state.blocks.count < limit else { return false }
            let entry = BlacklistEntry(
                subject: subject, createdAt: now, expires: duration.map { now.advanced(by: $0) })
            state.blocks.insert(.init(entry: entry, deadline: deadline))
            state.pending.blocks.insert(subject)
            return true
        }
        guard fits else {
            throw GlueberryError(
                .addressBookFull, "the blacklist has \(limit) entries, as many as it may", hint: "take some back")
        }
        self.changed()
        self.scheduleExpiry()
    }

    /// Takes a block back.
    ///
    /// - Returns: Whether there was one.
    func unblock(_ subject: BlacklistEntry.Subject) -> Bool {
        let now = self.wallClock()
        let wasBlocked = self.state.withLock { state in
            var wasBlocked = false
            if state.blocks.remove(subject) != nil {
                state.pending.blocks.insert(subject)
                wasBlocked = true
            }
            if case .peer(let peer) = subject, var entry = state.entries[peer], entry.isBlacklisted {
                entry.isBlacklisted = false
                Self.put(&entry, at: now, in: &state)
                wasBlocked = true
            }
            return wasBlocked
        }
        if wasBlocked { self.changed() }
        return wasBlocked
    }

    // MARK: Sightings

    /// A session with a peer was established, over a connection with this address at its other end.
    func established(_ peer: PeerID, at address: Multiaddr?, wasDialed: Bool, publicKey: PublicKey?) {
        self.sighted(peer) { entry in
            if let publicKey { entry.publicKey = publicKey }
            guard let seen = address.flatMap({ wasDialed ? $0.withoutPeer : $0.withoutPort }),
                entry.seenAddresses.first != seen
            else { return }
            entry.seenAddresses.removeAll { $0 == seen }
            entry.seenAddresses.insert(seen, at: 0)
            entry.seenAddresses.removeLast(
                max(0, entry.seenAddresses.count - AddressBookEntry.maximumSeenAddresses))
        }
    }

    /// A session with a peer that was established has ended.
    func ended(_ peer: PeerID) { self.sighted(peer) { _ in } }

    /// A peer has said where it listens.
    func announced(_ addresses: [Multiaddr], by peer: PeerID) {
        let kept = Array(addresses.map(\.withoutPeer).prefix(AddressBookEntry.maximumSeenAddresses))
        let isNew = self.state.withLock { state in
            guard let entry = state.entries[peer], entry.announcedAddresses != kept else { return false }
            state.entries[peer]?.announcedAddresses = kept
            if state.pending.peers[peer] == nil { state.pending.peers[peer] = .sighting }
            return true
        }
        if isNew { self.changed() }
    }

    private func sighted(_ peer: PeerID, _ change: (inout AddressBookEntry) -> Void) {
        let now = self.wallClock()
        let isKnown = self.state.withLock { state in
            guard var entry = state.entries[peer] else { return false }
            change(&entry)
            entry.lastSeen = max(now, entry.lastSeen ?? .distantPast)
            state.entries[peer] = entry
            if state.pending.peers[peer] == nil { state.pending.peers[peer] = .sighting }
            return true
        }
        if isKnown { self.changed() }
    }

    // MARK: Blocks that end

    func setObserver(_ observer: Observer?) { self.state.withLock { $0.observer = observer } }

    private func scheduleExpiry() {
        let (deadline, former) = self.state.withLock { state -> (NIODeadline?, Scheduled<Void>?) in
            guard state.isRunning, let next = state.blocks.nextDeadline,
                state.expiryDeadline.map({ next < $0 }) ?? true
            else { return (nil, nil) }
            state.expiryDeadline = next
            defer { state.expiryTimer = nil }
            return (next, state.expiryTimer)
        }
        guard let deadline else { return }
        former?.cancel()
        let timer = self.eventLoop.scheduleTask(deadline: deadline) { self.expire(deadline) }
        let isLate = self.state.withLock { state in
            guard state.isRunning, state.expiryDeadline == deadline else { return true }
            state.expiryTimer = timer
            return false
        }
        if isLate { timer.cancel() }
    }

    private func expire(_ deadline: NIODeadline) {
        let now = self.eventLoop.now
        let (peers, observer) = self.state.withLock { state in
            if state.expiryDeadline == deadline {
                state.expiryDeadline = nil
                state.expiryTimer = nil
            }
            let ended = state.blocks.removeExpired(now: now).map(\.subject)
            state.pending.blocks.formUnion(ended)
            let peers = ended.compactMap { subject in
                if case .peer(let peer) = subject { peer } else { nil }
            }
            return (peers, state.observer)
        }
        if !peers.isEmpty { observer?.dial(peers) }
        self.changed()
        self.scheduleExpiry()
    }

    // MARK: The store

    /// Waits until the store has been read once; a store that cannot be read leaves an empty book.
    func ready() async {
        guard self.store != nil else { return }
        let waiter = Settlement<Void, Never>()
        let mustLoad = self.state.withLock { state -> Bool? in
            switch state.loading {
            case .none:
                state.loading = .running([])
                return true
            case .running(let waiters):
                state.loading = .running(waiters + [waiter])
                return false
            case .done: return nil
            }
        }
        switch mustLoad {
        case true?:
            // In a task of its own, which the cancellation of the caller does not reach.
            await Task {
                await self.exclusively {
                    await self.load()
                    await self.closeIfIdle()
                }
            }.value
        case false?: _ = await waiter.value()
        case nil: break
        }
    }

    /// Reads the store anew and keeps it up to date from now on.
    func open() async {
        self.state.withLock { state in
            state.isRunning = true
            state.isReadOnly = false
            if case .done = state.loading { state.loading = .none }
        }
        await self.ready()
        self.scheduleExpiry()
        self.changed()
    }

    /// Brings what is pending to the store and lets go of it.
    func close() async {
        let timers = self.state.withLock { state in
            state.isRunning = false
            state.observer = nil
            defer {
                state.expiryTimer = nil
                state.expiryDeadline = nil
            }
            return [state.expiryTimer, state.writeTimer]
        }
        for timer in timers { timer?.cancel() }
        // That closes the store as well, since the book is no longer in use.
        if let error = await self.flush() {
            self.logger.error("the address book was not saved", metadata: ["reason": "\(error)"])
        }
    }

    /// Brings what is pending to the store now.
    ///
    /// - Returns: Why it could not be done.
    func flush() async -> GlueberryError? {
        guard self.store != nil else { return nil }
        await self.ready()
        return await Task {
            let failure = Locked<GlueberryError?>(nil)
            await self.exclusively {
                let error = await self.write()
                await self.closeIfIdle()
                failure.withLock { $0 = error }
            }
            return failure.withLock { $0 }
        }.value
    }

    private func changed() {
        guard self.store != nil else { return }
        let delay = self.state.withLock { state -> TimeAmount? in
            guard !state.isWriteScheduled, !state.isBusy, !state.pending.isEmpty || state.mustReload else { return nil }
            guard !state.isReadOnly, state.failures == 0 || state.isRunning else { return nil }
            state.isWriteScheduled = true
            if state.failures > 0 {
                return self.backoff.delay(afterFailures: state.failures, jitter: 0.5)
            }
            // A large file takes its time; it is not to be written without a break.
            return max(self.writeDelay, .nanoseconds(min(state.lastWriteTook.nanoseconds, Int64.max / 32) * 20))
        }
        guard let delay else { return }
        let timer = self.eventLoop.scheduleTask(in: delay) { self.writeIsDue() }
        self.state.withLock { if $0.isWriteScheduled { $0.writeTimer = timer } }
    }

    private func writeIsDue() {
        // Claimed here already, so that whoever closes the book waits for the task.
        let isMine = self.state.withLock { state in
            defer { state.isWriteScheduled = false }
            // Whoever is at the store sees to it on leaving.
            guard state.isWriteScheduled, !state.isBusy else { return false }
            state.isBusy = true
            return true
        }
        guard isMine else { return }
        Task {
            _ = await self.write()
            await self.closeIfIdle()
            self.leaveStore()
        }
    }

    private func exclusively(_ body: () async -> Void) async {
        while true {
            let turn = Settlement<Void, Never>()
            let isMine = self.state.withLock { state in
                guard state.isBusy else {
                    state.isBusy = true
                    return true
                }
                state.waitingForStore.append(turn)
                return false
            }
            if isMine { break }
            _ = await turn.value()
        }
        await body()
        self.leaveStore()
    }

    private func leaveStore() {
        let waiting = self.state.withLock { state in
            state.isBusy = false
            defer { state.waitingForStore = [] }
            return state.waitingForStore
        }
        for turn in waiting { turn.succeed() }
        self.changed()
    }

    /// Of a node that does not run nothing is left open.
    private func closeIfIdle() async {
        let isIdle = self.state.withLock { !$0.isRunning }
        if isIdle { await self.store?.close() }
    }

    private func load() async {
        guard let store = self.store else { return }
        var loaded: [PeerID: AddressBookEntry] = [:]
        var surplus = 0
        var blocks: [BlacklistEntry] = []
        var failure: GlueberryError?
        do {
            var last: PeerID?
            while true {
                let page = try await store.entries(after: last, limit: 1000)
                for entry in page {
                    if loaded.count < self.limits.peers { loaded[entry.peer] = entry } else { surplus += 1 }
                }
                guard page.count == 1000, let next = page.last?.peer else { break }
                last = next
            }
            blocks = try await store.blocks()
        } catch {
            failure = Self.wrapped(error)
        }
        let problems = await store.takeProblems()
        let (clock, wall) = (self.eventLoop.now, self.wallClock())
        let waiters = self.state.withLock { state -> [Settlement<Void, Never>] in
            if failure == nil {
                for (peer, entry) in state.entries where state.pending.peers[peer] != nil { loaded[peer] = entry }
                for (peer, row) in state.pending.peers {
                    if case .removal = row { loaded[peer] = nil }
                }
                state.entries = loaded
                Self.replace(blocks, in: &state, clock, wall)
            }
            state.mustReload = failure != nil
            defer { state.loading = .done }
            guard case .running(let waiters) = state.loading else { return [] }
            return waiters
        }
        self.report(problems)
        if surplus > 0 {
            self.report([
                AddressBookProblem(
                    .tooManyPeers(surplus), "\(surplus) peers of the address book exceed maximumPeers", time: wall)
            ])
        }
        self.settle(.readFailed, "the address book cannot be read", failure)
        for waiter in waiters { waiter.succeed() }
    }

    private static func replace(
        _ entries: [BlacklistEntry], in state: inout State, _ clock: NIODeadline, _ wall: Timestamp
    ) {
        var list = BlockList()
        for entry in entries where !state.pending.blocks.contains(entry.subject) {
            let remaining = entry.expires.map { $0.duration(since: wall) }
            guard remaining.map({ $0 > .zero }) ?? true else { continue }
            // Two clocks: the date outlives the process, the event loop's time cannot be set back.
            list.insert(.init(entry: entry, deadline: remaining.map { clock + TimeAmount($0) }))
        }
        for subject in state.pending.blocks {
            if let block = state.blocks[subject] { list.insert(block) }
        }
        state.blocks = list
    }

    private func write() async -> GlueberryError? {
        guard let store = self.store else { return nil }
        let mustReload = self.state.withLock { state in
            state.isWriteScheduled = false
            state.writeTimer = nil
            return state.mustReload
        }
        if mustReload {
            await self.load()
            self.reloaded()
        }
        let start = self.eventLoop.now
        let (pending, changes) = self.state.withLock { state in
            defer { state.pending = Pending() }
            return (state.pending, Self.changes(of: state))
        }
        var learned: [AddressBookChange] = []
        var failure: GlueberryError?
        if !changes.isEmpty {
            do {
                learned = try await store.save(changes)
            } catch {
                failure = Self.wrapped(error)
            }
        }
        let problems = await store.takeProblems()
        let end = self.eventLoop.now
        let (observer, dialled, isStricter) = self.state.withLock { state -> (Observer?, [PeerID], Bool) in
            var (dialled, isStricter): ([PeerID], Bool) = ([], false)
            if let failure {
                // What has changed since goes before.
                state.pending.peers.merge(pending.peers) { newer, _ in newer }
                state.pending.blocks.formUnion(pending.blocks)
                state.isReadOnly = failure.code == .addressBookNewer
                state.failures += 1
            } else {
                state.isReadOnly = false
                state.failures = state.mustReload ? state.failures + 1 : 0
                if !changes.isEmpty { state.lastWriteTook = end - start }
                for change in learned where Self.learn(change, &state, limit: self.limits.peers) {
                    guard case .put(let entry) = change else { continue }
                    if entry.isBlacklisted { isStricter = true } else { dialled.append(entry.peer) }
                }
            }
            return (state.observer, dialled, isStricter)
        }
        if !dialled.isEmpty { observer?.dial(dialled) }
        if isStricter { observer?.enforce() }
        self.report(problems)
        if !changes.isEmpty { self.settle(.writeFailed, "the address book cannot be written", failure) }
        return failure
    }

    private static func changes(of state: State) -> [AddressBookChange] {
        var changes: [AddressBookChange] = []
        for (peer, row) in state.pending.peers {
            switch row {
            case .put: if let entry = state.entries[peer] { changes.append(.put(entry)) }
            case .sighting: if let entry = state.entries[peer] { changes.append(.sighting(entry)) }
            case .removal(let time): changes.append(.remove(peer, at: time))
            }
        }
        for subject in state.pending.blocks {
            changes.append(state.blocks[subject].map { .block($0.entry) } ?? .unblock(subject))
        }
        return changes
    }

    /// A store that could not be read when the node was started has been read: what the start would have done is done now.
    private func reloaded() {
        let (isRunning, mustReload, observer) = self.state.withLock { ($0.isRunning, $0.mustReload, $0.observer) }
        guard isRunning, !mustReload else { return }
        self.scheduleExpiry()
        observer?.enforce()
        observer?.dial(self.peersToDial)
    }

    /// Takes in what others have changed, unless it has been changed here meanwhile.
    ///
    /// - Returns: Whether it makes a difference to whom the node deals with.
    private static func learn(_ change: AddressBookChange, _ state: inout State, limit: Int) -> Bool {
        switch change {
        case .put(let entry), .sighting(let entry):
            guard state.pending.peers[entry.peer] == nil,
                state.entries[entry.peer] != nil || state.entries.count < limit
            else { return false }
            let former = state.entries.updateValue(entry, forKey: entry.peer)
            return former?.isBlacklisted != entry.isBlacklisted
        case .remove(let peer, _):
            if state.pending.peers[peer] == nil { state.entries[peer] = nil }
            return false
        case .block, .unblock: return false
        }
    }

    // MARK: Problems

    private func report(_ problems: [AddressBookProblem]) {
        guard !problems.isEmpty else { return }
        let limit = self.limits.problems
        let new = self.state.withLock { state in
            // What is found at each reading is told once.
            let new = problems.filter { problem in !state.problems.contains { $0.kind == problem.kind } }
            state.problems += new
            state.problems.removeFirst(max(0, state.problems.count - limit))
            return new
        }
        for problem in new { self.logger.error("address book", metadata: ["problem": "\(problem)"]) }
    }

    /// Notes that reading or writing fails, or that it does no longer.
    private func settle(_ kind: AddressBookProblem.Kind, _ message: String, _ failure: GlueberryError?) {
        self.state.withLock { state in
            if failure == nil { state.problems.removeAll { $0.kind == kind } }
        }
        guard let failure else { return }
        self.report([AddressBookProblem(kind, message, error: failure, time: self.wallClock())])
    }

    private static func wrapped(_ error: any Error) -> GlueberryError {
        (error as? GlueberryError)
            ?? GlueberryError(.addressBookFailed, "the store of the address book failed", cause: error)
    }
}

extension Multiaddr {
    /// Only the IP address, of a peer that dialled: its port is gone with the connection.
    fileprivate var withoutPort: Multiaddr? {
        let kept = self.components.prefix { [.ip4, .ip6, .ip6zone].contains($0.proto) }
        return kept.isEmpty ? nil : Multiaddr(components: Array(kept))
    }
}
