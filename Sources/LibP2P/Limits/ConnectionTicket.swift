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
import Synchronization

/// The connection counts of a host, shared by its dials and listeners.
final class SharedConnectionLimiter: Sendable {
    private let limiter: Mutex<ConnectionLimiter>

    init(limits: HostLimits) {
        self.limiter = Mutex(ConnectionLimiter(limits: limits))
    }

    /// Counts an accepted connection from an address, or says which limit it exceeds.
    func admitInbound(from address: SocketAddress?) throws(HostError) -> ConnectionTicket {
        try self.admit(AddressBlock(address))
    }

    /// Counts a connection that this side opens.
    func admitOutbound() throws(HostError) -> ConnectionTicket {
        try self.admit(nil)
    }

    var connections: Int { self.limiter.withLock { $0.connections } }
    var unauthenticated: Int { self.limiter.withLock { $0.unauthenticated } }

    private func admit(_ block: AddressBlock?) throws(HostError) -> ConnectionTicket {
        let result = self.limiter.withLock { limiter -> Result<Void, HostError> in
            do throws(HostError) {
                try limiter.admit(block)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
        return ConnectionTicket(block: block, limiter: self)
    }

    fileprivate func authenticated() {
        self.limiter.withLock { $0.authenticated() }
    }

    fileprivate func remove(_ block: AddressBlock?, wasAuthenticated: Bool) {
        self.limiter.withLock { $0.remove(block, wasAuthenticated: wasAuthenticated) }
    }
}

/// One counted connection; it is given back once, whoever comes first.
final class ConnectionTicket: Sendable {
    private enum State {
        case unauthenticated
        case authenticated
        case released
    }

    let block: AddressBlock?
    private let limiter: SharedConnectionLimiter
    private let state = Mutex(State.unauthenticated)

    init(block: AddressBlock?, limiter: SharedConnectionLimiter) {
        self.block = block
        self.limiter = limiter
    }

    func authenticated() {
        let changed = self.state.withLock { state in
            guard case .unauthenticated = state else { return false }
            state = .authenticated
            return true
        }
        if changed { self.limiter.authenticated() }
    }

    func release() {
        let before = self.state.withLock { state in
            defer { state = .released }
            return state
        }
        switch before {
        case .unauthenticated: self.limiter.remove(self.block, wasAuthenticated: false)
        case .authenticated: self.limiter.remove(self.block, wasAuthenticated: true)
        case .released: break
        }
    }
}
