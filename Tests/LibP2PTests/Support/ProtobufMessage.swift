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

/// Protobuf fields and delimited messages, made here by hand.
enum ProtobufMessage {
    static func field(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
        self.varint(number << 3 | 2) + self.varint(UInt64(content.count)) + content
    }

    static func field(_ number: UInt64, _ text: String) -> [UInt8] { self.field(number, Array(text.utf8)) }

    static func delimited(_ message: [UInt8]) -> [UInt8] { self.varint(UInt64(message.count)) + message }

    private static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        UnsignedVarint.append(value, to: &bytes)
        return bytes
    }
}
