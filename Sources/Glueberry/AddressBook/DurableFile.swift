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

import Multiformats

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A file that is read and replaced as a whole, so that a crash leaves the old one or the new one; through POSIX calls that
/// block.
struct DurableFile: Sendable {
    /// What tells one state of a file from another.
    struct Stamp: Equatable, Sendable {
        var device: UInt64
        var node: UInt64
        var size: Int64
        var seconds: Int64
        var nanoseconds: Int64
    }

    /// A call of the system that failed.
    struct Failure: Error, CustomStringConvertible {
        let call: String
        let path: String
        let code: CInt

        var description: String {
            "\(self.call) \"\(PrintableText.escape(self.path, limit: 256))\": \(Self.text(self.code))"
        }

        private static func text(_ code: CInt) -> String {
            var buffer = [CChar](repeating: 0, count: 256)
            guard strerror_r(code, &buffer, buffer.count) == 0 else { return "error \(code)" }
            return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        }
    }

    let path: String

    /// What tells the file's present state from others; nil if there is none.
    func stamp() throws(Failure) -> Stamp? {
        var status = stat()
        guard stat(self.path, &status) == 0 else {
            let code = errno
            guard code == ENOENT else { throw Failure(call: "look at", path: self.path, code: code) }
            return nil
        }
        return Self.stamp(status)
    }

    /// What is in the file; nil if there is none.
    func contents(limit: Int) throws(Failure) -> (bytes: [UInt8], stamp: Stamp)? {
        // O_NONBLOCK: opening a named pipe without a writer must not wait for one.
        let descriptor = open(self.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let code = errno
            guard code == ENOENT else { throw Failure(call: "open", path: self.path, code: code) }
            return nil
        }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Failure(call: "look at", path: self.path, code: errno) }
        guard mode_t(status.st_mode) & mode_t(S_IFMT) == mode_t(S_IFREG) else {
            throw Failure(call: "read", path: self.path, code: EINVAL)
        }
        guard Int(status.st_size) <= limit else { throw Failure(call: "read", path: self.path, code: EFBIG) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(status.st_size))
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                let code = errno
                if code == EINTR { continue }
                throw Failure(call: "read", path: self.path, code: code)
            }
            if count == 0 { break }
            bytes.append(contentsOf: chunk.prefix(count))
            guard bytes.count <= limit else { throw Failure(call: "read", path: self.path, code: EFBIG) }
        }
        return (bytes, Self.stamp(status))
    }

    /// Puts a new file in the place of the old one; only its owner may read it.
    ///
    /// The caller holds the lock: the temporary file has one name, so that one that a crash left is not left for ever.
    func replace(with bytes: [UInt8]) throws(Failure) -> Stamp? {
        let temporary = self.path + ".tmp"
        _ = unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
        guard descriptor >= 0 else { throw Failure(call: "create", path: temporary, code: errno) }
        var written = 0
        var failure: CInt = 0
        while written < bytes.count, failure == 0 {
            let count = bytes.withUnsafeBytes { buffer in
                write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
            }
            if count >= 0 {
                written += count
            } else if errno != EINTR {
                failure = errno
            }
        }
        var status = stat()
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        if failure == 0, fstat(descriptor, &status) != 0 { failure = errno }
        if close(descriptor) != 0, failure == 0, errno != EINTR { failure = errno }
        if failure == 0, rename(temporary, self.path) != 0 { failure = errno }
        guard failure == 0 else {
            _ = unlink(temporary)
            throw Failure(call: "write", path: self.path, code: failure)
        }
        self.synchronizeDirectory()
        return Self.stamp(status)
    }

    /// Moves the file to the first of `PATH.bak`, `PATH.bak.1` and so on that is free.
    ///
    /// - Returns: Where it is now.
    func setAside() throws(Failure) -> String {
        for number in 0..<1000 {
            let target = self.path + (number == 0 ? ".bak" : ".bak.\(number)")
            // A link does not replace what is there.
            if link(self.path, target) == 0 {
                guard unlink(self.path) == 0 else { throw Failure(call: "move", path: self.path, code: errno) }
                self.synchronizeDirectory()
                return target
            }
            let code = errno
            if code == EEXIST { continue }
            // Some file systems have no links.
            guard code == EPERM || code == ENOTSUP || code == EOPNOTSUPP || code == ENOSYS else {
                throw Failure(call: "move", path: self.path, code: code)
            }
            var status = stat()
            if lstat(target, &status) == 0 { continue }
            guard rename(self.path, target) == 0 else { throw Failure(call: "move", path: self.path, code: errno) }
            self.synchronizeDirectory()
            return target
        }
        throw Failure(call: "move", path: self.path, code: EEXIST)
    }

    /// Makes a new name survive a loss of power; not every file system can, so failing is no error.
    private func synchronizeDirectory() {
        let directory = self.path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(self.path[...$0]) } ?? "."
        let descriptor = open(directory, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        _ = close(descriptor)
    }

    private static func stamp(_ status: stat) -> Stamp {
        #if canImport(Darwin)
        let time = status.st_mtimespec
        #else
        let time = status.st_mtim
        #endif
        return Stamp(
            device: UInt64(truncatingIfNeeded: status.st_dev), node: UInt64(status.st_ino),
            size: Int64(status.st_size), seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }
}

/// A lock between processes: whoever has the file locked has it alone, until the object goes away.
final class FileLock: Sendable {
    private let descriptor: CInt

    /// Takes the lock, waiting for whoever has it, but not for ever: that process may be stopped.
    ///
    /// - Throws: `DurableFile.Failure`; its code is `EWOULDBLOCK` if the wait was in vain.
    init(path: String) throws(DurableFile.Failure) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { throw DurableFile.Failure(call: "lock", path: path, code: errno) }
        // Together about two seconds, on a thread that is there for waiting.
        var pause: UInt32 = 500
        var waited: UInt32 = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            guard code == EWOULDBLOCK || code == EINTR, waited < 2_000_000 else {
                _ = close(descriptor)
                throw DurableFile.Failure(call: "lock", path: path, code: code)
            }
            usleep(pause)
            waited += pause
            pause = min(pause * 2, 20_000)
        }
        self.descriptor = descriptor
    }

    deinit { _ = close(self.descriptor) }
}
