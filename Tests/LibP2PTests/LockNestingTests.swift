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

import Testing

@testable import LibP2P

/// What proves over the whole suite that locks never nest does see it when they do.
@Suite struct LockNestingTests {
    #if DEBUG
    @Test func aLockThatIsTakenUnderAnotherEndsTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let (outer, inner) = (Locked(0), Locked(0))
            outer.withLock { _ in inner.withLock { _ in } }
        }
    }

    @Test func aLockIsKnownToBeHeldJustAsLongAsItIs() {
        struct Failure: Error {}
        let lock = Locked(0)
        #expect(!LockNesting.isHeld)
        lock.withLock { _ in #expect(LockNesting.isHeld) }
        #expect(!LockNesting.isHeld)
        #expect(throws: Failure.self) { try lock.withLock { _ in throw Failure() } }
        #expect(!LockNesting.isHeld)
        lock.withLock { $0 = 1 }
        let value = lock.withLock { $0 }
        #expect(value == 1)
    }
    #endif
}
