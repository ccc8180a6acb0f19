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

import Dispatch
import Foundation
import LibP2P
import Multiformats
import NIOCore
import NIOPosix
import PeerIdentity
import Testing

@testable import Glueberry

/// Each check is shown red by the fault that it is there for, and green without it.
@Suite(.timeLimit(.minutes(2))) struct HealthTests {
    private let patient = Duration.seconds(60)

    private func check(_ name: String, in report: HealthReport) throws -> HealthReport.Check {
        try #require(report.checks.first { $0.name == name || $0.name.hasPrefix(name + " ") }, "no check \(name)")
    }

    @Test func aNodeThatWorksIsLiveAndReady() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            for node in [listener, dialer] {
                let report = await node.health(deadline: patient)
                #expect(report.isLive)
                #expect(report.isReady)
                #expect(report.failures.isEmpty)
                for name in ["control-loop", "event-loop", "timers", "running", "connection-limit", "consumers"] {
                    #expect(try check(name, in: report).status == .passed)
                }
            }
            let address = try #require(listener.running?.host.listenAddresses.first)
            let report = await listener.health(deadline: patient)
            #expect(try check("listening \(address)", in: report).status == .passed)
        }
    }

    @Test func aNodeThatDoesNotRunIsLiveAndNotReady() async throws {
        let node = try Node(identity: .generate())
        let report = await node.health(deadline: patient)
        #expect(report.isLive)
        #expect(!report.isReady)
        #expect(report.failures.map(\.name) == ["running"])
        try await node.start()
        #expect(await node.health(deadline: patient).isReady)
        await node.stop()
        #expect(await !node.health(deadline: patient).isReady)
    }

    @Test func aListenerThatWasClosedUnderneathIsFound() async throws {
        try await withNodes { listener, _ in
            let bound = try #require(listener.running?.host.listeners.first)
            try await bound.channel.close().outcome()
            let report = await listener.health(deadline: patient)
            #expect(report.isLive)
            #expect(report.failures.map(\.name) == ["listening \(bound.address)"])
        }
    }

    @Test func anEventLoopThatStandsStillIsFound() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let node = try Node(identity: .generate(), eventLoopGroup: group)
        try await node.start()
        let released = DispatchSemaphore(value: 0)
        group.any().execute { released.wait() }
        let report = await node.health(deadline: .milliseconds(100))
        released.signal()
        #expect(!report.isLive)
        #expect(!report.isReady)
        #expect(Set(report.failures.map(\.name)) == ["control-loop", "event-loop 0", "timers"])
        #expect(try check("control-loop", in: report).message.contains("no answer"))
        #expect(await node.health(deadline: patient).isReady)
        await node.stop()
        try await group.shutdownGracefully()
    }

    @Test func aNodeAtItsConnectionLimitIsNotReady() async throws {
        var configuration = standard()
        configuration.host.limits.connections = 1
        try await withNodes(configuration, other: standard()) { listener, dialer in
            #expect(await listener.health(deadline: patient).isReady)
            try await establish(listener, dialer)
            let report = await listener.health(deadline: patient)
            #expect(report.isLive)
            #expect(report.failures.map(\.name) == ["connection-limit"])
            #expect(report.failures.first?.message == "1 of 1 connections")
        }
    }

    @Test func anAddressBookThatCannotBeWrittenIsFoundUntilItCan() async throws {
        let folder = try TemporaryFolder()
        let node = try Node(identity: .generate(), addressBook: .file(folder.file("absent/book.json")))
        try await node.start()
        #expect(await node.health(deadline: patient).isReady)
        try await node.addPeer(Identity.generate().peerID, addresses: [])
        await #expect(throws: GlueberryError.self) { try await node.saveAddressBook() }
        let report = await node.health(deadline: patient)
        #expect(report.isLive)
        #expect(report.failures.map(\.name) == ["address-book"])
        try FileManager.default.createDirectory(atPath: folder.file("absent"), withIntermediateDirectories: true)
        try await node.saveAddressBook()
        #expect(await node.health(deadline: patient).isReady)
        await node.stop()
    }

    @Test func aConsumerThatDoesNotReadIsFoundUntilItDoes() async throws {
        var configuration = standard(["a"])
        configuration.receiveBufferMessages = 4
        try await withNodes(configuration, other: standard(["a"])) { listener, dialer in
            try await establish(listener, dialer)
            for _ in 0..<8 { try await dialer.send([1], to: listener.peerID, on: "a") }
            try await eventually { !listener.instruments.heldUp().isEmpty }
            let report = await listener.health(deadline: patient, stalledAfter: .zero, watchdog: Watchdog())
            #expect(report.isLive)
            #expect(report.failures.map(\.name) == ["consumers"])
            #expect(report.failures.first?.message.contains("a of \(dialer.peerID)") == true)
            let early = await listener.health(deadline: patient, stalledAfter: .hours(1), watchdog: Watchdog())
            #expect(early.isReady, "it has not been long")
            var messages = try listener.messages().makeAsyncIterator()
            for _ in 0..<8 { _ = try #require(await messages.next()) }
            try await eventually { listener.instruments.heldUp().isEmpty }
            #expect(await listener.health(deadline: patient, stalledAfter: .zero, watchdog: Watchdog()).isReady)
        }
    }

    @Test func aPeerThatFloodsTheHandshakeDoesNotMakeTheNodeUnready() async throws {
        let node = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: standard())
        let peer = ScriptedPeer()
        try await node.start()
        _ = try await peer.host.connect(to: node.peerID, addresses: node.listenAddresses)
        let stream = try await peer.open(StreamName.handshake, to: node)
        for _ in 0..<200 { try await stream.write(Frame.encode(ByteBuffer(bytes: [1]))) }
        try await eventually {
            node.statistics(of: peer.peerID)?.streams[StreamName.handshake]?.messagesReceived ?? 0 >= 64
        }
        #expect(await node.health(deadline: patient, stalledAfter: .zero, watchdog: Watchdog()).isReady)
        await peer.host.stop()
        await node.stop()
    }

    private struct Dependency: HealthChecking {
        let healthCheckName: String
        let answer: @Sendable () async -> String?
        func healthProblem() async -> String? { await self.answer() }
    }

    @Test func whatTheApplicationDependsOnIsAsked() async throws {
        var configuration = NodeConfiguration()
        configuration.healthChecks = [
            Dependency(healthCheckName: "disk") { nil }, Dependency(healthCheckName: "book") { "disk\nfull" },
        ]
        let node = try Node(identity: .generate(), configuration: configuration)
        try await node.start()
        let report = await node.health(deadline: patient)
        #expect(report.isLive)
        #expect(report.failures.map(\.name) == ["book"])
        #expect(report.failures.first?.message == "disk\\nfull")
        #expect(try check("disk", in: report).status == .passed)
        await node.stop()
    }

    @Test func aDependencyThatHangsFailsAtTheDeadlineAndIsCancelled() async throws {
        let ended = Log<Bool>()
        var configuration = NodeConfiguration()
        configuration.healthChecks = [
            Dependency(healthCheckName: "slow") {
                while !Task.isCancelled { await Task.yield() }
                ended.append(true)
                return nil
            }
        ]
        let node = try Node(identity: .generate(), configuration: configuration)
        try await node.start()
        let report = await node.health(deadline: .milliseconds(50))
        #expect(report.checks.last?.name == "slow")
        #expect(report.checks.last?.status == .failed)
        try await eventually { ended.count == 1 }
        await node.stop()
    }

    @Test func aReportReadsAsTextAndAsJSON() throws {
        let report = HealthReport(checks: [
            .init(name: "control-loop", kind: .liveness, status: .passed, message: "answers"),
            .init(name: "listening", kind: .readiness, status: .failed, message: "\"closed\""),
        ])
        #expect(report.description.hasPrefix("live, not ready\n"))
        #expect(
            report.json
                == #"{"live":true,"ready":false,"checks":[{"name":"control-loop","kind":"liveness","status":"passed","#
                + #""message":"answers"},{"name":"listening","kind":"readiness","status":"failed","#
                + #""message":"\"closed\""}]}"#)
    }
}
