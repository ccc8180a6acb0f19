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

public import PeerIdentity

/// Keeps an address book outside of the node: in a file, a database, or wherever an application has its data.
///
/// A node has the whole book in memory, reads it once after each start, and brings changes to the store in the
/// background, one call after another. So a store writes what has changed, never everything, and need not be quick. What
/// a call throws is reported by the node and the call is repeated later.
public protocol AddressBookStore: Sendable {
    /// The entries in the order of their peer IDs, a page at a time.
    ///
    /// - Parameters:
    ///   - peer: The last peer of the page before; nil begins with the first.
    ///   - limit: The length of the page.
    /// - Returns: The page; one that is shorter than the limit is the last.
    /// - Throws: Whatever kept the store from being read.
    func entries(after peer: PeerID?, limit: Int) async throws -> [AddressBookEntry]

    /// The entry of one peer.
    func entry(of peer: PeerID) async throws -> AddressBookEntry?

    /// The blocks that have not ended.
    func blocks() async throws -> [BlacklistEntry]

    /// Brings changes into the store, all of them or, if it throws, none that cannot be brought again.
    ///
    /// - Returns: What others have changed in the same store, as far as this one noticed: entries that a change was merged
    ///   with, or that another process wrote.
    func save(_ changes: [AddressBookChange]) async throws -> [AddressBookChange]

    /// What was found amiss since the last call.
    func takeProblems() async -> [AddressBookProblem]

    /// Lets go of everything that the store has open.
    ///
    /// A later call opens it again.
    func close() async
}

/// A change of one row of an address book.
public enum AddressBookChange: Sendable, Equatable {
    /// The application added or changed a peer; see ``AddressBookEntry/merged(onto:)``.
    case put(AddressBookEntry)
    /// A peer was seen; nothing if it is no longer in the book. See ``AddressBookEntry/sightings(onto:)``.
    case sighting(AddressBookEntry)
    /// The application removed a peer at that time; nothing if it was changed later.
    case remove(PeerID, at: Timestamp)
    /// Somebody is blocked.
    case block(BlacklistEntry)
    /// A block is taken back, or has ended.
    case unblock(BlacklistEntry.Subject)
}

/// Something that is amiss with an address book and that the node goes on without.
public struct AddressBookProblem: Sendable, CustomStringConvertible {
    /// What kind of problem it is.
    public enum Kind: Sendable, Equatable {
        /// The book could not be understood; it was moved to this path and a new one begun.
        case setAside(path: String)
        /// The book is of a newer version: it is read as far as possible and never written, so changes are lost when the
        /// process ends.
        case newerVersion
        /// So many entries cannot be understood; they are left in the book as they are.
        case unreadableEntries(Int)
        /// There are more peers in the book than the node takes; this many are not taken.
        case tooManyPeers(Int)
        /// The book cannot be read at present.
        case readFailed
        /// The book cannot be written at present; the node tries again.
        case writeFailed
    }

    /// What kind of problem it is.
    public let kind: Kind
    /// One line that says what happened.
    public let message: String
    /// What it came from.
    public let error: GlueberryError?
    /// When it was found.
    public let time: Timestamp

    /// Creates a problem.
    public init(_ kind: Kind, _ message: String, error: GlueberryError? = nil, time: Timestamp = .now) {
        self.kind = kind
        self.message = message
        self.error = error
        self.time = time
    }

    /// The message, and the error that it came from.
    public var description: String { self.error.map { "\(self.message): \($0)" } ?? self.message }
}

/// Where a node keeps what it knows of peers.
public struct AddressBook: Sendable {
    let store: (any AddressBookStore)?

    /// In memory only: nothing survives the node.
    public static let memory = AddressBook(store: nil)

    /// In a JSON file that nodes of the original read and write as well; see ``FileAddressBookStore``.
    public static func file(_ path: String) -> AddressBook { .store(FileAddressBookStore(path: path)) }

    /// In a store of one's own.
    public static func store(_ store: any AddressBookStore) -> AddressBook { AddressBook(store: store) }
}
