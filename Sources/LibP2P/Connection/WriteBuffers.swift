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
import NIOPosix

/// What the connections of an event loop frame and seal their writes in, one after another.
///
/// A large write would otherwise have the system find its memory anew, page by page. Kept per connection it would add up with
/// many peers; per event loop it is the memory of one write.
///
/// `@unchecked Sendable`: each belongs to one thread, and is reached through ``current`` alone.
final class WriteBuffers: @unchecked Sendable {
    /// What is larger is given up after the write.
    private static let largestKept = 256 * 1024

    private static let ofThread = ThreadSpecificVariable<WriteBuffers>()

    /// The frames of the multiplexer.
    var frames = ByteBuffer()
    /// The records of the security layer.
    ///
    /// While the transport still has those of one write, the next gets other memory.
    var records = ByteBuffer()

    /// Those of the calling thread.
    static var current: WriteBuffers {
        if let buffers = self.ofThread.currentValue { return buffers }
        let buffers = WriteBuffers()
        self.ofThread.currentValue = buffers
        return buffers
    }

    /// Gives up what is too large to be kept.
    func trim() {
        if self.frames.storageCapacity > Self.largestKept { self.frames = ByteBuffer() }
        if self.records.storageCapacity > Self.largestKept { self.records = ByteBuffer() }
    }
}
