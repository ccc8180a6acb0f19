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

import DequeModule
public import Glueberry
import LibP2P

/// What a ``MockNode`` hands to a consumer, one element after another.
///
/// It ends when the node stops and everything has been taken; a cancelled task gets nil.
public struct MockSequence<Element: Sendable>: AsyncSequence, Sendable {
    /// Iteration never fails.
    public typealias Failure = Never

    let source: MockSource<Element>
    let claim: MockClaim

    /// Starts the iteration.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source: self.source, claim: self.claim) }

    /// Takes one element after another.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let source: MockSource<Element>
        let claim: MockClaim

        /// The next element; nil at the end, or when the calling task is cancelled.
        public mutating func next() async -> Element? { await self.source.next() }

        /// The next element; nil at the end, or when the calling task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> Element? {
            await self.source.next()
        }
    }
}

/// A subscription to what a ``MockNode`` tells; there can be any number.
///
/// It ends when it is let go of, and when the node stops.
public struct MockSubscription<Element: Sendable>: NodeSubscription {
    /// Iteration never fails.
    public typealias Failure = Never

    let source: MockSource<Element>
    let claim: MockClaim

    /// Ends the subscription: whoever iterates gets what is there, then the end.
    public func cancel() {
        self.source.finish()
        self.claim.end()
    }

    /// Starts the iteration.
    public func makeAsyncIterator() -> MockSequence<Element>.AsyncIterator {
        MockSequence.AsyncIterator(source: self.source, claim: self.claim)
    }
}

/// Elements that wait for their consumer.
final class MockSource<Element: Sendable>: Sendable {
    private struct State {
        var elements: Deque<Element> = []
        var waiting: [Settlement<Void, Never>] = []
        var isFinished = false
    }

    private let state = Locked(State())

    func append(_ element: Element) {
        self.wake { state in if !state.isFinished { state.elements.append(element) } }
    }

    func finish() {
        self.wake { $0.isFinished = true }
    }

    /// Takes out what is there and belongs to another source now.
    func remove(where predicate: (Element) -> Bool = { _ in true }) -> [Element] {
        self.state.withLock { state in
            let removed = state.elements.filter(predicate)
            state.elements.removeAll(where: predicate)
            return Array(removed)
        }
    }

    func next() async -> Element? {
        while !Task.isCancelled {
            let wait = Settlement<Void, Never>()
            let (element, isFinished) = self.state.withLock { state -> (Element?, Bool) in
                if let element = state.elements.popFirst() { return (element, false) }
                if !state.isFinished {
                    state.waiting.removeAll(where: \.isSettled)
                    state.waiting.append(wait)
                }
                return (nil, state.isFinished)
            }
            if let element { return element }
            if isFinished { return nil }
            await withTaskCancellationHandler {
                _ = await wait.value()
            } onCancel: {
                wait.succeed()
            }
        }
        return nil
    }

    private func wake(_ change: (inout State) -> Void) {
        let waiting = self.state.withLock { state in
            change(&state)
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.succeed() }
    }
}

/// Holds a source for its consumer.
final class MockClaim: Sendable {
    private let ended: @Sendable () -> Void

    init(ended: @escaping @Sendable () -> Void) {
        self.ended = ended
    }

    deinit { self.ended() }

    /// Lets go of the source; to do it twice is harmless.
    func end() { self.ended() }
}
