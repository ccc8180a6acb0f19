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

package import NIOCore

/// A running dial, to be cancelled by whoever began it.
package final class DialHandle: Sendable {
    private enum State {
        case idle
        case running(NIOLoopBound<Dialer>)
        /// By whoever began it, or because it is over.
        case cancelled
    }

    package let eventLoop: any EventLoop
    private let state = Locked(State.idle)
    private let report = Locked<[(attempt: DialAttempt, progress: DialProgress?)]>([])

    package init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// What the dial has tried so far, or did try: in the order in which the attempts began, then what waits.
    package var attempts: [DialAttempt] {
        self.report.withLock { $0 }.map { attempt, progress in
            attempt.reaching(progress?.stage)
        }
    }

    /// The dial is over: nothing of it changes any more, and nothing of it is held.
    func end(_ attempts: [DialAttempt]) {
        self.publish(attempts.map { ($0, nil) })
        self.state.withLock { $0 = .cancelled }
    }

    /// Takes what there is to be said of the attempts; of those that still run with their progress.
    func publish(_ report: [(attempt: DialAttempt, progress: DialProgress?)]) {
        self.report.withLock { $0 = report }
    }

    /// Ends the dial without a result; what it has opened is closed.
    ///
    /// Cancelling twice, or too late, is harmless.
    package func cancel() {
        let before = self.state.withLock { state in
            defer { state = .cancelled }
            return state
        }
        if case .running(let dialer) = before { dialer.execute { $0.abandon() } }
    }

    /// False if the dial was cancelled before it began.
    func begin(_ dialer: NIOLoopBound<Dialer>) -> Bool {
        self.state.withLock { state in
            guard case .idle = state else { return false }
            state = .running(dialer)
            return true
        }
    }
}

extension NIOLoopBound {
    /// Runs `body` with the value on its event loop.
    ///
    /// The value stays on the loop; only the box travels.
    func execute(_ body: @escaping @Sendable (Value) -> Void) {
        self.eventLoop.execute { body(self.value) }
    }
}
