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

/// A new directory that only its owner may enter; it goes with what was put in it.
final class TemporaryDirectory: Sendable {
    let path: String

    /// Makes it where the system keeps temporary files.
    init() throws(CommandFailure) {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        let path = "\(parent)/glueberry-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        guard mkdir(path, 0o700) == 0 else {
            throw CommandFailure(
                "'\(TerminalText.line(path))' cannot be made: \(SystemError.describe(errno)); set TMPDIR to a directory "
                    + "that can be written")
        }
        self.path = path
    }

    deinit { Self.remove(self.path) }

    /// Removes a directory and the files in it, one level of directories deep.
    private static func remove(_ path: String, depth: Int = 2) {
        if depth > 0, let directory = opendir(path) {
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                }
                guard name != ".", name != ".." else { continue }
                if unlink("\(path)/\(name)") != 0 { self.remove("\(path)/\(name)", depth: depth - 1) }
            }
            _ = closedir(directory)
        }
        _ = rmdir(path)
    }
}
