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

import Yamux

extension StreamPriority {
    /// The same in the multiplexer's terms, of which the node's interface says nothing: another transport may have others.
    var ofMultiplexer: YamuxStreamPriority {
        let urgency: YamuxStreamPriority.Urgency =
            switch self.urgency {
            case .low: .low
            case .normal: .normal
            case .high: .high
            }
        return YamuxStreamPriority(urgency: urgency, weight: self.weight)
    }
}
