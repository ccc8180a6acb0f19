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

@testable import Glueberry

/// A peer's life with a clock of its own that notes what the life asked for.
struct Life {
    /// What a life asks for, in a form that can be compared.
    enum Step: Equatable, CustomStringConvertible {
        case state(ConnectionState)
        case dial
        case cancelDial
        case begin(UInt64)
        case establish(UInt64)
        case end(UInt64)
        case close(UInt32)

        init(_ effect: PeerLifecycle.Effect) {
            self =
                switch effect {
                case .state(let state, _): .state(state)
                case .dial: .dial
                case .cancelDial: .cancelDial
                case .begin(let generation): .begin(generation)
                case .establish(let generation): .establish(generation)
                case .end(let generation, _): .end(generation)
                case .closeConnections(let code): .close(code)
                }
        }

        var description: String {
            switch self {
            case .state(let state): "\(state)"
            case .dial: "dial"
            case .cancelDial: "cancelDial"
            case .begin(let generation): "begin \(generation)"
            case .establish(let generation): "establish \(generation)"
            case .end(let generation): "end \(generation)"
            case .close(let code): "close \(code)"
            }
        }
    }

    static let settings = PeerLifecycle.Settings(
        handshakeTimeout: .seconds(30), cooldown: .seconds(60),
        backoff: Backoff(base: .seconds(1), maximum: .seconds(300), attempts: 10))

    var lifecycle: PeerLifecycle
    private(set) var now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    init(_ settings: PeerLifecycle.Settings = Self.settings) {
        self.lifecycle = PeerLifecycle(settings: settings)
    }

    /// A life in a state that it reached on the usual way, wanted by this side.
    init(in state: ConnectionState, _ settings: PeerLifecycle.Settings = Self.settings) {
        self.init(settings)
        guard state != .disconnected else { return }
        _ = self.lifecycle.connect()
        switch state {
        case .disconnected, .connecting: break
        case .reconnecting: _ = self.dialFailed()
        case .connected: _ = self.connected()
        case .established:
            _ = self.connected()
            _ = self.finalized()
        case .cooldown:
            _ = self.connected()
            _ = self.passDeadline()
        }
    }

    var state: ConnectionState { self.lifecycle.state }

    /// How long until something is due.
    var wait: TimeAmount? { self.lifecycle.deadline.map { $0 - self.now } }

    mutating func advance(_ time: TimeAmount) { self.now = self.now + time }

    mutating func connect() -> [Step] { self.lifecycle.connect().map(Step.init) }

    mutating func disconnect(_ code: UInt32 = 0) -> [Step] { self.lifecycle.disconnect(code: code).map(Step.init) }

    mutating func cancelReconnection() -> [Step] { self.lifecycle.cancelReconnection().map(Step.init) }

    mutating func retryNow() -> [Step] { self.lifecycle.retryNow().map(Step.init) }

    mutating func dialFailed(jitter: Double = 0.5) -> [Step] {
        self.lifecycle.dialFailed(HostError(.dialFailed, "no answer"), now: self.now, jitter: jitter).map(Step.init)
    }

    mutating func connected() -> [Step] { self.lifecycle.connected(now: self.now).map(Step.init) }

    mutating func superseded() -> [Step] { self.lifecycle.superseded(now: self.now).map(Step.init) }

    mutating func finalized(_ generation: UInt64? = nil) -> [Step] {
        self.lifecycle.finalized(generation: generation ?? self.lifecycle.generation, now: self.now).map(Step.init)
    }

    mutating func handshakeFailed(_ generation: UInt64? = nil) -> [Step] {
        self.lifecycle.handshakeFailed(
            generation: generation ?? self.lifecycle.generation, GlueberryError(.handshakeFailed, "no"), now: self.now
        ).map(Step.init)
    }

    mutating func lost(
        _ reason: ConnectionCloseReason = .closedByPeer(code: nil), generation: UInt64? = nil, jitter: Double = 0.5
    ) -> [Step] {
        self.lifecycle.lost(
            generation: generation ?? self.lifecycle.generation, reason, now: self.now, jitter: jitter
        ).map(Step.init)
    }

    mutating func timeout(jitter: Double = 0.5) -> [Step] {
        self.lifecycle.timeout(now: self.now, jitter: jitter).map(Step.init)
    }

    /// Goes on to the deadline, if there is one, and past it.
    mutating func passDeadline(jitter: Double = 0.5) -> [Step] {
        if let deadline = self.lifecycle.deadline { self.now = max(self.now, deadline) }
        return self.timeout(jitter: jitter)
    }
}
