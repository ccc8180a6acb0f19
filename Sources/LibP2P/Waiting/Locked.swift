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

public import NIOConcurrencyHelpers

/// A value behind a lock of its own.
///
/// It has the shape of `Synchronization.Mutex` and is used in its place, because the thread sanitizer does not see how that
/// one is handed from thread to thread on Linux when it is contended: the kernel does it (`FUTEX_UNLOCK_PI`), and every such
/// hand-over is reported as a race. This one is a POSIX mutex, which the sanitizer knows.
///
/// Locks are never nested: who holds one takes no other. Debug builds check that with every lock taken, and end the
/// process where it is not so.
@usableFromInline
package struct Locked<Value: Sendable>: Sendable {
    @usableFromInline let box: NIOLockedValueBox<Value>

    /// Creates a lock with a value.
    @inlinable package init(_ value: Value) {
        self.box = NIOLockedValueBox(value)
    }

    /// Runs `body` with the value, alone.
    ///
    /// Nothing that takes another lock or runs code of the application belongs in it.
    @inlinable package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        #if DEBUG
        LockNesting.enter()
        defer { LockNesting.leave() }
        #endif
        return try self.box.withLockedValue(body)
    }
}
