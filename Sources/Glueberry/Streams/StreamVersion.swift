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

/// The version of a named stream's protocol: how messages lie on it.
package enum StreamVersion: UInt8, Sendable {
    /// `1.0.0`: two lengths, then the message sealed with the key of the pair.
    case one = 1
    /// `2.0.0`: one length, then the message as it is, which the secured connection alone protects.
    case two = 2

    /// What a protocol ID ends in.
    var suffix: String {
        switch self {
        case .one: "/1.0.0"
        case .two: "/2.0.0"
        }
    }
}
