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

/// The frame that every Noise message travels in: its length in two bytes, big-endian, and the message.
enum NoiseFrame {
    /// The length of the length, in bytes.
    static let headerLength = 2

    /// The longest message, in bytes.
    static let maximumMessageLength = 65535

    /// Appends a frame with a handshake message to `output`.
    static func write(_ message: [UInt8], into output: inout ByteBuffer) throws(NoiseError) {
        guard let length = UInt16(exactly: message.count) else {
            throw NoiseError(.invalidLength, "a message of \(message.count) bytes does not fit into a frame")
        }
        output.writeInteger(length)
        output.writeBytes(message)
    }

    /// Consumes the frame at the start of `input` and returns the message in it, or nil if not all of it has arrived.
    ///
    /// - Throws: `NoiseError` with the code `invalidLength` as soon as a length that is not allowed is announced.
    static func read(
        from input: inout ByteBuffer,
        lengths: ClosedRange<Int>
    ) throws(NoiseError) -> [UInt8]? {
        guard let announced = input.getInteger(at: input.readerIndex, as: UInt16.self) else { return nil }
        let length = Int(announced)
        guard lengths.contains(length) else {
            throw NoiseError(
                .invalidLength,
                "a handshake message has \(length) bytes, not \(lengths.lowerBound) to \(lengths.upperBound)"
            )
        }
        let start = input.readerIndex + self.headerLength
        guard let message = input.getBytes(at: start, length: length) else { return nil }
        input.moveReaderIndex(forwardBy: self.headerLength + length)
        return message
    }
}
