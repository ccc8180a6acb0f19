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

/// The connection counts of a host, shared by its dials and listeners.
final class SharedConnectionLimiter: Sendable {
    private let limiter: Locked<ConnectionLimiter>

    init(limits: HostLimits) {
        self.limiter = Locked(ConnectionLimiter(limits: limits))
    }

    /// Counts an accepted connection from an address, or says which limit it exceeds.
    func admitInbound(from address: SocketAddress?) throws(HostError) -> ConnectionTicket {
        let block = AddressBlock(address)
        try self.change { limiter throws(HostError) in try limiter.admitInbound(from: block) }
        return ConnectionTicket(.inbound(block), limiter: self)
    }

    /// Counts a connection that this side opens.
    func admitOutbound() throws(HostError) -> ConnectionTicket {
        try self.change { limiter throws(HostError) in try limiter.admitOutbound() }
        return ConnectionTicket(.outbound, limiter: self)
    }

    var connections: Int { self.limiter.withLock { $0.connections } }
    var unauthenticated: Int { self.limiter.withLock { $0.unauthenticated } }

    private func change(_ body: (inout ConnectionLimiter) throws(HostError) -> Void) throws(HostError) {
        let result = self.limiter.withLock { limiter -> Result<Void, HostError> in
            do throws(HostError) {
                try body(&limiter)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    fileprivate func authenticated() {
        self.limiter.withLock { $0.authenticated() }
    }

    fileprivate func remove(_ origin: ConnectionTicket.Origin, wasAuthenticated: Bool) {
        self.limiter.withLock { limiter in
            switch origin {
            case .inbound(let block): limiter.removeInbound(from: block, wasAuthenticated: wasAuthenticated)
            case .outbound: limiter.removeOutbound()
            }
        }
    }
}

/// One counted connection; it is given back once, whoever comes first.
final class ConnectionTicket: Sendable {
    private enum State {
        case unauthenticated
        case authenticated
        case released
    }

    /// What the connection counts as.
    enum Origin {
        case inbound(AddressBlock?)
        case outbound
    }

    private let origin: Origin
    private let limiter: SharedConnectionLimiter
    private let state = Locked(State.unauthenticated)

    init(_ origin: Origin, limiter: SharedConnectionLimiter) {
        self.origin = origin
        self.limiter = limiter
    }

    func authenticated() {
        let changed = self.state.withLock { state in
            guard case .unauthenticated = state else { return false }
            state = .authenticated
            return true
        }
        if changed, case .inbound = self.origin { self.limiter.authenticated() }
    }

    func release() {
        let before = self.state.withLock { state in
            defer { state = .released }
            return state
        }
        switch before {
        case .unauthenticated: self.limiter.remove(self.origin, wasAuthenticated: false)
        case .authenticated: self.limiter.remove(self.origin, wasAuthenticated: true)
        case .released: break
        }
    }
}
