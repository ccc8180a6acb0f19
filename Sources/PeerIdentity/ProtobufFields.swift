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

/// Encoded protobuf fields, written in the order of the calls.
///
/// For what is hashed, signed or compared: those bytes must be the same for ever, and protobuf libraries promise
/// neither the order of fields nor the same bytes from one version to the next.
struct ProtobufFields {
    private(set) var bytes: [UInt8] = []

    /// Field numbers are constants of the schemas.
    mutating func append(_ number: UInt64, integer: UInt64) {
        UnsignedVarint.append(number << 3, to: &bytes)
        UnsignedVarint.append(integer, to: &bytes)
    }

    mutating func append(_ number: UInt64, bytes value: [UInt8]) {
        let lengthDelimited: UInt64 = 2
        UnsignedVarint.append(number << 3 | lengthDelimited, to: &bytes)
        UnsignedVarint.append(UInt64(value.count), to: &bytes)
        bytes.append(contentsOf: value)
    }
}
