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

/// The kinds of frame that yamux knows (specification, "Type Field").
enum FrameType: UInt8, Sendable {
    case data = 0
    case windowUpdate = 1
    case ping = 2
    case goAway = 3
}

/// The flags of a frame (specification, "Flag Field"); bits without a meaning are kept and ignored.
struct FrameFlags: OptionSet, Hashable, Sendable {
    let rawValue: UInt16

    /// Opens a stream, or marks a ping as a request.
    static let synchronize = FrameFlags(rawValue: 1)
    /// Accepts a stream, or marks a ping as a reply.
    static let acknowledge = FrameFlags(rawValue: 2)
    /// Ends the data of the sender.
    static let finish = FrameFlags(rawValue: 4)
    /// Ends the stream at once, both ways.
    static let reset = FrameFlags(rawValue: 8)
}

/// The twelve bytes in front of every frame, in network byte order.
///
/// The fields are kept as they came: whether a version, type or combination is legal is for the session to say, so that
/// the error can name what was wrong.
struct FrameHeader: Hashable, Sendable {
    /// The size of a header in bytes.
    static let length = 12

    var version: UInt8 = 0
    var type: UInt8
    var flags: FrameFlags
    var streamID: UInt32
    /// Payload bytes, window delta, error code, or a ping's opaque value: the type and the flags tell which.
    var value: UInt32

    init(_ type: FrameType, _ flags: FrameFlags = [], streamID: UInt32, value: UInt32) {
        self.type = type.rawValue
        self.flags = flags
        self.streamID = streamID
        self.value = value
    }

    /// Takes a header off the front of `buffer`, or nothing when fewer than twelve bytes are there.
    init?(readingFrom buffer: inout ByteBuffer) {
        guard
            let fields = buffer.readMultipleIntegers(as: (UInt8, UInt8, UInt16, UInt32, UInt32).self)
        else {
            return nil
        }
        self.version = fields.0
        self.type = fields.1
        self.flags = FrameFlags(rawValue: fields.2)
        self.streamID = fields.3
        self.value = fields.4
    }

    /// Appends the twelve bytes to `buffer`.
    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(self.version, self.type, self.flags.rawValue, self.streamID, self.value)
    }
}
