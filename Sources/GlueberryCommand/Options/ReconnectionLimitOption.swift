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

/// How long a peer is tried again: a number of tries, or the longest delay between two.
enum ReconnectionLimitOption: ExpressibleByArgument, CustomStringConvertible {
    case attempts(Int)
    case delay(TimeOption)

    init?(argument: String) {
        if let count = Int(argument), count >= 0 {
            self = .attempts(count)
        } else if let time = TimeOption(argument: argument) {
            self = .delay(time)
        } else {
            return nil
        }
    }

    var description: String {
        switch self {
        case .attempts(let count): "\(count)"
        case .delay(let time): time.description
        }
    }

    var defaultValueDescription: String { self.description }
}
