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

/// As much of protobuf's wire format as p2pd's control protocol and identify need.
struct ProtobufFields {
    private(set) var varints: [Int: [UInt64]] = [:]
    private(set) var values: [Int: [[UInt8]]] = [:]

    init(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let key = try Self.takeVarint(from: &rest)
            let number = Int(key >> 3)
            switch key & 7 {
            case 0:
                varints[number, default: []].append(try Self.takeVarint(from: &rest))
            case 2:
                let length = try Self.takeVarint(from: &rest)
                guard length <= UInt64(rest.count) else {
                    throw ProtobufFieldsError()
                }
                values[number, default: []].append(Array(rest.prefix(Int(length))))
                rest = rest.dropFirst(Int(length))
            default:
                throw ProtobufFieldsError()
            }
        }
    }

    /// The last value of a field that holds bytes.
    func bytes(_ number: Int) -> [UInt8]? {
        values[number]?.last
    }

    /// The last value of a field that holds text.
    func text(_ number: Int) -> String? {
        bytes(number).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The last value of a field that holds a number.
    func number(_ number: Int) -> UInt64? {
        varints[number]?.last
    }

    private static func takeVarint(from bytes: inout ArraySlice<UInt8>) throws -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<10 {
            guard let byte = bytes.popFirst() else {
                throw ProtobufFieldsError()
            }
            value |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte < 0x80 {
                return value
            }
        }
        throw ProtobufFieldsError()
    }
}

/// A message that is truncated or uses a wire type that does not occur.
struct ProtobufFieldsError: Error {}

/// Writes the fields of a protobuf message in the order of the calls.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func varint(_ number: Int, _ value: UInt64) {
        append(varint: UInt64(number) << 3)
        append(varint: value)
    }

    mutating func value(_ number: Int, _ value: [UInt8]) {
        append(varint: UInt64(number) << 3 | 2)
        append(varint: UInt64(value.count))
        bytes += value
    }

    /// A message as the value of a field.
    mutating func message(_ number: Int, _ build: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        build(&inner)
        value(number, inner.bytes)
    }

    /// The message with its length before it.
    var delimited: [UInt8] {
        var writer = ProtobufWriter()
        writer.append(varint: UInt64(bytes.count))
        return writer.bytes + bytes
    }

    private mutating func append(varint: UInt64) {
        var rest = varint
        while rest > 0x7f {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
