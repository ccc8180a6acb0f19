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

/// The life of one stream: which directions are open, and what may still flow in them.
///
/// A stream has two directions that end on their own. Ours ends in two steps: `finish` closes it to new data, and the
/// FIN goes out once what was queued is framed. The state is private to this file so that nobody can set it; methods are
/// named for what happened and say in their result what follows from it. A reset needs no method: whoever sends or
/// receives one drops the whole stream.
///
///                      finish            finishFramed
///           open ───────────────▶ finishing ────────▶ finished
///            │ receivedFinish         │ receivedFinish    │ receivedFinish
///            ▼         finish         ▼    finishFramed   ▼
///     remoteFinished ──────▶ finishingAfterRemote ─────▶ closed
struct StreamStateMachine: Sendable {
    fileprivate enum State: Sendable {
        /// Data flows both ways.
        case open(SendWindow, ReceiveWindow)
        /// Our FIN waits behind queued data.
        case finishing(SendWindow, ReceiveWindow)
        /// Our FIN is framed; the peer still sends. The send window stays to judge the peer's late window updates.
        case finished(SendWindow, ReceiveWindow)
        /// The peer's FIN has come; we still send.
        case remoteFinished(SendWindow)
        /// The peer's FIN has come; ours waits behind queued data.
        case finishingAfterRemote(SendWindow)
        /// Both have finished.
        case closed
    }

    fileprivate enum Acknowledgement: Sendable {
        /// The peer opened the stream.
        case notNeeded
        case awaited
        case received
    }

    private var state: State
    private var acknowledgement: Acknowledgement

    private init(state: State, acknowledgement: Acknowledgement) {
        self.state = state
        self.acknowledgement = acknowledgement
    }

    /// A stream that we open.
    static func opened(now: NIODeadline) -> StreamStateMachine {
        let window = SendWindow(available: UInt32(YamuxConfiguration.initialWindow))
        return StreamStateMachine(state: .open(window, ReceiveWindow(now: now)), acknowledgement: .awaited)
    }

    /// A stream that the peer opens.
    static func accepted(sendWindow: UInt32, now: NIODeadline) -> StreamStateMachine {
        let window = SendWindow(available: sendWindow)
        return StreamStateMachine(state: .open(window, ReceiveWindow(now: now)), acknowledgement: .notNeeded)
    }

    /// Whether the peer has yet to acknowledge this stream of ours.
    var awaitsAcknowledgement: Bool {
        if case .awaited = self.acknowledgement { return true }
        return false
    }

    /// Whether `write` may still queue data.
    var acceptsData: Bool {
        switch self.state {
        case .open, .remoteFinished:
            return true
        case .finishing, .finished, .finishingAfterRemote, .closed:
            return false
        }
    }

    /// Whether a FIN is owed once the queue is empty.
    var owesFinish: Bool {
        switch self.state {
        case .finishing, .finishingAfterRemote:
            return true
        case .open, .finished, .remoteFinished, .closed:
            return false
        }
    }

    /// How many bytes may be framed now.
    var sendable: UInt32 {
        switch self.state {
        case .open(let send, _), .finishing(let send, _), .remoteFinished(let send), .finishingAfterRemote(let send):
            return send.available
        case .finished, .closed:
            return 0
        }
    }

    /// How many bytes the peer may still send.
    var receivable: UInt32 {
        switch self.state {
        case .open(_, let receive), .finishing(_, let receive), .finished(_, let receive):
            return receive.available
        case .remoteFinished, .finishingAfterRemote, .closed:
            return 0
        }
    }

    // MARK: What we do

    mutating func finish() {
        switch self.state {
        case .open(let send, let receive):
            self.state = .finishing(send, receive)
        case .remoteFinished(let send):
            self.state = .finishingAfterRemote(send)
        case .finishing, .finished, .finishingAfterRemote, .closed:
            break
        }
    }

    mutating func dataFramed(_ count: UInt32) {
        self.withSendWindow { $0.take(count) }
    }

    enum FinishFramed: Sendable {
        case halfClosed
        case closed
    }

    mutating func finishFramed() -> FinishFramed {
        switch self.state {
        case .open(let send, let receive), .finishing(let send, let receive), .finished(let send, let receive):
            self.state = .finished(send, receive)
            return .halfClosed
        case .remoteFinished, .finishingAfterRemote, .closed:
            self.state = .closed
            return .closed
        }
    }

    /// Notes that the consumer is done with some bytes.
    ///
    /// - Returns: By how much the size of the window has changed if it was time for a grant; see ``ReceiveWindow``.
    mutating func consumed(
        _ count: Int,
        tuning: WindowTuning,
        limit: UInt32,
        budget: Int,
        now: NIODeadline
    ) -> Int? {
        // Once the peer has finished there is nothing that credit could be for.
        let change = self.withReceiveWindow {
            $0.consumed(count, tuning: tuning, limit: limit, budget: budget, now: now)
        }
        return change ?? nil
    }

    /// Takes the credit that is owed to the peer, to be framed.
    mutating func takeOwedCredit() -> UInt32 {
        self.withReceiveWindow { $0.takeOwed() } ?? 0
    }

    // MARK: What the peer does

    enum ReceivedAcknowledgement: Sendable {
        case acknowledged
        /// It was acknowledged before, or is the peer's own.
        case redundant
    }

    mutating func receivedAcknowledgement() -> ReceivedAcknowledgement {
        guard case .awaited = self.acknowledgement else { return .redundant }
        self.acknowledgement = .received
        return .acknowledged
    }

    mutating func receivedWindowUpdate(_ delta: UInt32) -> SendWindow.Grant {
        self.withSendWindow { $0.grant(delta) } ?? .enlarged
    }

    enum ReceivedData: Sendable {
        /// The payload is within the window and was taken out of it.
        case accepted
        /// The payload is more than was granted; nothing has changed.
        case exceedsWindow
        /// The peer had finished.
        case afterFinish
    }

    mutating func receivedData(_ length: UInt32) -> ReceivedData {
        switch self.withReceiveWindow({ $0.accept(length) }) {
        case true:
            return .accepted
        case false:
            return .exceedsWindow
        case nil:
            return .afterFinish
        }
    }

    /// Part of an accepted payload was handed to the driver.
    mutating func delivered(_ count: UInt32) {
        self.withReceiveWindow { $0.delivered(count) }
    }

    enum ReceivedFinish: Sendable {
        case halfClosed
        case closed
        /// The peer had finished before.
        case redundant
    }

    mutating func receivedFinish() -> ReceivedFinish {
        switch self.state {
        case .open(let send, _):
            self.state = .remoteFinished(send)
            return .halfClosed
        case .finishing(let send, _):
            self.state = .finishingAfterRemote(send)
            return .halfClosed
        case .finished:
            self.state = .closed
            return .closed
        case .remoteFinished, .finishingAfterRemote, .closed:
            return .redundant
        }
    }

    // MARK: Windows

    /// Changes the send window in the states that have one.
    @discardableResult
    private mutating func withSendWindow<Result>(_ body: (inout SendWindow) -> Result) -> Result? {
        let result: Result
        switch self.state {
        case .open(var send, let receive):
            result = body(&send)
            self.state = .open(send, receive)
        case .finishing(var send, let receive):
            result = body(&send)
            self.state = .finishing(send, receive)
        case .finished(var send, let receive):
            result = body(&send)
            self.state = .finished(send, receive)
        case .remoteFinished(var send):
            result = body(&send)
            self.state = .remoteFinished(send)
        case .finishingAfterRemote(var send):
            result = body(&send)
            self.state = .finishingAfterRemote(send)
        case .closed:
            return nil
        }
        return result
    }

    /// Changes the receive window in the states that have one.
    @discardableResult
    private mutating func withReceiveWindow<Result>(_ body: (inout ReceiveWindow) -> Result) -> Result? {
        let result: Result
        switch self.state {
        case .open(let send, var receive):
            result = body(&receive)
            self.state = .open(send, receive)
        case .finishing(let send, var receive):
            result = body(&receive)
            self.state = .finishing(send, receive)
        case .finished(let send, var receive):
            result = body(&receive)
            self.state = .finished(send, receive)
        case .remoteFinished, .finishingAfterRemote, .closed:
            return nil
        }
        return result
    }
}
