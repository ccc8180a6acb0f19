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

/// A frame as it stands on the wire, put together and taken apart without the code under test.
struct WireFrame: Hashable, CustomStringConvertible {
    static let data: UInt8 = 0
    static let windowUpdate: UInt8 = 1
    static let ping: UInt8 = 2
    static let goAway: UInt8 = 3

    static let syn: UInt16 = 1
    static let ack: UInt16 = 2
    static let fin: UInt16 = 4
    static let rst: UInt16 = 8

    var type: UInt8
    var flags: UInt16
    var id: UInt32
    var value: UInt32
    var payload: [UInt8] = []

    var bytes: [UInt8] {
        func bigEndian(_ value: UInt32) -> [UInt8] {
            [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
        }
        return [0, self.type, UInt8(self.flags >> 8), UInt8(self.flags & 0xFF)] + bigEndian(self.id)
            + bigEndian(self.value) + self.payload
    }

    var description: String {
        "(type \(self.type) flags \(self.flags) id \(self.id) value \(self.value) payload \(self.payload.count))"
    }

    static func data(_ flags: UInt16, _ id: UInt32, _ payload: [UInt8]) -> WireFrame {
        WireFrame(type: self.data, flags: flags, id: id, value: UInt32(payload.count), payload: payload)
    }

    /// A data frame's header alone.
    static func announce(_ flags: UInt16, _ id: UInt32, _ length: UInt32) -> WireFrame {
        WireFrame(type: self.data, flags: flags, id: id, value: length)
    }

    static func update(_ flags: UInt16, _ id: UInt32, _ value: UInt32) -> WireFrame {
        WireFrame(type: self.windowUpdate, flags: flags, id: id, value: value)
    }

    static func ping(_ flags: UInt16, _ value: UInt32) -> WireFrame {
        WireFrame(type: self.ping, flags: flags, id: 0, value: value)
    }

    static func goAway(_ code: UInt32) -> WireFrame {
        WireFrame(type: self.goAway, flags: 0, id: 0, value: code)
    }

    /// The whole frames at the front of `bytes`, which are removed.
    static func parse(_ bytes: inout [UInt8]) -> [WireFrame] {
        var frames: [WireFrame] = []
        var offset = 0
        while bytes.count - offset >= 12 {
            func number(_ start: Int, _ count: Int) -> UInt32 {
                bytes[(offset + start)..<(offset + start + count)].reduce(0) { $0 << 8 | UInt32($1) }
            }
            var frame = WireFrame(
                type: bytes[offset + 1],
                flags: UInt16(number(2, 2)),
                id: number(4, 4),
                value: number(8, 4)
            )
            let length = frame.type == Self.data ? Int(frame.value) : 0
            guard bytes.count - offset >= 12 + length else { break }
            frame.payload = Array(bytes[(offset + 12)..<(offset + 12 + length)])
            frames.append(frame)
            offset += 12 + length
        }
        bytes.removeFirst(offset)
        return frames
    }
}
