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

@testable import LibP2P

/// Keeps what a stream tells its consumer.
final class RecordingConsumer: StreamConsumer {
    /// Whether bytes are given back to the window as they come.
    var isConsuming: Bool
    /// What to do when the stream can be written.
    var whenReady: (MuxedStream) -> Void = { _ in }
    private(set) var stream: MuxedStream?
    private(set) var isReady = false
    private(set) var received = ByteBuffer()
    private(set) var isFinished = false
    private(set) var written = 0
    private(set) var closed: StreamCloseReason?
    private(set) var closeCount = 0

    init(isConsuming: Bool = true) {
        self.isConsuming = isConsuming
    }

    func streamReady(_ stream: MuxedStream) {
        self.stream = stream
        self.isReady = true
        self.whenReady(stream)
    }

    func streamReceived(_ bytes: ByteBuffer, on stream: MuxedStream) {
        self.received.writeImmutableBuffer(bytes)
        if self.isConsuming { stream.consumed(bytes.readableBytes) }
    }

    func streamFinished(_ stream: MuxedStream) { self.isFinished = true }

    func streamWritten(_ bytes: Int, on stream: MuxedStream) { self.written += bytes }

    func streamClosed(_ reason: StreamCloseReason, stream: MuxedStream) {
        self.closed = reason
        self.closeCount += 1
        self.stream = nil
    }
}
