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

/// What several tasks have noted, in the order in which they did.
final class Log<Element: Sendable>: Sendable {
    private let state = Locked<[Element]>([])

    var all: [Element] { self.state.withLock { $0 } }
    var count: Int { self.state.withLock { $0.count } }

    func append(_ element: Element) { self.state.withLock { $0.append(element) } }
}
