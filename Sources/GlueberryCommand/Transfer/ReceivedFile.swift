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

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that is being received, under a hidden temporary name until it is complete and checked.
///
/// It gets its own name by a hard link, which fails if there is anything of that name: nothing is overwritten and no
/// symbolic link is followed. What is not finished is removed.
final class ReceivedFile {
    let name: FileName
    let size: UInt64
    private(set) var received: UInt64 = 0
    private let directory: ReceivingDirectory
    private let temporary: String
    private var descriptor: Int32
    private var digest = SHA256()

    /// Creates the temporary file.
    init(_ name: FileName, size: UInt64, in directory: ReceivingDirectory) throws(CommandFailure) {
        guard !directory.contains(name) else { throw CommandFailure("there is a file of that name already") }
        if let free = directory.freeBytes, free < size { throw CommandFailure("there is not enough room on the disk") }
        self.name = name
        self.size = size
        self.directory = directory
        self.temporary = ".glueberry-\(String(UInt64.random(in: .min ... .max), radix: 36)).part"
        self.descriptor = openat(
            directory.descriptor, self.temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_t(0o644))
        guard self.descriptor >= 0 else {
            throw CommandFailure("the file cannot be created: \(SystemError.describe(errno))")
        }
    }

    deinit { self.discard() }

    /// Writes the next bytes; more than were announced are refused.
    func append(_ bytes: ByteBuffer) throws(CommandFailure) {
        guard self.descriptor >= 0, self.size - self.received >= UInt64(bytes.readableBytes) else {
            throw CommandFailure("more bytes arrived than were announced")
        }
        let descriptor = self.descriptor
        guard bytes.withUnsafeReadableBytes({ Descriptor.writeAll($0, to: descriptor) }) else {
            throw CommandFailure("writing failed: \(SystemError.describe(errno))")
        }
        bytes.withUnsafeReadableBytes { self.digest.update(bufferPointer: $0) }
        self.received += UInt64(bytes.readableBytes)
    }

    /// Checks length and digest, brings the file to the disk and gives it its name; whatever fails removes it.
    func finish(expecting expected: [UInt8]) throws(CommandFailure) {
        defer { self.discard() }
        guard self.received == self.size else {
            throw CommandFailure("\(self.received) bytes arrived where \(self.size) were announced")
        }
        guard self.digest.finalize().elementsEqual(expected) else {
            throw CommandFailure("the SHA-256 is not the sender's; send it again")
        }
        guard fsync(self.descriptor) == 0 else {
            throw CommandFailure("writing to the disk failed: \(SystemError.describe(errno))")
        }
        try self.giveName()
        // The name is to survive a loss of power too; not every file system can, so failing is no error.
        _ = fsync(self.directory.descriptor)
    }

    /// Removes what there is, unless it has its name; doing it twice is harmless.
    func discard() {
        guard self.descriptor >= 0 else { return }
        _ = close(self.descriptor)
        self.descriptor = -1
        _ = unlinkat(self.directory.descriptor, self.temporary, 0)
    }

    private func giveName() throws(CommandFailure) {
        let directory = self.directory.descriptor
        guard linkat(directory, self.temporary, directory, self.name.text, 0) != 0 else { return }
        let reason = errno
        // Some file systems have no hard links; there the content is copied.
        if reason == EPERM || reason == ENOTSUP || reason == EOPNOTSUPP || reason == ENOSYS { return try self.copy() }
        throw self.cannotBeNamed(reason)
    }

    /// Copies what was received to a new file of the final name.
    private func copy() throws(CommandFailure) {
        let target = openat(
            self.directory.descriptor, self.name.text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
            mode_t(0o644))
        guard target >= 0 else { throw self.cannotBeNamed(errno) }
        defer { _ = close(target) }
        var piece = [UInt8](repeating: 0, count: 256 * 1024)
        var isCopied = lseek(self.descriptor, 0, SEEK_SET) == 0
        var rest = self.size
        while isCopied, rest > 0 {
            let length = Int(min(rest, UInt64(piece.count)))
            isCopied = piece.withUnsafeMutableBytes { bytes in
                let part = UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(length))
                return Descriptor.readFully(part, from: self.descriptor) == length
                    && Descriptor.writeAll(UnsafeRawBufferPointer(part), to: target)
            }
            rest -= UInt64(length)
        }
        guard isCopied, fsync(target) == 0 else {
            let reason = errno
            // Created by this call, so nobody else's.
            _ = unlinkat(self.directory.descriptor, self.name.text, 0)
            throw CommandFailure("writing failed: \(SystemError.describe(reason))")
        }
    }

    private func cannotBeNamed(_ reason: Int32) -> CommandFailure {
        CommandFailure(
            reason == EEXIST
                ? "there is a file of that name already" : "the file cannot be named: \(SystemError.describe(reason))")
    }
}
