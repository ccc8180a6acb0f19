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

@Suite struct TaskScopeTests {
    @Test func aScopeIsCurrentWithinItAndInWhatIsStartedThere() async {
        let scope = TaskScope()
        #expect(!scope.isCurrent)
        await scope.enter {
            #expect(scope.isCurrent)
            await Task { #expect(scope.isCurrent) }.value
            await Task.detached { #expect(!scope.isCurrent) }.value
        }
        #expect(!scope.isCurrent)
    }

    @Test func scopesNest() async {
        let (outer, inner, other) = (TaskScope(), TaskScope(), TaskScope())
        await outer.enter {
            await inner.enter {
                #expect(outer.isCurrent && inner.isCurrent && !other.isCurrent)
                await outer.enter { #expect(outer.isCurrent && inner.isCurrent) }
            }
            #expect(outer.isCurrent && !inner.isCurrent)
        }
    }

    @Test func anOwnedTaskRunsInTheScopeOfItsOwner() async {
        let scope = TaskScope()
        let tasks = OwnedTasks(in: scope)
        let seen = Locked<Bool?>(nil)
        await tasks.run { seen.withLock { $0 = scope.isCurrent } }?.value
        #expect(seen.withLock { $0 } == true)
        await tasks.cancelAndWait()
    }
}
