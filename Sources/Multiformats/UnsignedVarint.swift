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

/// Unsigned LEB128 integers of 1 to 10 bytes, as multiformats and protobuf write them.
///
/// The multiformats specification allows 9 bytes; the tenth is taken as well because the frames of Glueberry and
/// protobuf use the whole range of 64 bits.
///
/// All of it can be inlined: a length is read with each message, and a collection whose type the compiler does not know
/// costs several calls for each of its bytes.
public enum UnsignedVarint {
    /// The length in bytes of the longest encoding of a 64-bit value.
    @inlinable public static var maximumLength: Int { 10 }

    /// The number of bytes, 1 to 10, that the minimal encoding of `value` takes.
    @inlinable public static func length(of value: UInt64) -> Int {
        value == 0 ? 1 : (UInt64.bitWidth - value.leadingZeroBitCount + 6) / 7
    }

    /// Appends the minimal encoding of `value` to `bytes`.
    @inlinable public static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Reads the integer at the start of `bytes`; what follows it is not looked at.
    ///
    /// - Parameters:
    ///   - bytes: bytes that begin with an encoded integer, or with a part of one.
    ///   - requireMinimal: whether an encoding with needless zero bytes at its end is an error.
    /// - Returns: the value and the number of bytes it took, or `nil` when `bytes` ends before the integer does.
    /// - Throws: ``UnsignedVarintError`` when more than 10 bytes are announced, the value exceeds 64 bits, or the
    ///   encoding is longer than it has to be and `requireMinimal` is true. These are known from at most 10 bytes.
    @inlinable public static func decode(
        _ bytes: some Collection<UInt8>,
        requireMinimal: Bool = true
    ) throws(UnsignedVarintError) -> (value: UInt64, length: Int)? {
        var value: UInt64 = 0
        var length = 0
        for byte in bytes {
            // At most the tenth byte is reached, so the shift is at most 63.
            let bits = UInt64(byte & 0x7f)
            let shift = UInt64(7 * length)
            length += 1
            if length == maximumLength {
                if byte >= 0x80 { throw UnsignedVarintError(.tooLong) }
                if bits > 1 { throw UnsignedVarintError(.overflow) }
            }
            value |= bits << shift
            if byte < 0x80 {
                if requireMinimal, byte == 0, length > 1 { throw UnsignedVarintError(.notMinimal) }
                return (value, length)
            }
        }
        return nil
    }
}

/// Why bytes are not an unsigned variable-length integer.
public struct UnsignedVarintError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: Hashable, Sendable {
        /// The tenth byte announces an eleventh.
        case tooLong
        /// The value does not fit into 64 bits.
        case overflow
        /// The encoding ends in zero bits that a shorter encoding would leave out.
        case notMinimal
    }

    /// What went wrong.
    public let code: Code

    @usableFromInline init(_ code: Code) {
        self.code = code
    }

    /// One line for people.
    public var message: String {
        switch code {
        case .tooLong: "varint is longer than 10 bytes"
        case .overflow: "varint exceeds 64 bits"
        case .notMinimal: "varint is not encoded in the fewest bytes"
        }
    }

    /// The same as ``message``.
    public var description: String { message }
}
