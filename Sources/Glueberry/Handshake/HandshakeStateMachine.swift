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

public import NIOCore

/// The progress of a handshake that an application writes itself, as a value: which step it is at, how often a message was
/// repeated, and when to give up.
///
/// The steps are those of most handshakes: one side sends a request and gets a response, then sends a last message and is
/// complete. What is not answered is repeated at intervals, a bounded number of times. The value holds no clock and sends
/// nothing; ``ApplicationHandshake`` drives it over a node, and anything else can, see ``nextDeadline``.
///
/// ```swift
/// var machine = HandshakeStateMachine(maximumRetries: 3)
/// try machine.transition(to: .sentRequest)
/// try machine.transition(to: .receivedResponse)
/// try machine.transition(to: .sentFinalize)
/// try machine.transition(to: .complete)
/// ```
public struct HandshakeStateMachine: Sendable {
    /// The steps.
    public enum State: String, Sendable, CaseIterable, CustomStringConvertible {
        /// Nothing has been sent.
        case initial = "Init"
        /// The request is under way.
        case sentRequest = "SentRequest"
        /// The response has come.
        case receivedResponse = "ReceivedResponse"
        /// The last message is under way.
        case sentFinalize = "SentFinalize"
        /// Both sides are done.
        case complete = "Complete"
        /// It came to nothing; see ``HandshakeStateMachine/lastError``.
        case failed = "Failed"

        /// The name of the step.
        public var description: String { self.rawValue }

        /// Whether a handshake can go from this step to another; to itself means to repeat it.
        public func canBecome(_ next: State) -> Bool {
            switch (self, next) {
            case (.initial, .sentRequest), (.initial, .failed),
                (.sentRequest, .receivedResponse), (.sentRequest, .sentRequest), (.sentRequest, .failed),
                (.receivedResponse, .sentFinalize), (.receivedResponse, .receivedResponse),
                (.receivedResponse, .failed),
                (.sentFinalize, .complete), (.sentFinalize, .sentFinalize), (.sentFinalize, .failed):
                true
            default: false
            }
        }
    }

    /// What is to be done when a deadline has come.
    public enum Output: Sendable, Equatable {
        /// Send this message again.
        case send([UInt8])
        /// The handshake has failed; ``HandshakeStateMachine/lastError`` says why.
        case fail
    }

    /// The step that the handshake is at.
    public private(set) var state = State.initial
    /// How often something was repeated so far.
    public private(set) var retries = 0
    /// How often something may be repeated in all.
    public let maximumRetries: Int
    /// How long a message may be without an answer before it is sent again.
    public let retryInterval: Duration
    /// How long everything may take, from ``begin(now:)`` or the first message on.
    public let timeout: Duration
    /// Why it failed, or what was last reported.
    public private(set) var lastError: GlueberryError?

    private var begun: NIODeadline?
    /// The message that waits for an answer, and when it is sent again.
    private var unanswered: (message: [UInt8], due: NIODeadline)?

    /// Creates a handshake at its begin.
    ///
    /// - Parameters:
    ///   - maximumRetries: How often messages may be repeated in all; 3 unless given, none below 0.
    ///   - retryInterval: The time between repetitions; 2 s unless given.
    ///   - timeout: The longest time for everything; 30 s unless given, as for `NodeConfiguration.handshakeTimeout`.
    public init(maximumRetries: Int = 3, retryInterval: Duration = .seconds(2), timeout: Duration = .seconds(30)) {
        self.maximumRetries = max(maximumRetries, 0)
        self.retryInterval = max(retryInterval, .milliseconds(1))
        self.timeout = timeout
    }

    /// Whether it is complete.
    public var isComplete: Bool { self.state == .complete }
    /// Whether it has failed.
    public var isFailed: Bool { self.state == .failed }
    /// Whether it is complete or has failed.
    public var isTerminal: Bool { self.isComplete || self.isFailed }
    /// Whether something may be repeated.
    public var canRetry: Bool { !self.isTerminal && self.retries < self.maximumRetries }

    // MARK: Steps

    /// Goes to another step; to the same one means that its message is repeated, which counts as a retry.
    ///
    /// - Throws: ``GlueberryError`` with code `handshakeFailed` for a step that cannot follow, which changes nothing, and
    ///   for a repetition too many, after which the handshake has failed.
    public mutating func transition(to next: State) throws(GlueberryError) {
        guard self.state.canBecome(next) else {
            throw GlueberryError(
                .handshakeFailed, "a handshake cannot go from \(self.state) to \(next)",
                hint: self.isTerminal ? "call reset() to begin anew" : nil)
        }
        if next == self.state {
            guard self.canRetry else {
                let error = GlueberryError(
                    .handshakeFailed, "no answer after \(self.retries) repetitions of the handshake's message")
                self.fail(error)
                throw error
            }
            self.retries += 1
        } else {
            self.unanswered = nil
        }
        self.state = next
    }

    /// Ends the handshake; one that is complete stays so.
    public mutating func fail(_ error: GlueberryError) {
        guard !self.isTerminal else { return }
        self.state = .failed
        self.lastError = error
        self.unanswered = nil
    }

    /// Begins anew, with all the retries and all the time.
    public mutating func reset() {
        self = HandshakeStateMachine(
            maximumRetries: self.maximumRetries, retryInterval: self.retryInterval, timeout: self.timeout)
    }

    // MARK: Messages and time

    /// Starts the clock, which the first message starts otherwise; later calls change nothing.
    public mutating func begin(now: NIODeadline) {
        if self.begun == nil { self.begun = now }
    }

    /// Goes to a step by sending a message, which is repeated until the next step.
    ///
    /// - Throws: As ``transition(to:)``.
    public mutating func send(_ message: [UInt8], as next: State, now: NIODeadline) throws(GlueberryError) {
        try self.transition(to: next)
        self.begin(now: now)
        self.unanswered = (message, now + TimeAmount(self.retryInterval))
    }

    /// When ``timeout(now:)`` is to be called; nil when there is nothing to wait for.
    public var nextDeadline: NIODeadline? {
        guard !self.isTerminal, let begun = self.begun else { return nil }
        let end = begun + TimeAmount(self.timeout)
        return self.unanswered.map { min($0.due, end) } ?? end
    }

    /// Does what is due: says what to send again, or that the handshake has failed.
    ///
    /// A call before ``nextDeadline`` does nothing.
    public mutating func timeout(now: NIODeadline) -> Output? {
        guard let deadline = self.nextDeadline, now >= deadline, let begun = self.begun else { return nil }
        guard now < begun + TimeAmount(self.timeout) else {
            self.fail(GlueberryError(.handshakeTimedOut, "the handshake was not complete in time"))
            return .fail
        }
        guard let message = self.unanswered?.message else { return nil }
        do {
            try self.transition(to: self.state)
        } catch {
            return .fail
        }
        self.unanswered = (message, now + TimeAmount(self.retryInterval))
        return .send(message)
    }

    /// How long it has taken since ``begin(now:)`` or the first message; nil before that.
    public func duration(now: NIODeadline) -> Duration? { self.begun.map { Duration(now - $0) } }
}
