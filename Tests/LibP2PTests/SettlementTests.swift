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

import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import LibP2P

@Suite(.timeLimit(.minutes(5))) struct SettlementTests {
    @Test func theFirstToSettleWinsUnderContention() async {
        for round in 0..<300 {
            let settlement = Settlement<Int, HostError>()
            async let value = settlement.value()
            let winners = await withTaskGroup(of: Int?.self) { group in
                for contender in 0..<8 {
                    group.addTask {
                        if contender == 7 {
                            return settlement.fail(HostError(.cancelled, "\(round)")) ? contender : nil
                        }
                        return settlement.succeed(contender) ? contender : nil
                    }
                }
                return await group.reduce(into: [Int]()) { list, winner in if let winner { list.append(winner) } }
            }
            #expect(winners.count == 1 && settlement.isSettled)
            switch await value {
            case .success(let winner): #expect(winners == [winner])
            case .failure(let error): #expect(winners == [7] && error.code == .cancelled)
            }
        }
    }

    @Test func aResultThatIsThereBeforeAnybodyWaitsIsNotLost() async throws {
        let settlement = Settlement<Int, HostError>()
        #expect(!settlement.isSettled)
        #expect(settlement.succeed(5))
        #expect(!settlement.succeed(6))
        let value = try await settlement.value().get()
        #expect(value == 5)
    }
}

/// `EventLoop.await(timeout:)` on an embedded event loop, whose time the test makes.
@Suite struct DeadlineTests {
    /// What a wait has been told and has done.
    private final class Wait: Sendable {
        let settlement = Locked<Settlement<Int, HostError>?>(nil)
        let abandoned = Atomic<Int>(0)

        var abandonCount: Int { self.abandoned.load(ordering: .relaxed) }
        func settle(_ value: Int) -> Bool { self.settlement.withLock { $0 }?.succeed(value) ?? false }
    }

    private let loop = EmbeddedEventLoop()
    private let executor = ManualTaskExecutor()

    private func start(_ wait: Wait, timeout: TimeAmount?) -> RunningTask<Int> {
        let loop: any EventLoop = self.loop
        return self.executor.start {
            try await loop.awaitHost(
                "waiting", timeout: timeout, start: { started in wait.settlement.withLock { $0 = started } },
                abandon: { wait.abandoned.add(1, ordering: .relaxed) })
        }
    }

    @Test func theWorkComesFirst() {
        let wait = Wait()
        let task = self.start(wait, timeout: .seconds(5))
        self.loop.advanceTime(by: .seconds(4))
        self.executor.run()
        #expect(task.isWaiting)
        #expect(wait.settle(3))
        self.executor.run()
        #expect(task.value == 3)
        task.cancel()
        self.loop.advanceTime(by: .hours(1))
        #expect(wait.abandonCount == 0)
    }

    @Test func theDeadlineComesFirst() {
        let wait = Wait()
        let task = self.start(wait, timeout: .seconds(5))
        self.loop.advanceTime(by: .seconds(5))
        self.executor.run()
        #expect((task.error as? HostError)?.code == .timedOut)
        #expect(wait.abandonCount == 1)
        #expect(!wait.settle(3))
        task.cancel()
        #expect(wait.abandonCount == 1)
    }

    @Test func theCancellationComesFirst() {
        let wait = Wait()
        let task = self.start(wait, timeout: .seconds(5))
        task.cancel()
        self.executor.run()
        #expect((task.error as? HostError)?.code == .cancelled)
        #expect(wait.abandonCount == 1)
        #expect(!wait.settle(3))
        self.loop.advanceTime(by: .hours(1))
        #expect(wait.abandonCount == 1)
    }

    @Test func withoutADeadlineItWaitsAsLongAsItTakes() {
        let wait = Wait()
        let task = self.start(wait, timeout: nil)
        self.loop.advanceTime(by: .hours(1000))
        self.executor.run()
        #expect(task.isWaiting)
        #expect(wait.settle(1))
        self.executor.run()
        #expect(task.value == 1)
    }

    @Test func aTaskThatIsCancelledBeforehandDoesNotWait() {
        let wait = Wait()
        let loop: any EventLoop = self.loop
        let task = self.executor.start {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await loop.awaitHost(
                "waiting", timeout: nil,
                start: { (started: Settlement<Int, HostError>) in wait.settlement.withLock { $0 = started } },
                abandon: { wait.abandoned.add(1, ordering: .relaxed) })
        }
        self.executor.run()
        #expect((task.error as? HostError)?.code == .cancelled)
        #expect(wait.abandonCount == 1)
    }
}
