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

import LibP2P

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Whole lines on standard output, each written at once, from any task.
enum StandardOutput {
    /// Whether a person looks at it.
    static let isTerminal = isatty(STDOUT_FILENO) == 1
    private static let lock = Locked(())

    /// Writes a line.
    ///
    /// Nobody to read it ends the process: that is how a reader says that it has had enough.
    static func line(_ text: String) {
        let isWritten = self.lock.withLock { _ in Descriptor.writeAll(Array((text + "\n").utf8), to: STDOUT_FILENO) }
        if !isWritten { exit(1) }
    }
}

/// Whole lines on standard error, each written at once, from any task.
enum StandardError {
    /// Whether a person looks at it.
    static let isTerminal = isatty(STDERR_FILENO) == 1
    private static let lock = Locked(())

    /// Writes a line.
    static func line(_ text: String) { self.write(text + "\n") }

    /// Writes text that may be part of a line.
    static func write(_ text: String) {
        self.lock.withLock { _ in _ = Descriptor.writeAll(Array(text.utf8), to: STDERR_FILENO) }
    }
}
