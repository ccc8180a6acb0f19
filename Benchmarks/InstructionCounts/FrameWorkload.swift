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

import Glueberry
import NIOCore

/// A message of 64 bytes put into a plain frame of a named stream, and taken out of it.
struct FrameWorkload: Workload {
    let version: StreamVersion

    var name: String {
        switch self.version {
        case .one: "frame-1.0.0"
        case .two: "frame-2.0.0"
        }
    }

    func run(_ count: Int) throws {
        let payload = ByteBuffer(repeating: 0x5a, count: 64)
        let decoder = FrameDecoder(maximumPayload: 64 * 1024, version: self.version)
        var last = ByteBuffer()
        for _ in 0..<count {
            var frame = Frame.encode(payload, version: self.version)
            guard let found = try decoder.next(&frame) else { throw WrongResult("a frame was not complete") }
            try check(
                found.readableBytes == 64 && frame.readableBytes == 0, "a frame held \(found.readableBytes) bytes")
            last = found
        }
        try check(last == payload, "another message was taken out than put in")
    }
}
