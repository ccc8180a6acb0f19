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

/// The bytes of multistream-select tokens, made here by hand.
enum MultistreamText {
    static let header = token("/multistream/1.0.0")
    static let notAvailable = token("na")

    static func token(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        UnsignedVarint.append(UInt64(text.utf8.count + 1), to: &bytes)
        return bytes + Array(text.utf8) + [UInt8(ascii: "\n")]
    }
}
