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

/// A small file that holds a secret, read and created through POSIX calls.
struct KeyFile {
    private let path: String

    init(_ path: String) {
        self.path = path
    }

    /// Reads the file, at most `limit` bytes of it.
    func read(upTo limit: Int) throws(IdentityError) -> [UInt8] {
        guard !path.isEmpty else { throw IdentityError(.noSuchFile, "path of the key file is empty") }
        guard !path.utf8.contains(0) else { throw error("read", path, EINVAL) }
        // O_NONBLOCK: opening a named pipe without a writer must not wait for one.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw error("read", path, errno) }
        defer { _ = close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw error("read", path, errno) }
        guard mode_t(status.st_mode) & mode_t(S_IFMT) == mode_t(S_IFREG) else {
            throw IdentityError(
                .fileAccess,
                "key file '\(PrintableText.escape(path, limit: 256))' is not a regular file"
            )
        }
        var bytes = [UInt8](repeating: 0, count: limit)
        var filled = 0
        while filled < limit {
            let start = filled
            let count = bytes.withUnsafeMutableBytes { buffer in
                Self.read(descriptor, into: UnsafeMutableRawBufferPointer(rebasing: buffer[start...]))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw error("read", path, errno)
            }
            if count == 0 { break }
            filled += count
        }
        bytes.removeLast(limit - filled)
        return bytes
    }

    /// Creates the file with mode 0600 and never replaces one.
    ///
    /// The bytes are written and synchronised under a name of their own first and then linked to the final one: a
    /// crash leaves no half a key behind, and another process that starts at the same time never reads one.
    func create(with bytes: [UInt8]) throws(IdentityError) {
        guard !path.isEmpty else { throw IdentityError(.noSuchFile, "path of the key file is empty") }
        guard !path.utf8.contains(0) else { throw error("create", path, EINVAL) }
        let temporary = "\(path).\(String(UInt64.random(in: .min ... .max), radix: 36)).tmp"
        try write(bytes, toNew: temporary)
        defer { _ = unlink(temporary) }
        if link(temporary, path) != 0 {
            let reason = errno
            // Some file systems have no links. There the file is written in place.
            guard reason == EPERM || reason == ENOTSUP || reason == EOPNOTSUPP || reason == ENOSYS else {
                throw error("create", path, reason)
            }
            try write(bytes, toNew: path)
        }
        synchronizeDirectory()
    }

    private func write(_ bytes: [UInt8], toNew name: String) throws(IdentityError) {
        let descriptor = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { throw error("create", path, errno) }
        var written = 0
        var failure: CInt = 0
        while written < bytes.count, failure == 0 {
            let start = written
            let count = bytes.withUnsafeBytes { buffer in
                Self.write(descriptor, from: UnsafeRawBufferPointer(rebasing: buffer[start...]))
            }
            if count >= 0 {
                written += count
            } else if errno != EINTR {
                failure = errno
            }
        }
        if failure == 0, fsync(descriptor) != 0 { failure = errno }
        if close(descriptor) != 0, failure == 0, errno != EINTR { failure = errno }
        guard failure == 0 else {
            // Created by this call, so nobody else's.
            _ = unlink(name)
            throw error("write", path, failure)
        }
    }

    /// Makes the new name survive a loss of power; not every file system can, so failing is no error.
    private func synchronizeDirectory() {
        let directory = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? "."
        let descriptor = open(directory, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
        guard descriptor >= 0 else { return }
        _ = fsync(descriptor)
        _ = close(descriptor)
    }

    private func error(_ action: String, _ name: String, _ reason: CInt) -> IdentityError {
        let file = "key file '\(PrintableText.escape(name, limit: 256))'"
        switch reason {
        case ENOENT:
            return action == "read"
                ? IdentityError(.noSuchFile, "\(file) does not exist")
                : IdentityError(.noSuchFile, "cannot \(action) \(file): its directory does not exist")
        case EEXIST:
            return IdentityError(.fileExists, "\(file) exists already and is not overwritten")
        case EACCES, EPERM, EROFS:
            return IdentityError(.permissionDenied, "cannot \(action) \(file): \(Self.describe(reason))")
        default:
            return IdentityError(.fileAccess, "cannot \(action) \(file): \(Self.describe(reason))")
        }
    }

    private static func describe(_ reason: CInt) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard strerror_r(reason, &buffer, buffer.count) == 0 else { return "error \(reason)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    // The names of the members hide the functions of the C library.
    private static func read(_ descriptor: CInt, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.read(descriptor, buffer.baseAddress, buffer.count)
        #elseif canImport(Musl)
        Musl.read(descriptor, buffer.baseAddress, buffer.count)
        #elseif canImport(Darwin)
        Darwin.read(descriptor, buffer.baseAddress, buffer.count)
        #endif
    }

    private static func write(_ descriptor: CInt, from buffer: UnsafeRawBufferPointer) -> Int {
        #if canImport(Glibc)
        Glibc.write(descriptor, buffer.baseAddress, buffer.count)
        #elseif canImport(Musl)
        Musl.write(descriptor, buffer.baseAddress, buffer.count)
        #elseif canImport(Darwin)
        Darwin.write(descriptor, buffer.baseAddress, buffer.count)
        #endif
    }
}
