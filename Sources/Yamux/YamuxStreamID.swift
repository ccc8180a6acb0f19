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

/// The number of a stream within one yamux session.
///
/// The client (the side that dialled) opens streams with odd numbers, the server with even ones. Zero stands for the
/// session itself and never names a stream. A number is used once in the life of a session.
public struct YamuxStreamID: Hashable, Sendable, CustomStringConvertible {
    /// The number as it stands in a frame header.
    public let rawValue: UInt32

    /// Creates an ID from the number in a frame header.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// The number in decimal digits.
    public var description: String { String(rawValue) }
}
