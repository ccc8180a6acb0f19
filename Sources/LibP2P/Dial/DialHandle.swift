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
        case cancelled
    }

    package let eventLoop: any EventLoop
    private let state = Locked(State.idle)

    package init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
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
