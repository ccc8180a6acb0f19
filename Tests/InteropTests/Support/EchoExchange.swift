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

import Crypto
import NIOCore

/// A stream of either implementation, as far as the tests treat them alike.
protocol InteropStream: Sendable {
    /// At least one byte; nil at the end.
    func read() async throws -> ByteBuffer?
    func write(_ bytes: ByteBuffer) async throws
    /// Nothing more will be written.
    func finish() async
}

extension GoDaemonStream: InteropStream {
    func read() async throws -> ByteBuffer? {
        try await bytes.read()
    }

    func write(_ bytes: ByteBuffer) async throws {
        try await self.bytes.write(bytes)
    }

    func finish() async {
        await bytes.finish()
    }
}

extension InteropStream {
    /// Reads until so many bytes are there or the stream ends.
    func read(total count: Int) async throws -> ByteBuffer {
        var received = ByteBuffer()
        while received.readableBytes < count, var bytes = try await read() {
            received.writeBuffer(&bytes)
        }
        return received
    }

    /// Reads until the end.
    func readToEnd() async throws -> ByteBuffer {
        try await read(total: .max)
    }

    /// Writes the payload while it reads as many bytes; returns what came back.
    func exchange(_ payload: ByteBuffer, chunk: Int = 64 * 1024) async throws -> ByteBuffer {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var rest = payload
                while let part = rest.readSlice(length: min(chunk, rest.readableBytes)), part.readableBytes > 0 {
                    try await write(part)
                }
            }
            let received = try await read(total: payload.readableBytes)
            try await group.waitForAll()
            return received
        }
    }
}

/// The SHA-256 of a buffer's readable bytes.
func digest(_ bytes: ByteBuffer) -> SHA256.Digest {
    bytes.withUnsafeReadableBytes { SHA256.hash(data: $0) }
}

/// Sends everything back until the other side finishes, then finishes too.
func echoUntilEnd(_ stream: any InteropStream) async throws {
    while let bytes = try await stream.read() {
        try await stream.write(bytes)
    }
    await stream.finish()
}

/// Serves each incoming stream of a protocol with `handler` while `body` runs.
func serving<Result: Sendable>(
    _ protocolID: String,
    on daemon: GoDaemon,
    with handler: @escaping @Sendable (any InteropStream) async throws -> Void,
    while body: () async throws -> Result
) async throws -> Result {
    let incoming = try await daemon.control.streams(of: protocolID)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
            await withDiscardingTaskGroup { handlers in
                do {
                    for try await stream in incoming {
                        handlers.addTask {
                            try? await handler(stream)
                            await stream.bytes.close()
                        }
                    }
                } catch {
                    // A connection that ended before its first message is no stream.
                }
                handlers.cancelAll()
            }
        }
        defer { group.cancelAll() }
        return try await body()
    }
}
