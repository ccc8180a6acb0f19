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

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file to be sent, held open; it is read once, from its beginning to its end.
final class SourceFile: Sendable {
    /// The length that it had when it was opened, which is what is sent.
    let size: UInt64
    /// The last component of its path.
    let name: String
    private let path: String
    private let descriptor: Int32

    /// Opens a regular file.
    init(_ path: String) throws(CommandFailure) {
        self.path = TerminalText.line(path, limit: 256)
        self.name = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[$0...].dropFirst()) } ?? path
        // O_NONBLOCK: opening a named pipe without a writer must not wait for one.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw CommandFailure(
                "the file '\(self.path)' cannot be read: \(SystemError.describe(errno)); check its name and mode")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, mode_t(status.st_mode) & mode_t(S_IFMT) == mode_t(S_IFREG),
            let size = UInt64(exactly: status.st_size)
        else {
            _ = close(descriptor)
            throw CommandFailure("'\(self.path)' is no regular file; only those can be sent")
        }
        self.descriptor = descriptor
        self.size = size
    }

    deinit { _ = close(self.descriptor) }

    /// Appends the next `length` bytes to a buffer.
    func read(_ length: Int, into buffer: ByteBuffer) throws(CommandFailure) -> ByteBuffer {
        var buffer = buffer
        let descriptor = self.descriptor
        var count: Int?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { room in
            count = Descriptor.readFully(UnsafeMutableRawBufferPointer(rebasing: room.prefix(length)), from: descriptor)
            return count ?? 0
        }
        guard let count else {
            throw CommandFailure("the file '\(self.path)' cannot be read: \(SystemError.describe(errno))")
        }
        guard count == length else {
            throw CommandFailure("the file '\(self.path)' became shorter while it was read; try again")
        }
        return buffer
    }

    /// Checks that it is still as long as it was.
    func checkUnchanged() throws(CommandFailure) {
        var status = stat()
        guard fstat(self.descriptor, &status) == 0, UInt64(exactly: status.st_size) == self.size else {
            throw CommandFailure("the file '\(self.path)' changed while it was sent; send it again")
        }
    }
}
