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
import PeerIdentity

/// The address book file as a value: what this version understands of it can be read and changed, and the rest stays.
struct AddressBookDocument: Sendable {
    /// The newest version of the file that this version writes.
    static let version = 1

    private enum Field {
        static let peer = "peer_id"
        static let publicKey = "public_key"
        static let metadata = "metadata"
        static let lastSeen = "last_seen"
        static let isBlacklisted = "blacklisted"
        static let createdAt = "created_at"
        static let updatedAt = "updated_at"
        static let addresses = "multiaddrs"
        /// Not the original's, which ignores them.
        static let seenAddresses = "seen_multiaddrs"
        static let announcedAddresses = "announced_multiaddrs"

        static let known: Set<String> = [
            Self.peer, Self.publicKey, Self.metadata, Self.lastSeen, Self.isBlacklisted, Self.createdAt,
            Self.updatedAt, Self.addresses, Self.seenAddresses, Self.announcedAddresses,
        ]
    }

    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    /// The members of the file, with nothing in the place of the peers.
    private var top = JSONObject()
    private var rows: [String: JSONValue] = [:]
    /// The names of the rows that can be understood.
    private var names: [PeerID: String] = [:]
    /// How many rows cannot.
    private(set) var unreadable = 0
    /// Whether a newer version wrote it, so that writing might destroy what it means.
    private(set) var isNewer = false

    /// An empty book.
    init() {
        self.top["version"] = .number(String(Self.version))
        self.top["peers"] = .null
    }

    init(parsing bytes: [UInt8]) throws(Malformed) {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes)
        } catch {
            throw Malformed(description: "no JSON: \(error)")
        }
        guard case .object(let top) = value else { throw Malformed(description: "no JSON object") }
        self.top = top
        switch top["version"] {
        case nil, .null: self.top["version"] = .number(String(Self.version))
        case let version?: self.isNewer = version.integer.map { $0 > Self.version } ?? true
        }
        switch top["peers"] {
        case .object(let rows):
            for row in rows.members { self.rows[row.name] = row.value }
        case nil, .null: break
        default:
            // What newer versions have there is for them to know.
            guard self.isNewer else { throw Malformed(description: "the peers are no JSON object") }
        }
        // Kept as it is where it will not be written.
        if !self.isNewer { self.top["peers"] = .null }
        for (name, row) in self.rows {
            if let peer = Self.peer(name, row), self.names.updateValue(name, forKey: peer) == nil { continue }
            self.unreadable += 1
        }
    }

    private static func peer(_ name: String, _ row: JSONValue) -> PeerID? {
        guard let object = row.object, let peer = try? PeerID(name) else { return nil }
        guard let inside = object[Field.peer] else { return peer }
        return inside.text.flatMap { try? PeerID($0) } == peer ? peer : nil
    }

    /// The file.
    func encoded() -> [UInt8] {
        var peers = JSONObject()
        peers.members = self.rows.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: $0.value) }
        var file = self.top
        file["peers"] = .object(peers)
        return JSONValue.object(file).encoded(isIndented: true)
    }

    // MARK: Rows

    /// Every peer that can be understood.
    var peers: Dictionary<PeerID, String>.Keys { self.names.keys }

    func entry(of peer: PeerID) -> AddressBookEntry? {
        self.names[peer].flatMap { self.rows[$0]?.object }.map { Self.entry(peer, $0) }
    }

    /// Makes a change.
    ///
    /// - Returns: What became of the row, if that is something else than the change says.
    mutating func apply(_ change: AddressBookChange) -> AddressBookChange? {
        switch change {
        case .put(let entry):
            let merged = entry.merged(onto: self.entry(of: entry.peer))
            self.set(merged)
            return merged == entry ? nil : .put(merged)
        case .sighting(let entry):
            guard let stored = self.entry(of: entry.peer) else { return nil }
            let merged = entry.sightings(onto: stored)
            self.set(merged)
            return merged == entry ? nil : .put(merged)
        case .remove(let peer, let time):
            guard let stored = self.entry(of: peer), let name = self.names[peer] else { return nil }
            guard stored.updatedAt <= time else { return .put(stored) }
            self.names[peer] = nil
            self.rows[name] = nil
            return nil
        case .block, .unblock: return nil
        }
    }

    /// What is different here from an older document, for what can be understood.
    func changes(since older: AddressBookDocument, now: Timestamp) -> [AddressBookChange] {
        var changes: [AddressBookChange] = []
        for (peer, name) in self.names {
            guard let row = self.rows[name], older.names[peer].flatMap({ older.rows[$0] }) != row,
                let object = row.object
            else { continue }
            changes.append(.put(Self.entry(peer, object)))
        }
        for peer in older.names.keys where self.names[peer] == nil { changes.append(.remove(peer, at: now)) }
        return changes
    }

    private mutating func set(_ entry: AddressBookEntry) {
        let name = self.names[entry.peer] ?? entry.peer.description
        let object = Self.object(entry, onto: self.rows[name]?.object)
        self.names[entry.peer] = name
        self.rows[name] = .object(object)
    }

    // MARK: One row

    private static func entry(_ peer: PeerID, _ object: JSONObject) -> AddressBookEntry {
        var entry = AddressBookEntry(
            peer: peer, createdAt: Self.time(object[Field.createdAt]) ?? .distantPast,
            updatedAt: Self.time(object[Field.updatedAt]) ?? .distantPast)
        let limit = AddressBookEntry.maximumSeenAddresses
        entry.addresses = Self.addresses(object[Field.addresses], of: peer, limit: AddressBookEntry.maximumAddresses)
        entry.seenAddresses = Self.addresses(object[Field.seenAddresses], of: peer, limit: limit)
        entry.announcedAddresses = Self.addresses(object[Field.announcedAddresses], of: peer, limit: limit)
        entry.publicKey = object[Field.publicKey]?.text.flatMap(Base64Text.decode).flatMap { bytes in
            let key =
                try? bytes.count == PublicKey.ed25519Length
                ? PublicKey(ed25519: bytes) : PublicKey(protobuf: bytes)
            // A key that is not the peer's would let somebody else speak for it.
            return key.flatMap { PeerID(publicKey: $0) == peer ? $0 : nil }
        }
        for member in object[Field.metadata]?.object?.members ?? [] {
            if let text = member.value.text { entry.metadata[member.name] = text }
        }
        if let seen = Self.time(object[Field.lastSeen]), seen > .distantPast { entry.lastSeen = seen }
        entry.isBlacklisted = object[Field.isBlacklisted]?.flag ?? false
        for member in object.members where !Field.known.contains(member.name) {
            entry.unknownFields[member.name] = String(
                decoding: member.value.encoded(isIndented: false), as: UTF8.self)
        }
        return entry
    }

    /// The row of an entry: fields whose meaning has not changed stay as they were written.
    private static func object(_ entry: AddressBookEntry, onto row: JSONObject?) -> JSONObject {
        var object = row ?? JSONObject()
        let before = row.map { Self.entry(entry.peer, $0) }
        if object[Field.peer] == nil { object[Field.peer] = .string(entry.peer.description) }
        if before?.publicKey != entry.publicKey {
            object[Field.publicKey] = entry.publicKey.map { key in
                .string(Base64Text.encode(key.type == .ed25519 ? key.bytes : key.protobuf))
            }
        }
        if (before?.metadata ?? [:]) != entry.metadata {
            var metadata = JSONObject()
            for (name, value) in entry.metadata.sorted(by: { $0.key < $1.key }) { metadata[name] = .string(value) }
            object[Field.metadata] = entry.metadata.isEmpty ? nil : .object(metadata)
        }
        func set(_ time: Timestamp, _ former: Timestamp?, _ name: String) {
            if former != time || object[name] == nil { object[name] = .string(time.description) }
        }
        set(entry.lastSeen ?? .distantPast, before.map { $0.lastSeen ?? .distantPast }, Field.lastSeen)
        if before?.isBlacklisted != entry.isBlacklisted { object[Field.isBlacklisted] = .bool(entry.isBlacklisted) }
        set(entry.createdAt, before?.createdAt, Field.createdAt)
        set(entry.updatedAt, before?.updatedAt, Field.updatedAt)
        if before?.addresses != entry.addresses {
            let others = (object[Field.addresses]?.elements ?? []).filter { Self.address($0, of: entry.peer) == nil }
            object[Field.addresses] = .array(entry.addresses.map { .string($0.description) } + others)
        }
        func set(_ addresses: [Multiaddr], _ former: [Multiaddr], _ name: String) {
            guard former != addresses else { return }
            object[name] = addresses.isEmpty ? nil : .array(addresses.map { .string($0.description) })
        }
        set(entry.seenAddresses, before?.seenAddresses ?? [], Field.seenAddresses)
        set(entry.announcedAddresses, before?.announcedAddresses ?? [], Field.announcedAddresses)
        for (name, text) in entry.unknownFields.sorted(by: { $0.key < $1.key })
        where !Field.known.contains(name) && object[name] == nil {
            object[name] = try? JSONValue(parsing: Array(text.utf8))
        }
        return object
    }

    private static func time(_ value: JSONValue?) -> Timestamp? { value?.text.flatMap { Timestamp($0) } }

    private static func address(_ value: JSONValue, of peer: PeerID) -> Multiaddr? {
        guard let text = value.text, let address = try? Multiaddr(text), !address.withoutPeer.components.isEmpty,
            address.peer.map({ $0 == peer.bytes }) ?? true
        else { return nil }
        return address.withoutPeer
    }

    private static func addresses(_ value: JSONValue?, of peer: PeerID, limit: Int) -> [Multiaddr] {
        var addresses: [Multiaddr] = []
        for element in value?.elements ?? [] {
            guard addresses.count < limit else { break }
            if let address = Self.address(element, of: peer), !addresses.contains(address) { addresses.append(address) }
        }
        return addresses
    }
}
