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

import Synchronization

/// How much of what ended sessions have left is not read yet, of all peers together.
///
/// A peer that stays is held up by its window. One that comes back under another name each time would not be, so a node
/// takes no further sessions from peers that dial while there is too much.
final class LeftoverLedger: Sendable {
    private let total = Atomic<Int>(0)

    /// Bytes, with what messages take beside their payloads.
    var bytes: Int { self.total.load(ordering: .relaxed) }

    func add(_ bytes: Int) { self.total.wrappingAdd(bytes, ordering: .relaxed) }
}
