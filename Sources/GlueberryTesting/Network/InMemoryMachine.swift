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

/// What runs one node in an ``InMemoryNetwork``: an address, and a process that can die.
///
/// A node that is made anew with the same identity gets the same address and a process of its own.
final class InMemoryMachine: Sendable {
    /// Unique in the network; the address is made from it.
    let number: Int
    private let state = SystemLocked((isDead: false, isPoweredOff: false))

    init(number: Int) {
        self.number = number
    }

    var host: String { "10.\(self.number >> 16 & 0xFF).\(self.number >> 8 & 0xFF).\(self.number & 0xFF)" }
    var isDead: Bool { self.state.withLock { $0.isDead } }
    var isPoweredOff: Bool { self.state.withLock { $0.isPoweredOff } }

    func die() { self.state.withLock { $0.isDead = true } }
    func powerOff() { self.state.withLock { $0 = (true, true) } }
}
