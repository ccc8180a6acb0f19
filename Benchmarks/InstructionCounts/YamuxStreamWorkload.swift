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
import Yamux

/// The life of a stream, of both sides: opened, 64 bytes, finished by one side, finished by the other, closed.
struct YamuxStreamWorkload: Workload {
    let name = "yamux-stream"

    func run(_ count: Int) throws {
        var pair = YamuxPair()
        let message = ByteBuffer(repeating: YamuxSide.filling, count: 64)
        for _ in 0..<count {
            let stream = try pair.openStream()
            try pair.client.session.write(message, on: stream)
            pair.client.session.finish(stream)
            try pair.carry()
            pair.server.session.finish(stream)
            try pair.carry()
        }
        try check(pair.server.receivedBytes == count * 64, "\(pair.server.receivedBytes) bytes arrived")
        try check(
            pair.client.closedStreams == count && pair.server.closedStreams == count,
            "\(pair.client.closedStreams) and \(pair.server.closedStreams) streams were closed")
        try check(
            pair.client.session.streamCount == 0 && pair.server.session.streamCount == 0, "streams were left open")
    }
}
