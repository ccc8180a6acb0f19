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
import Logging
import Multiformats
import PeerIdentity
import ServiceLifecycle
import Testing

@testable import Glueberry

/// A node as a service of swift-service-lifecycle.
@Suite(.timeLimit(.minutes(3))) struct NodeServiceTests {
    private let logger: Logger

    init() {
        var logger = Logger(label: "glueberry.tests")
        logger.logLevel = .critical
        self.logger = logger
    }

    private func listener() throws -> Node {
        try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
    }

    @Test func inAGroupItRunsUntilTheGroupShutsDownGracefully() async throws {
        let (listener, dialer) = (try self.listener(), try Node(identity: .generate(), configuration: standard()))
        let group = ServiceGroup(services: [listener, dialer], logger: self.logger)
        let running = Task { try await group.run() }
        try await eventually { !listener.listenAddresses.isEmpty && dialer.running != nil }
        let runs = try [listener, dialer].map { try #require($0.running) }
        try await establish(listener, dialer)
        try await dialer.send([9], to: listener.peerID, on: "a")
        await group.triggerGracefulShutdown()
        try await running.value
        for run in runs {
            #expect(run.host.connectionCounts == (0, 0))
            #expect(run.tasks.count == 0)
        }
        // What was accepted before the shutdown arrived, and can still be read.
        var messages = try listener.messages().makeAsyncIterator()
        #expect(await messages.next()?.bytes == [9])
        #expect(await messages.next() == nil)
    }

    @Test func itEndsWithItsTask() async throws {
        let node = try self.listener()
        let running = Task { try await node.run() }
        try await eventually { node.running != nil }
        running.cancel()
        try await running.value
        #expect(node.running == nil)
    }

    @Test func itEndsWhenSomebodyStopsTheNode() async throws {
        let node = try self.listener()
        let running = Task { try await node.run() }
        try await eventually { node.running != nil }
        await node.stop()
        try await running.value
        #expect(node.running == nil)
    }

    @Test func aServiceThatCannotStartEndsItsGroup() async throws {
        let first = try self.listener()
        try await first.start()
        let address = try #require(first.listenAddresses.first)
        let second = try Node(identity: .generate(), listen: [address.withoutPeer], configuration: standard())
        let group = ServiceGroup(services: [second], logger: self.logger)
        await #expect {
            try await group.run()
        } throws: {
            ($0 as? GlueberryError)?.code == .hostFailed
        }
        await first.stop()
    }
}
