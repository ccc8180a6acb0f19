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

/// A number of bytes on the command line: `4096`, `64KiB`, `10MiB`, `2GiB`, also `k`, `m`, `g` for the same units.
struct ByteCountOption: ExpressibleByArgument, Equatable, CustomStringConvertible {
    let bytes: Int
    let description: String

    /// Reads a size above zero; nil if it is none, or larger than fits.
    init?(argument: String) {
        let digits = argument.utf8.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        guard let count = Int(String(decoding: digits, as: UTF8.self)), count > 0 else { return nil }
        let factor: Int
        switch String(decoding: argument.utf8.dropFirst(digits.count), as: UTF8.self).lowercased() {
        case "", "b": factor = 1
        case "k", "kib": factor = 1024
        case "m", "mib": factor = 1024 * 1024
        case "g", "gib": factor = 1024 * 1024 * 1024
        default: return nil
        }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow else { return nil }
        self.bytes = bytes
        self.description = argument
    }

    /// So many MiB, for defaults.
    init(mebibytes: UInt16) {
        self.bytes = Int(mebibytes) * 1024 * 1024
        self.description = "\(mebibytes)MiB"
    }

    var defaultValueDescription: String { self.description }
}
