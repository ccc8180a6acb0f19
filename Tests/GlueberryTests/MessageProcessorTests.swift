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
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct MessageProcessorTests {
    private struct Bad: Error {}

    private let one = Identity.generate().peerID
    private let two = Identity.generate().peerID

    /// Handlers that note when they begin, and wait until the test lets them go on.
    private final class Gate: Sendable {
        let begun = Log<Int>()
        private let state = Locked((isOpen: false, waiting: [Settlement<Void, Never>]()))

        func pass(_ number: Int) async {
            self.begun.append(number)
            let wait = Settlement<Void, Never>()
            let isOpen = self.state.withLock { state in
                if !state.isOpen { state.waiting.append(wait) }
                return state.isOpen
            }
            if !isOpen { _ = await wait.value() }
        }

        func letOne() { self.state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }?.succeed() }

        func open() {
            let waiting = self.state.withLock { state in
                state.isOpen = true
                defer { state.waiting = [] }
                return state.waiting
            }
            for waiter in waiting { waiter.succeed() }
        }
    }

    @Test func noMoreAreWorkedOnAtOnceThanThereAreWorkersAndTheRestStaysInTheQueue() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(one, "a")
            messages.arrive(0..<100, in: queue)
            messages.hub.finish()
            let sequence = try #require(messages.claim(.all))
            let processor = MessageProcessor(workers: 3)
            let (gate, errors) = (Gate(), Log<Int>())
            let run = Task {
                await processor.run(sequence) {
                    await gate.pass($0.number)
                } onError: { message, _ in
                    errors.append(message.number)
                }
            }
            try await eventually { gate.begun.count == 3 }
            for _ in 0..<100 { await Task.yield() }
            #expect(gate.begun.count == 3)
            #expect(processor.messagesInProgress == 3)
            #expect(queue.pending.messages == 97, "what no worker is free for is not taken")
            gate.letOne()
            try await eventually { gate.begun.count == 4 }
            gate.open()
            await run.value
            #expect(gate.begun.all.sorted() == Array(0..<100))
            #expect(processor.messagesInProgress == 0)
            #expect(errors.count == 0)
        }
    }

    @Test func anErrorIsReportedAndTheWorkerGoesOn() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<30, in: messages.queue(one, "a"))
            messages.hub.finish()
            let (done, failed) = (Log<Int>(), Log<Int>())
            await MessageProcessor(workers: 2).run(try #require(messages.claim(.all))) { message in
                guard message.number % 3 != 0 else { throw Bad() }
                done.append(message.number)
            } onError: { message, error in
                if error is Bad { failed.append(message.number) }
            }
            #expect(failed.all.sorted() == Array(stride(from: 0, to: 30, by: 3)))
            #expect(done.count == 20)
        }
    }

    @Test(arguments: [MessageProcessor.Order.perPeer, .perStream])
    func messagesOfOnePeerOrStreamAreWorkedOnOneAfterAnother(order: MessageProcessor.Order) async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            for index in 0..<100 {
                for (number, peer) in [one, two].enumerated() {
                    messages.arrive([number * 1000 + index], in: messages.queue(peer, "a"))
                }
            }
            messages.hub.finish()
            let begun = Log<Int>()
            let busy = Locked<Set<PeerID>>([])
            await MessageProcessor(workers: 4, order: order).run(try #require(messages.claim(.all))) { message in
                let isAlone = busy.withLock { $0.insert(message.peer).inserted }
                #expect(isAlone, "two of one peer at once")
                begun.append(message.number)
                await Task.yield()
                busy.withLock { _ = $0.remove(message.peer) }
            } onError: { _, _ in
            }
            #expect(begun.all.filter { $0 < 1000 } == Array(0..<100))
            #expect(begun.all.filter { $0 >= 1000 } == Array(1000..<1100))
        }
    }

    @Test func aBusyPeerFillsTheBacklogAndNoMore() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(one, "a")
            messages.arrive(0..<50, in: queue)
            messages.hub.finish()
            let gate = Gate()
            let processor = MessageProcessor(workers: 2, order: .perPeer, backlog: 5)
            let sequence = try #require(messages.claim(.all))
            let run = Task {
                await processor.run(sequence) {
                    await gate.pass($0.number)
                } onError: { _, _ in
                }
            }
            try await eventually { queue.pending.messages == 50 - 7 }
            for _ in 0..<100 { await Task.yield() }
            #expect(queue.pending.messages == 50 - 7)
            #expect(gate.begun.all == [0])
            gate.open()
            await run.value
            #expect(gate.begun.all == Array(0..<50))
        }
    }

    @Test func aShutdownEndsWhatWasBegunAndLeavesTheRestInTheQueue() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(one, "a")
            messages.arrive(0..<20, in: queue)
            let (gate, finished) = (Gate(), Log<Int>())
            let processor = MessageProcessor(workers: 4)
            var sequence = messages.claim(.all)
            let claimed = try #require(sequence)
            sequence = nil
            let run = Task { [claimed] in
                await processor.run(claimed) { message in
                    await gate.pass(message.number)
                    #expect(!Task.isCancelled, "a drain is no cancellation")
                    finished.append(message.number)
                } onError: { _, _ in
                }
            }
            try await eventually { gate.begun.count == 4 }
            let shutdown = Task { await processor.shutdown() }
            for _ in 0..<100 { await Task.yield() }
            #expect(finished.count == 0, "it waits")
            // One who will not wait any longer is told so, and nothing else changes.
            let impatient = Task { await processor.shutdown() }
            impatient.cancel()
            #expect(await !impatient.value)
            #expect(finished.count == 0)
            gate.open()
            #expect(await shutdown.value)
            #expect(finished.all.sorted() == gate.begun.all.sorted())
            await run.value
            #expect(gate.begun.count < 20)
            #expect(queue.count == 20 - gate.begun.count)
            await processor.run(claimed) { _ in
                Issue.record("it is shut down")
            } onError: { _, _ in
            }
        }
    }

    @Test func aCancellationReachesTheHandlersAndEndsTheRun() async throws {
        try await withLink { link in
            let messages = try await MadeUpMessages(on: link)
            messages.arrive(0..<2, in: messages.queue(one, "a"))
            let sequence = try #require(messages.claim(.all))
            let begun = Log<Int>()
            let run = Task {
                await MessageProcessor(workers: 2).run(sequence) { message in
                    begun.append(message.number)
                    while !Task.isCancelled { await Task.yield() }
                } onError: { _, _ in
                }
            }
            try await eventually { begun.count == 2 }
            run.cancel()
            await run.value
        }
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func everyMessageIsGivenToAHandlerOnceWheneverItIsCancelled(seed: UInt64) async throws {
        try await withLink { link in
            var random = SplitMix64(seed: seed)
            let messages = try await MadeUpMessages(on: link)
            let queue = messages.queue(one, "a")
            let sequence = try #require(messages.claim(.all))
            let handled = Log<Int>()
            var next = 0
            for round in 0..<20 {
                let order: MessageProcessor.Order = round % 2 == 0 ? .none : .perPeer
                let run = Task {
                    await MessageProcessor(workers: 3, order: order, backlog: 4).run(sequence) { message in
                        handled.append(message.number)
                        await Task.yield()
                    } onError: { _, _ in
                    }
                }
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    let count = Int.random(in: 1...40, using: &random)
                    messages.arrive(next..<next + count, in: queue)
                    next += count
                    await Task.yield()
                }
                run.cancel()
                await run.value
            }
            messages.hub.finish()
            for await message in sequence { handled.append(message.number) }
            #expect(handled.all.sorted() == Array(0..<next))
        }
    }
}
