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

/// Messages on an open stream: written, framed, received, and consumed.
struct YamuxMessageWorkload: Workload {
    let name: String
    /// The bytes of a message.
    let size: Int
    /// How many messages are written before anything is framed.
    var batch = 1

    func run(_ count: Int) throws {
        try check(count.isMultiple(of: self.batch), "the count is to be a multiple of \(self.batch)")
        var pair = YamuxPair()
        let stream = try pair.openStream()
        try pair.carry()
        let message = ByteBuffer(repeating: YamuxSide.filling, count: self.size)
        for _ in 0..<count / self.batch {
            for _ in 0..<self.batch {
                try pair.client.session.write(message, on: stream)
            }
            try pair.carry()
        }
        try check(pair.server.receivedBytes == count * self.size, "\(pair.server.receivedBytes) bytes arrived")
    }
}
