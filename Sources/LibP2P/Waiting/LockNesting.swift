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

#if DEBUG

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Knows, per thread, whether a lock is held, to prove over every test that locks are never nested.
///
/// What runs under a lock never suspends, so that the thread that takes it is the one that lets it go.
@usableFromInline
enum LockNesting {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let status = pthread_key_create(&key, nil)
        assert(status == 0, "no thread-specific key is left")
        return key
    }()

    static var isHeld: Bool { pthread_getspecific(self.key) != nil }

    @usableFromInline
    static func enter() {
        assert(!self.isHeld, "a lock is taken while another is held")
        pthread_setspecific(self.key, UnsafeRawPointer(bitPattern: 1))
    }

    @usableFromInline
    static func leave() {
        pthread_setspecific(self.key, nil)
    }
}

#endif
