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

import NIOCore
import PeerIdentity

/// The blocks that are in force, as a value: looked up by peer and by address, each until its deadline.
struct BlockList: Sendable {
    struct Block: Sendable {
        var entry: BlacklistEntry
        /// When it ends, on the clock of the event loop; nil if it does not.
        var deadline: NIODeadline?

        func holds(at now: NIODeadline) -> Bool { self.deadline.map { now < $0 } ?? true }
    }

    /// The subnets of one kind that have prefixes of the same length are found with one look-up.
    private struct Shape: Hashable {
        var octets: Int
        var prefixLength: Int
    }

    private var blocks: [BlacklistEntry.Subject: Block] = [:]
    private var shapes: [Shape: Int] = [:]

    var count: Int { self.blocks.count }

    subscript(subject: BlacklistEntry.Subject) -> Block? { self.blocks[subject] }

    mutating func insert(_ block: Block) {
        if self.blocks.updateValue(block, forKey: block.entry.subject) == nil { self.count(block.entry.subject, 1) }
    }

    @discardableResult
    mutating func remove(_ subject: BlacklistEntry.Subject) -> Block? {
        guard let removed = self.blocks.removeValue(forKey: subject) else { return nil }
        self.count(subject, -1)
        return removed
    }

    private mutating func count(_ subject: BlacklistEntry.Subject, _ change: Int) {
        guard case .subnet(let subnet) = subject else { return }
        let shape = Shape(octets: subnet.address.bytes.count, prefixLength: subnet.prefixLength)
        let count = self.shapes[shape, default: 0] + change
        self.shapes[shape] = count > 0 ? count : nil
    }

    /// The block that keeps a peer out.
    func block(of peer: PeerID, now: NIODeadline) -> BlacklistEntry? { self.block(.peer(peer), now) }

    /// The block that keeps an address out: its own, or that of a subnet it is in.
    func block(of address: IPAddress, now: NIODeadline) -> BlacklistEntry? {
        guard !self.blocks.isEmpty else { return nil }
        if let own = self.block(.address(address), now) { return own }
        for shape in self.shapes.keys where shape.octets == address.bytes.count {
            if let subnet = IPSubnet(address, prefixLength: shape.prefixLength),
                let found = self.block(.subnet(subnet), now)
            {
                return found
            }
        }
        return nil
    }

    private func block(_ subject: BlacklistEntry.Subject, _ now: NIODeadline) -> BlacklistEntry? {
        guard let block = self.blocks[subject], block.holds(at: now) else { return nil }
        return block.entry
    }

    /// The blocks in force.
    func all(now: NIODeadline) -> [BlacklistEntry] {
        self.blocks.values.filter { $0.holds(at: now) }.map(\.entry)
    }

    /// When the next block ends.
    var nextDeadline: NIODeadline? { self.blocks.values.compactMap(\.deadline).min() }

    /// Takes out the blocks that have ended.
    mutating func removeExpired(now: NIODeadline) -> [BlacklistEntry] {
        let ended = self.blocks.values.filter { !$0.holds(at: now) }.map(\.entry)
        for entry in ended { self.remove(entry.subject) }
        return ended
    }
}
