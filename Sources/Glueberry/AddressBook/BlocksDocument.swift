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

import PeerIdentity

/// The file of blocks beside the address book file, as a value: for what the original has no field for.
struct BlocksDocument: Sendable {
    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    private static let version = 1

    private var top = JSONObject()
    private var rows: [BlacklistEntry.Subject: JSONObject] = [:]
    /// Rows that cannot be understood; they stay.
    private var others: [JSONValue] = []
    private(set) var isNewer = false

    init() {
        self.top["version"] = .number(String(Self.version))
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
        guard let rows = top["blocks"]?.elements ?? (top["blocks"] == nil || self.isNewer ? [] : nil) else {
            throw Malformed(description: "the blocks are no JSON array")
        }
        for row in rows {
            if let object = row.object, let entry = Self.entry(object) {
                self.rows[entry.subject] = object
            } else {
                self.others.append(row)
            }
        }
    }

    var unreadable: Int { self.others.count }

    var entries: [BlacklistEntry] { self.rows.values.compactMap(Self.entry) }

    mutating func apply(_ change: AddressBookChange) {
        switch change {
        case .block(let entry):
            var object = self.rows[entry.subject] ?? JSONObject()
            switch entry.subject {
            case .peer(let peer): object["peer"] = .string(peer.description)
            case .address(let address): object["address"] = .string(address.description)
            case .subnet(let subnet): object["subnet"] = .string(subnet.description)
            }
            object["created_at"] = .string(entry.createdAt.description)
            object["expires"] = entry.expires.map { .string($0.description) }
            self.rows[entry.subject] = object
        case .unblock(let subject): self.rows[subject] = nil
        case .put, .sighting, .remove: break
        }
    }

    /// Takes out the blocks that have ended.
    mutating func removeExpired(now: Timestamp) {
        self.rows = self.rows.filter { Self.entry($0.value)?.expires.map { now < $0 } ?? true }
    }

    func encoded() -> [UInt8] {
        var file = self.top
        let rows = self.rows.sorted { $0.key.description < $1.key.description }.map { JSONValue.object($0.value) }
        file["blocks"] = .array(rows + self.others)
        return JSONValue.object(file).encoded(isIndented: true)
    }

    private static func entry(_ object: JSONObject) -> BlacklistEntry? {
        let subject: BlacklistEntry.Subject
        if let text = object["peer"]?.text, let peer = try? PeerID(text) {
            subject = .peer(peer)
        } else if let text = object["address"]?.text, let address = try? IPAddress(text) {
            subject = .address(address)
        } else if let text = object["subnet"]?.text, let subnet = try? IPSubnet(text) {
            subject = .subnet(subnet)
        } else {
            return nil
        }
        var expires: Timestamp?
        if let value = object["expires"], value != .null {
            // A block whose end cannot be read is kept, not taken for one without an end.
            guard let time = value.text.flatMap({ Timestamp($0) }) else { return nil }
            expires = time
        }
        let created = object["created_at"]?.text.flatMap { Timestamp($0) } ?? .distantPast
        return BlacklistEntry(subject: subject, createdAt: created, expires: expires)
    }
}
