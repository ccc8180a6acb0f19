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

/// How far one attempt of a dial has got; written by the connection's driver, read by whoever asks.
final class DialProgress: Sendable {
    private let reached: Locked<DialAttempt.Stage>

    init(_ stage: DialAttempt.Stage = .connecting) {
        self.reached = Locked(stage)
    }

    var stage: DialAttempt.Stage { self.reached.withLock { $0 } }

    func reach(_ stage: DialAttempt.Stage) { self.reached.withLock { $0 = stage } }
}
