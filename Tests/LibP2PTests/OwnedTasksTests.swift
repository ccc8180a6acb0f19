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

@Suite(.timeLimit(.minutes(5))) struct OwnedTasksTests {
    /// Waits for the cancellation of its task.
    private static func untilCancelled() async {
        let cancelled = Settlement<Void, Never>()
        await withTaskCancellationHandler {
            _ = await cancelled.value()
        } onCancel: {
            cancelled.succeed()
        }
    }

    @Test func tasksAreCancelledAndWaitedFor() async {
        let tasks = OwnedTasks()
        let ended = Locked(0)
        for _ in 0..<20 {
            let task = tasks.run {
                await Self.untilCancelled()
                ended.withLock { $0 += 1 }
            }
            #expect(task != nil)
        }
        #expect(tasks.count == 20)
        await tasks.cancelAndWait()
        #expect(ended.withLock { $0 } == 20)
        #expect(tasks.count == 0)
    }

    @Test func nothingIsStartedOnceTheOwnerCloses() async {
        let tasks = OwnedTasks()
        await tasks.cancelAndWait()
        #expect(tasks.run { Issue.record("a task ran") } == nil)
        await tasks.cancelAndWait()
        #expect(tasks.count == 0)
    }

    @Test func aTaskThatEndsByItselfIsForgotten() async {
        let tasks = OwnedTasks()
        for _ in 0..<100 { tasks.run {} }
        while tasks.count > 0 { await Task.yield() }
        await tasks.cancelAndWait()
        #expect(tasks.count == 0)
    }

    @Test func aTaskThatStopsItsOwnOwnerDoesNotWaitForItself() async {
        let tasks = OwnedTasks()
        let stopped = Settlement<Int, Never>()
        let others = Locked(0)
        for _ in 0..<5 {
            tasks.run {
                await Self.untilCancelled()
                others.withLock { $0 += 1 }
            }
        }
        tasks.run {
            await tasks.cancelAndWait()
            stopped.succeed(others.withLock { $0 })
        }
        #expect(await stopped.value() == .success(5))
        await tasks.cancelAndWait()
        #expect(tasks.count == 0)
    }

    @Test func tasksThatStopTheirOwnerAtTheSameTimeDoNotWaitForEachOther() async {
        for _ in 0..<50 {
            let tasks = OwnedTasks()
            let gate = Settlement<Void, Never>()
            let arrived = Locked(0)
            for _ in 0..<4 {
                tasks.run {
                    if arrived.withLock({
                        $0 += 1
                        return $0
                    }) == 4 {
                        gate.succeed()
                    }
                    while !gate.isSettled { await Task.yield() }
                    await tasks.cancelAndWait()
                }
            }
            await tasks.cancelAndWait()
            #expect(tasks.count == 0)
        }
    }
}
