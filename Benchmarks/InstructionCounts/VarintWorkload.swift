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

import Multiformats

/// An integer of three bytes, as it is the length of a message of 64 KiB, written and read.
struct VarintWorkload: Workload {
    let name = "varint"

    func run(_ count: Int) throws {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(UnsignedVarint.maximumLength)
        var written: UInt64 = 0
        var read: UInt64 = 0
        for index in 0..<count {
            // Not always the same, or all of it could be done while compiling.
            let value = UInt64(65_536 + index & 0xff)
            bytes.removeAll(keepingCapacity: true)
            UnsignedVarint.append(value, to: &bytes)
            guard let decoded = try UnsignedVarint.decode(bytes) else {
                throw WrongResult("an integer was not read as a whole")
            }
            written &+= value
            read &+= decoded.value
        }
        try check(read == written, "other integers were read than written")
        try check(bytes.count == 3, "an integer took \(bytes.count) bytes")
    }
}
