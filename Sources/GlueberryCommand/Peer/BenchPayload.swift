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

import NIOCore

/// The messages of a benchmark: the number of the message in the first eight bytes, then bytes that stay the same.
struct BenchPayload {
    private var buffer: ByteBuffer
    private let isNumbered: Bool

    init(size: Int) {
        self.buffer = ByteBufferAllocator().buffer(capacity: size)
        self.buffer.writeBytes((0..<size).lazy.map { UInt8(truncatingIfNeeded: $0) })
        self.isNumbered = size >= 8
    }

    /// The message of a number.
    ///
    /// Its memory is used again for the next one if nobody keeps it.
    mutating func message(_ number: UInt64) -> ByteBuffer {
        if self.isNumbered { self.buffer.setInteger(number, at: 0) }
        return self.buffer
    }

    /// The number in a message; nil if it is too short to have one.
    static func number(of message: ByteBuffer) -> UInt64? {
        message.getInteger(at: message.readerIndex)
    }
}
