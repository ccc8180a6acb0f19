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

import PeerIdentity
import Tracing

/// The spans of one peer's life: connecting with its dial, and the handshake with its steps.
///
/// Confined to the control loop, like the life itself. Does nothing without a tracer.
struct PeerSpans {
    private let tracing: NodeTracing?
    private let peer: PeerID
    /// Where the call that asked for the connection came from.
    private var caller: ServiceContext?
    private var connect: OpenSpan?
    private var dial: OpenSpan?
    private var handshake: OpenSpan?

    init(_ tracing: NodeTracing?, peer: PeerID) {
        self.tracing = tracing
        self.peer = peer
    }

    /// A connection is asked for.
    mutating func connecting(for caller: ServiceContext?) {
        guard self.tracing != nil else { return }
        self.caller = caller
    }

    /// A try to connect begins.
    mutating func connectBegan() {
        guard let tracing = self.tracing, self.connect == nil else { return }
        self.connect = tracing.start(.connect, under: self.caller, peer: self.peer)
        self.connect?.set(direction: true)
    }

    mutating func dialBegan() {
        guard let tracing = self.tracing else { return }
        self.dial = tracing.start(.dial, under: self.connect?.context, peer: self.peer)
        self.dial?.set(direction: true)
    }

    mutating func dialEnded(_ error: (any Error)? = nil) {
        if let error { self.dial?.fail(error) } else { self.dial?.end() }
        self.dial = nil
    }

    /// The try has come to nothing.
    mutating func connectFailed(_ error: any Error) {
        self.dialEnded(error)
        self.connect?.fail(error)
        self.connect = nil
        self.caller = nil
    }

    /// A session begins, and its handshake with it.
    mutating func connected(isOutbound: Bool) {
        guard let tracing = self.tracing else { return }
        self.dialEnded()
        self.connect?.end()
        self.connect = nil
        self.handshake = tracing.start(.handshake, under: self.caller, peer: self.peer)
        self.handshake?.set(direction: isOutbound)
        self.caller = nil
    }

    /// A step of the handshake; one that comes when it is complete belongs to no other span.
    func step(_ name: NodeTracing.Name) -> OpenSpan? {
        self.tracing?.start(name, under: self.handshake?.context, peer: self.peer)
    }

    mutating func handshakeEnded(_ result: NodeInstruments.HandshakeResult, _ error: (any Error)? = nil) {
        self.handshake?.set(result)
        if let error { self.handshake?.fail(error) } else { self.handshake?.end() }
        self.handshake = nil
    }
}
