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

import ArgumentParser
import Glueberry

/// What happens when a queue of received messages is full.
enum ReceivePolicyOption: String, CaseIterable, ExpressibleByArgument {
    case backpressure
    case dropNewest
    case dropOldest
    case disconnect

    /// Tells a configuration.
    ///
    /// - Throws: ``CommandFailure`` if the library has no such policy.
    func apply(to configuration: inout NodeConfiguration) throws(CommandFailure) {
        guard self == .backpressure else {
            throw CommandFailure("the policy \(self.rawValue) is not built in; only backpressure is", status: 64)
        }
    }
}
