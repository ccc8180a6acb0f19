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

/// Something that happens once and that any number of tasks wait for.
final class Occasion: Sendable {
    private let state = Locked((hasHappened: false, waiters: [Settlement<Void, Never>]()))

    /// Waits until it has happened.
    func wait() async {
        let waiter = Settlement<Void, Never>()
        self.notify(waiter)
        _ = await waiter.value()
    }

    /// Settles `waiter` when it happens, or at once if it has.
    func notify(_ waiter: Settlement<Void, Never>) {
        let hasHappened = self.state.withLock { state in
            if !state.hasHappened { state.waiters.append(waiter) }
            return state.hasHappened
        }
        if hasHappened { waiter.succeed() }
    }

    func happen() {
        let waiters = self.state.withLock { state in
            state.hasHappened = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.succeed() }
    }
}
