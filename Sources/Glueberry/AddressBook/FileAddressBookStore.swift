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
public import PeerIdentity

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An address book in a JSON file that nodes of the original read and write as well.
///
/// - The lock file `PATH.lock` is held (`flock`) around each load and each save, so that any number of processes can
///   share a book. A save reads what the others have written and changes the rows of its own changes only. Of a row that
///   two have changed, the addresses, metadata and flag of the one with the later `updated_at` are taken; a removal gives
///   way to a later change; sightings are put together.
/// - A save writes `PATH.tmp`, synchronises it and renames it, so that a crash leaves the old file or the new one. Only
///   the owner may read the file.
/// - Fields and rows that this version does not understand stay as they are.
/// - A file that is no address book is moved to `PATH.bak`, or `PATH.bak.1` and so on, which are never overwritten. The
///   next save begins a new one with everything that this store has read before.
/// - A file with a version above 1 is read as far as possible and never written: a save throws `addressBookNewer`.
/// - Blocks of addresses and subnets, blocks for a time, and blocks of peers that are not in the book are in
///   `PATH.blocks`, which the original does not know.
///
/// A save writes the whole file. For very many peers take the store of `GlueberrySQLite`.
public actor FileAddressBookStore: AddressBookStore {
    /// The longest file that is read, in bytes.
    public static let maximumLength = 512 * 1024 * 1024

    /// The file.
    nonisolated public let path: String

    private struct Known<Document: Sendable>: Sendable {
        var document: Document
        /// The state of the file that the document is of; nil if there was no file.
        var stamp: DurableFile.Stamp?
        var isRead = false
    }

    private let executor = BlockingExecutor()
    private let bookFile: DurableFile
    private let blocksFile: DurableFile
    private var book = Known(document: AddressBookDocument())
    private var list = Known(document: BlocksDocument())
    /// The peers in the order of their IDs, while pages are asked for.
    private var order: [PeerID]?
    private var problems: [AddressBookProblem] = []

    /// Runs the store on threads that may block.
    nonisolated public var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    /// Creates a store; nothing is read or written yet.
    ///
    /// - Parameter path: The file; its directory must exist.
    public init(path: String) {
        self.path = path
        self.bookFile = DurableFile(path: path)
        self.blocksFile = DurableFile(path: path + ".blocks")
    }

    /// The entries in the order of their peer IDs, a page at a time.
    ///
    /// The first page reads the file if it has changed.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed`.
    public func entries(after peer: PeerID?, limit: Int) throws(GlueberryError) -> [AddressBookEntry] {
        if peer == nil || self.order == nil { try self.reading { () throws(GlueberryError) in try self.readBook() } }
        let order = self.order ?? self.book.document.peers.sorted()
        let start = peer.map { peer in order.partitioningIndex { $0 > peer } } ?? order.startIndex
        let page = order[start...].prefix(max(limit, 0))
        self.order = page.endIndex < order.endIndex ? order : nil
        return page.compactMap { self.book.document.entry(of: $0) }
    }

    /// The entry of one peer.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed`.
    public func entry(of peer: PeerID) throws(GlueberryError) -> AddressBookEntry? {
        try self.reading { () throws(GlueberryError) in try self.readBook() }
        return self.book.document.entry(of: peer)
    }

    /// The blocks that have not ended.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed`.
    public func blocks() throws(GlueberryError) -> [BlacklistEntry] {
        try self.reading { () throws(GlueberryError) in try self.readBlocks() }
        let now = Timestamp.now
        return self.list.document.entries.filter { $0.expires.map { now < $0 } ?? true }
    }

    /// Brings changes into the files, merged with what other processes have written.
    ///
    /// - Throws: ``GlueberryError`` with code `addressBookFailed`, or `addressBookNewer` for a file of a newer version.
    public func save(_ changes: [AddressBookChange]) throws(GlueberryError) -> [AddressBookChange] {
        let lock: FileLock
        do {
            lock = try FileLock(path: self.path + ".lock")
        } catch {
            throw Self.failed(error)
        }
        defer { withExtendedLifetime(lock) {} }
        return try self.saveLocked(changes)
    }

    /// What was found amiss since the last call.
    public func takeProblems() -> [AddressBookProblem] {
        defer { self.problems = [] }
        return self.problems
    }

    /// Lets go of what is known of the file; nothing is open between calls.
    public func close() {
        self.order = nil
    }

    // MARK: Under the lock

    private func saveLocked(_ changes: [AddressBookChange]) throws(GlueberryError) -> [AddressBookChange] {
        var ofBlocks: [AddressBookChange] = []
        var ofPeers: [AddressBookChange] = []
        for change in changes {
            switch change {
            case .block, .unblock: ofBlocks.append(change)
            case .put, .sighting, .remove: ofPeers.append(change)
            }
        }
        if !ofBlocks.isEmpty { try self.saveBlocks(ofBlocks) }
        return ofPeers.isEmpty ? [] : try self.saveBook(ofPeers)
    }

    private func saveBook(_ changes: [AddressBookChange]) throws(GlueberryError) -> [AddressBookChange] {
        let before = self.book
        try self.readBook()
        guard !self.book.document.isNewer else { throw self.newerVersion(self.bookFile) }
        var learned: [PeerID: AddressBookChange] = [:]
        if self.book.stamp != before.stamp {
            for change in self.book.document.changes(since: before.document, now: .now) {
                switch change {
                case .put(let entry), .sighting(let entry): learned[entry.peer] = change
                case .remove(let peer, _): learned[peer] = change
                case .block, .unblock: break
                }
            }
        }
        var document = self.book.document
        for change in changes {
            let outcome = document.apply(change)
            switch change {
            case .put(let entry): learned[entry.peer] = outcome
            case .sighting(let entry):
                // Of a peer that somebody has removed nothing is left to see.
                learned[entry.peer] = outcome ?? learned[entry.peer]
            case .remove(let peer, _): learned[peer] = outcome
            case .block, .unblock: break
            }
        }
        let bytes = document.encoded()
        let stamp = try self.failing { () throws(DurableFile.Failure) in try self.bookFile.replace(with: bytes) }
        self.book = Known(document: document, stamp: stamp, isRead: true)
        self.order = nil
        return Array(learned.values)
    }

    private func saveBlocks(_ changes: [AddressBookChange]) throws(GlueberryError) {
        try self.readBlocks()
        guard !self.list.document.isNewer else { throw self.newerVersion(self.blocksFile) }
        var document = self.list.document
        for change in changes { document.apply(change) }
        document.removeExpired(now: .now)
        let bytes = document.encoded()
        let stamp = try self.failing { () throws(DurableFile.Failure) in try self.blocksFile.replace(with: bytes) }
        self.list = Known(document: document, stamp: stamp, isRead: true)
    }

    /// Runs `body` under the lock; where no lock can be had because nothing can be written, without it.
    private func reading(_ body: () throws(GlueberryError) -> Void) throws(GlueberryError) {
        let lock: FileLock?
        do {
            lock = try FileLock(path: self.path + ".lock")
        } catch {
            guard [EACCES, EPERM, EROFS, ENOENT].contains(error.code) else { throw Self.failed(error) }
            lock = nil
        }
        defer { withExtendedLifetime(lock) {} }
        try body()
    }

    private func readBook() throws(GlueberryError) {
        self.order = nil
        guard let bytes = try self.newContents(self.bookFile, &self.book) else { return }
        do {
            let document = try AddressBookDocument(parsing: bytes)
            self.book.document = document
            self.report(
                document.isNewer, unreadable: document.unreadable, "address book \(Self.quoted(self.bookFile))")
        } catch {
            try self.setAside(self.bookFile, &self.book, because: error.description)
        }
    }

    private func readBlocks() throws(GlueberryError) {
        guard let bytes = try self.newContents(self.blocksFile, &self.list) else { return }
        do {
            let document = try BlocksDocument(parsing: bytes)
            self.list.document = document
            self.report(
                document.isNewer, unreadable: document.unreadable, "list of blocks \(Self.quoted(self.blocksFile))")
        } catch {
            try self.setAside(self.blocksFile, &self.list, because: error.description)
        }
    }

    /// What is in a file that has changed since it was read or written last; nil if it has not, or is gone.
    private func newContents<Document>(
        _ file: DurableFile, _ known: inout Known<Document>
    ) throws(GlueberryError) -> [UInt8]? {
        do {
            let stamp = try file.stamp()
            // Of a file that is gone, what was read stays: nobody has said that it is no longer true.
            guard stamp != nil, stamp != known.stamp || !known.isRead,
                let (bytes, now) = try file.contents(limit: Self.maximumLength)
            else {
                known.isRead = true
                return nil
            }
            known.stamp = now
            known.isRead = true
            return bytes
        } catch {
            throw Self.failed(error)
        }
    }

    private func setAside<Document>(
        _ file: DurableFile, _ known: inout Known<Document>, because reason: String
    ) throws(GlueberryError) {
        let target: String
        do {
            target = try file.setAside()
        } catch {
            known.isRead = false
            throw Self.failed(error)
        }
        known.stamp = nil
        self.problems.append(
            AddressBookProblem(
                .setAside(path: target),
                "\(Self.quoted(file)) is not understood and was moved to \(Self.quoted(DurableFile(path: target)))",
                error: GlueberryError(.addressBookCorrupt, reason)))
    }

    private func report(_ isNewer: Bool, unreadable: Int, _ name: String) {
        if isNewer {
            self.problems.append(
                AddressBookProblem(.newerVersion, "the \(name) is of a newer version and is not written"))
        }
        if unreadable > 0 {
            self.problems.append(
                AddressBookProblem(
                    .unreadableEntries(unreadable), "\(unreadable) entries of the \(name) are not understood"))
        }
    }

    private func newerVersion(_ file: DurableFile) -> GlueberryError {
        GlueberryError(
            .addressBookNewer, "\(Self.quoted(file)) is of a newer version and is not written",
            hint: "use the version of this library that wrote it, or another path")
    }

    private func failing<Value>(_ body: () throws(DurableFile.Failure) -> Value) throws(GlueberryError) -> Value {
        do {
            return try body()
        } catch {
            throw Self.failed(error)
        }
    }

    private static func failed(_ failure: DurableFile.Failure) -> GlueberryError {
        GlueberryError(
            .addressBookFailed, "the address book could not be read or written", hint: "look at the cause",
            cause: failure)
    }

    private static func quoted(_ file: DurableFile) -> String {
        "\"\(PrintableText.escape(file.path, limit: 256))\""
    }
}

extension [PeerID] {
    /// The index of the first element that a condition holds for, where it holds for all that follow.
    fileprivate func partitioningIndex(_ condition: (PeerID) -> Bool) -> Int {
        var (low, high) = (self.startIndex, self.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
