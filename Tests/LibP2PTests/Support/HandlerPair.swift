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
import NIOEmbedded
import PeerIdentity

@testable import LibP2P

/// Two connection handlers joined in memory, with virtual time: the dialer's and the listener's connection.
final class HandlerPair {
    let loop = EmbeddedEventLoop()
    let executor = ManualTaskExecutor()
    let dialer: HandlerSide
    let listener: HandlerSide
    let dialerDelegate: FakeDelegate
    let listenerDelegate: FakeDelegate
    /// Whether bytes of the listener reach the dialer.
    var isListenerHeard = true

    init(configure: (inout HostConfiguration) -> Void = { _ in }) throws {
        var configuration = HostConfiguration()
        configure(&configuration)
        self.dialerDelegate = FakeDelegate(limits: configuration.limits)
        self.listenerDelegate = FakeDelegate(limits: configuration.limits)
        let listenerKeys = try SeededKeys(2)
        self.listener = try HandlerSide(
            isDialer: false, keys: listenerKeys, delegate: self.listenerDelegate, configuration: configuration,
            loop: self.loop)
        self.dialer = try HandlerSide(
            isDialer: true, keys: SeededKeys(1), expecting: listenerKeys.identity.peerID, delegate: self.dialerDelegate,
            configuration: configuration, loop: self.loop)
        try self.run()
    }

    /// Lets tasks, handlers and the wire go on until nothing is left to do.
    func run() throws {
        while true {
            self.executor.run()
            self.loop.run()
            let toListener = try self.dialer.takeOutput()
            let toDialer = self.isListenerHeard ? try self.listener.takeOutput() : []
            guard !toListener.isEmpty || !toDialer.isEmpty || self.executor.hasWork else { return }
            try self.listener.give(toListener)
            try self.dialer.give(toDialer)
        }
    }
}
