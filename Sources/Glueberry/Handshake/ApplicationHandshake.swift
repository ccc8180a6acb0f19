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
public import PeerIdentity

/// Drives a handshake of the application's own with one peer: sends its messages on the stream `handshake`, repeats what
/// is not answered, and ends it in time.
///
/// The application reads `messages(on: "handshake")`, since only it knows what its messages mean, and tells the handshake
/// what has come of them. Safe to use from any number of tasks.
///
/// ```swift
/// let handshake = try ApplicationHandshake(with: peer, on: node)
/// try handshake.request([1] + hello)            // again every 2 s, until:
/// try handshake.received()                      // the response has come
/// try await node.prepareStreams(with: peer, publicKey: key, named: ["chat"])
/// try handshake.finalize([3])                   // again every 2 s, until:
/// try handshake.complete()                      // the other side has said that it is done
/// try await node.finalizeHandshake(with: peer)
/// ```
public final class ApplicationHandshake: Sendable {
    private struct State {
        var machine: HandshakeStateMachine
        var timer: Scheduled<Void>?
    }

    /// Who it is done with.
    public let peer: PeerID
    /// The session that it belongs to: it fails with that session.
    public let session: UInt64
    private let eventLoop: any EventLoop
    private let channel: StreamChannel
    private let ended = Occasion()
    private let box: Locked<State>

    /// Begins a handshake with a peer that is `Connected`; nothing is sent yet, but its time runs.
    ///
    /// - Parameters:
    ///   - peer: The peer.
    ///   - node: A node whose configuration leaves the handshake to the application.
    ///   - machine: How often and how long to try; see ``HandshakeStateMachine/init(maximumRetries:retryInterval:timeout:)``.
    /// - Throws: ``GlueberryError`` with code `notStarted`, `notConnected`, or `invalidStreamName` if the node does the
    ///   ready-made handshake.
    public init(
        with peer: PeerID, on node: Node, _ machine: HandshakeStateMachine = HandshakeStateMachine()
    ) throws(GlueberryError) {
        let run = try node.requireRunning()
        guard case .application = node.configuration.handshake else {
            throw GlueberryError(
                .invalidStreamName, "the ready-made handshake has the stream to itself", peer: peer,
                stream: StreamName.handshake)
        }
        guard let session = run.directory.session(with: peer), let channel = session.channel(StreamName.handshake)
        else {
            throw GlueberryError(.notConnected, "there is no session with the peer", peer: peer)
        }
        self.peer = peer
        self.session = session.generation
        self.eventLoop = run.eventLoop
        self.channel = channel
        var machine = machine
        machine.begin(now: run.eventLoop.now)
        self.box = Locked(State(machine: machine))
        self.update()
        channel.onClose { [weak self] error in self?.fail(error) }
    }

    deinit { self.box.withLock { $0.timer }?.cancel() }

    /// The step that it is at.
    public var state: HandshakeStateMachine.State { self.box.withLock { $0.machine.state } }

    /// How often something was repeated.
    public var retries: Int { self.box.withLock { $0.machine.retries } }

    // MARK: Steps

    /// Sends the request, and again after each interval until ``received()``.
    ///
    /// - Throws: ``GlueberryError`` as ``HandshakeStateMachine/transition(to:)`` and as `trySend` do.
    public func request(_ message: [UInt8]) throws(GlueberryError) { try self.send(message, as: .sentRequest) }

    /// The response has come.
    ///
    /// - Throws: As ``HandshakeStateMachine/transition(to:)``.
    public func received() throws(GlueberryError) { try self.transition(to: .receivedResponse) }

    /// Sends the last message, and again after each interval until ``complete()``.
    ///
    /// - Throws: As ``request(_:)``.
    public func finalize(_ message: [UInt8]) throws(GlueberryError) { try self.send(message, as: .sentFinalize) }

    /// Both sides are done: nothing is repeated any more, and ``result()`` returns.
    ///
    /// - Throws: As ``HandshakeStateMachine/transition(to:)``.
    public func complete() throws(GlueberryError) { try self.transition(to: .complete) }

    /// Ends the handshake: ``result()`` throws the error.
    ///
    /// The connection stays; `disconnect` closes it, and the node's own time-out does.
    public func fail(_ error: GlueberryError) {
        self.box.withLock { $0.machine.fail(error) }
        self.update()
    }

    /// Waits until the handshake is complete.
    ///
    /// - Throws: ``GlueberryError`` with why it failed: `handshakeTimedOut`, `handshakeFailed` after the last repetition,
    ///   what ``fail(_:)`` was given, why the session ended; or `cancelled`.
    public func result() async throws(GlueberryError) {
        let waiter = Settlement<Void, Never>()
        self.ended.notify(waiter)
        await withTaskCancellationHandler {
            _ = await waiter.value()
        } onCancel: {
            waiter.succeed()
        }
        let machine = self.box.withLock { $0.machine }
        guard !machine.isComplete else { return }
        throw machine.isFailed
            ? machine.lastError ?? GlueberryError(.handshakeFailed, "the handshake failed", peer: self.peer)
            : GlueberryError(.cancelled, "the task was cancelled", peer: self.peer)
    }

    // MARK: Driving

    private func send(_ message: [UInt8], as next: HandshakeStateMachine.State) throws(GlueberryError) {
        let now = self.eventLoop.now
        try self.change { machine throws(GlueberryError) in try machine.send(message, as: next, now: now) }
        try self.channel.trySend(ByteBuffer(bytes: message))
    }

    private func transition(to next: HandshakeStateMachine.State) throws(GlueberryError) {
        try self.change { machine throws(GlueberryError) in try machine.transition(to: next) }
    }

    private func change(
        _ body: (inout HandshakeStateMachine) throws(GlueberryError) -> Void
    ) throws(GlueberryError) {
        let result = self.box.withLock { state -> Result<Void, GlueberryError> in
            do throws(GlueberryError) {
                try body(&state.machine)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        self.update()
        try result.get()
    }

    /// Sets the timer for what is due next, or tells whoever waits that it is over.
    private func update() {
        let (isTerminal, deadline, timer) = self.box.withLock { state in
            defer { state.timer = nil }
            return (state.machine.isTerminal, state.machine.nextDeadline, state.timer)
        }
        timer?.cancel()
        if isTerminal { self.ended.happen() }
        guard let deadline else { return }
        let next = self.eventLoop.scheduleTask(deadline: deadline) { [weak self] () -> Void in self?.timeout() }
        let replaced = self.box.withLock { state in
            defer { state.timer = next }
            return state.timer
        }
        replaced?.cancel()
    }

    private func timeout() {
        let now = self.eventLoop.now
        let output = self.box.withLock { $0.machine.timeout(now: now) }
        if case .send(let message) = output {
            do throws(GlueberryError) {
                try self.channel.trySend(ByteBuffer(bytes: message))
            } catch {
                // A full queue empties.
                if error.code != .sendQueueFull { self.box.withLock { $0.machine.fail(error) } }
            }
        }
        self.update()
    }
}
