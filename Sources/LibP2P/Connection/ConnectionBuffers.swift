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

/// What the connections of an event loop open their reads in, and frame and seal their writes, one after another.
///
/// A large read or write would otherwise have the system find its memory anew, page by page. Kept per connection it would
/// add up with many peers; per event loop it is the memory of one read and one write.
///
/// `@unchecked Sendable`: each belongs to one thread, and is reached through ``current`` alone.
final class ConnectionBuffers: @unchecked Sendable {
    /// What is larger is given up after its use.
    private static let largestKept = 512 * 1024

    private static let ofThread = ThreadSpecificVariable<ConnectionBuffers>()

    /// What the records of one read contained.
    ///
    /// While a stream still has a part of it, the next read gets other memory.
    var plaintext = ByteBuffer()

    /// The frames of the multiplexer.
    var frames = ByteBuffer()
    /// The records of the security layer.
    ///
    /// While the transport still has those of one write, the next gets other memory.
    var records = ByteBuffer()

    /// Those of the calling thread.
    static var current: ConnectionBuffers {
        if let buffers = self.ofThread.currentValue { return buffers }
        let buffers = ConnectionBuffers()
        self.ofThread.currentValue = buffers
        return buffers
    }

    /// Gives up what is too large to be kept.
    func trim() {
        if self.plaintext.storageCapacity > Self.largestKept { self.plaintext = ByteBuffer() }
        if self.frames.storageCapacity > Self.largestKept { self.frames = ByteBuffer() }
        if self.records.storageCapacity > Self.largestKept { self.records = ByteBuffer() }
    }
}
