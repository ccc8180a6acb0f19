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

import Crypto
import Multiformats

/// The sum of many SHA-256 digests, the same in whatever order they came.
///
/// Each digest is four numbers of 64 bits, most significant byte first, and each of the four is added up modulo 2⁶⁴. Two
/// sides that print the same sum and count have seen the same messages: a lost, doubled or altered one changes it.
struct DigestSum: Equatable {
    private var lanes: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    static func == (left: DigestSum, right: DigestSum) -> Bool { left.lanes == right.lanes }

    mutating func add(_ digest: SHA256Digest) {
        digest.withUnsafeBytes { bytes in
            func lane(_ index: Int) -> UInt64 {
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
            }
            self.lanes.0 &+= lane(0)
            self.lanes.1 &+= lane(1)
            self.lanes.2 &+= lane(2)
            self.lanes.3 &+= lane(3)
        }
    }

    /// The sum in 64 hexadecimal digits.
    var text: String {
        [self.lanes.0, self.lanes.1, self.lanes.2, self.lanes.3].map { lane in
            let digits = String(lane, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
