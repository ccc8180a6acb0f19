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

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The directory that received files go to, held open: whatever happens to its path meanwhile, nothing is written anywhere
/// else.
final class ReceivingDirectory: Sendable {
    let descriptor: Int32

    /// Opens a directory that exists.
    init(_ path: String) throws(CommandFailure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = errno
            let hint =
                reason == ENOENT
                ? "make it first" : reason == ENOTDIR ? "name a directory" : "choose one that you may use"
            throw CommandFailure(
                "the directory '\(TerminalText.line(path, limit: 256))' cannot be used: "
                    + "\(SystemError.describe(reason)); \(hint)")
        }
        self.descriptor = descriptor
        guard faccessat(descriptor, ".", W_OK | X_OK, 0) == 0 else {
            throw CommandFailure(
                "the directory '\(TerminalText.line(path, limit: 256))' cannot be written; choose another or change its mode"
            )
        }
    }

    deinit { _ = close(self.descriptor) }

    /// Whether there is anything of that name, be it a link to nowhere.
    func contains(_ name: FileName) -> Bool {
        var status = stat()
        return fstatat(self.descriptor, name.text, &status, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// The bytes that may still be written; nil if the system does not tell.
    var freeBytes: UInt64? {
        var status = statvfs()
        guard fstatvfs(self.descriptor, &status) == 0 else { return nil }
        let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? .max : bytes
    }
}
