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

/// The tasks that wait for a peer to reach a state.
struct PeerWaiters {
    private var settlements: [Settlement<Void, GlueberryError>] = []

    /// Whether anybody still waits: those that were cancelled or timed out are settled.
    var isEmpty: Bool { self.settlements.allSatisfy(\.isSettled) }

    mutating func add(_ waiter: Settlement<Void, GlueberryError>) {
        self.settlements.removeAll { $0.isSettled }
        self.settlements.append(waiter)
    }

    mutating func succeed() {
        for waiter in self.takeAll() { waiter.succeed() }
    }

    mutating func fail(_ error: GlueberryError) {
        for waiter in self.takeAll() { waiter.fail(error) }
    }

    private mutating func takeAll() -> [Settlement<Void, GlueberryError>] {
        defer { self.settlements = [] }
        return self.settlements
    }
}
