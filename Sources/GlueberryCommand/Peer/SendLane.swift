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

import Glueberry
import LibP2P
import NIOCore
import PeerIdentity

/// The messages for one stream of one peer that wait to be sent: in order, within a bound.
///
/// As long as the node takes them at once they are handed on at once. Otherwise a task sends them one after another, so
/// that whoever has more for other peers need not wait.
final class SendLane: Sendable {
    private struct State {
        var waiting: [ByteBuffer] = []
        var position = 0
        var bytes = 0
        var sender: Task<Void, Never>?
        var isEnded = false
        var reader: CheckedContinuation<Void, Never>?

        var count: Int { self.waiting.count - self.position }
        var hasRoom: Bool { self.count < SendLane.maximumMessages && self.bytes < SendLane.maximumBytes }
    }

    /// Messages that may wait.
    private static let maximumMessages = 1024
    /// Their bytes; the last one may exceed it.
    private static let maximumBytes = 4 * 1024 * 1024

    private let node: Node
    private let peer: PeerID
    private let stream: String
    private let report: @Sendable (any Error) -> Void
    private let state = Locked(State())

    init(node: Node, peer: PeerID, stream: String, report: @escaping @Sendable (any Error) -> Void) {
        self.node = node
        self.peer = peer
        self.stream = stream
        self.report = report
    }

    /// Sends a message, now or after those that wait; returns when there is room for another.
    ///
    /// For one caller at a time.
    func add(_ payload: ByteBuffer) async {
        self.enqueue(payload)
        guard self.state.withLock({ !$0.hasRoom && !$0.isEnded }) else { return }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = self.state.withLock { state in
                    if state.hasRoom || state.isEnded { return true }
                    state.reader = continuation
                    return false
                }
                if isReady { continuation.resume() }
            }
        } onCancel: {
            self.end()
        }
    }

    /// Sends a message, now or after those that wait, without waiting itself.
    ///
    /// - Returns: Whether there was room for it.
    func offer(_ payload: ByteBuffer) -> Bool {
        guard self.state.withLock({ $0.hasRoom && !$0.isEnded }) else { return false }
        self.enqueue(payload)
        return true
    }

    private func enqueue(_ payload: ByteBuffer) {
        if self.state.withLock({ $0.sender == nil }) {
            do {
                try self.node.trySend(payload, to: self.peer, on: self.stream)
                return
            } catch {
                guard error.code == .sendQueueFull else {
                    self.report(error)
                    return
                }
            }
        }
        self.state.withLock { state in
            guard !state.isEnded else { return }
            state.waiting.append(payload)
            state.bytes += payload.readableBytes
            if state.sender == nil { state.sender = Task { await self.send() } }
        }
    }

    /// Waits until everything has been handed on; what has not by then is let go of.
    func drain(within limit: Duration) async {
        guard let sender = self.state.withLock({ $0.sender }) else { return }
        let timer = Task {
            try await Task.sleep(for: limit)
            self.end()
        }
        await sender.value
        timer.cancel()
    }

    /// Lets go of what waits.
    func end() {
        let (reader, sender) = self.state.withLock { state in
            state.isEnded = true
            state.waiting = []
            state.position = 0
            state.bytes = 0
            defer { state.reader = nil }
            return (state.reader, state.sender)
        }
        sender?.cancel()
        reader?.resume()
    }

    private func send() async {
        while let payload = self.next() {
            var isDone = false
            while !isDone {
                isDone = true
                do {
                    try await self.node.send(payload, to: self.peer, on: self.stream)
                } catch {
                    // A peer that does not read for long is not given up: it may go on.
                    isDone = error.code != .sendTimedOut
                    if isDone, error.code != .cancelled { self.report(error) }
                }
            }
            self.sent(payload)
        }
    }

    /// The first that waits; nil when there is none, which ends the task.
    private func next() -> ByteBuffer? {
        self.state.withLock { state in
            guard state.count > 0 else {
                state.sender = nil
                state.waiting = []
                state.position = 0
                return nil
            }
            return state.waiting[state.position]
        }
    }

    private func sent(_ payload: ByteBuffer) {
        let reader = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.count > 0 else { return nil }
            state.waiting[state.position] = ByteBuffer()
            state.position += 1
            state.bytes -= payload.readableBytes
            if state.position >= Self.maximumMessages {
                state.waiting.removeFirst(state.position)
                state.position = 0
            }
            guard state.hasRoom else { return nil }
            defer { state.reader = nil }
            return state.reader
        }
        reader?.resume()
    }
}
