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
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite(.timeLimit(.minutes(2))) struct LoggingTests {
    @Test func startStopEstablishedAndLostAreInformation() async throws {
        try await withObservedNodes { listener, listening, dialer, dialling in
            try await establish(listener, dialer)
            #expect(listening.records("node started").map(\.level) == [.info])
            #expect(listening.records("node started").first?.value("peer") == listener.peerID.description)
            let established = try #require(dialling.records("peer established").first)
            #expect(established.level == .info)
            #expect(established.value("peer") == listener.peerID.description)
            await dialer.disconnect(from: listener.peerID)
            try await eventually { !listening.records("peer lost").isEmpty }
            let lost = try #require(listening.records("peer lost").first)
            #expect(lost.level == .info)
            #expect(lost.value("peer") == dialer.peerID.description)
            #expect(lost.value("reason")?.contains("closed") == true)
            await listener.stop()
            #expect(listening.records("node stopped").map(\.level) == [.info])
            let others = listening.records.all.filter { $0.message == "peer state" }
            #expect(!others.isEmpty)
            #expect(others.allSatisfy { $0.level == .debug })
            #expect(listening.records.all.allSatisfy { $0.level < .warning }, "nothing went wrong")
        }
    }

    @Test func aRefusedPublicKeyIsAWarning() async throws {
        try await withObservedNodes(NodeConfiguration()) { listener, _, dialer, dialling in
            try await dialer.connect(to: #require(listener.listenAddresses.first), timeout: .seconds(20))
            await #expect(throws: GlueberryError.self) {
                try await dialer.prepareStreams(
                    with: listener.peerID, publicKey: Identity.generate().publicKey, named: ["a"])
            }
            let warnings = dialling.records.all.filter { $0.level == .warning }
            #expect(warnings.count == 1)
            #expect(warnings.first?.message.contains("public key refused") == true)
            #expect(warnings.first?.value("peer") == listener.peerID.description)
        }
    }

    @Test func recordsAreOneLineAndCarryNoSecret() async throws {
        try await withObservedNodes { listener, listening, dialer, dialling in
            try await establish(listener, dialer)
            try await dialer.send(Array("attack at dawn".utf8), to: listener.peerID, on: "a")
            var messages = try listener.messages().makeAsyncIterator()
            _ = await messages.next()
            await dialer.stop()
            await listener.stop()
            let secrets = [listener, dialer].map { node in node.identity.withSeed { Base16.encode($0) } }
            #expect(listening.records.count > 3)
            for record in listening.records.all + dialling.records.all {
                #expect(!record.text.contains("\n"))
                #expect(!record.text.contains("dawn"))
                for secret in secrets { #expect(!record.text.lowercased().contains(secret)) }
            }
        }
    }

    @Test func textOfOthersIsEscapedAndBounded() {
        let hostile = GlueberryError(.handshakeFailed, "a\nb\u{1b}[31m\u{202e}" + String(repeating: "x", count: 5000))
        let text = LogText.of(hostile)
        #expect(text.contains("a\\nb\\u{1B}[31m\\u{202E}"))
        #expect(!text.unicodeScalars.contains { $0.value < 0x20 })
        #expect(text.count < 1200)
    }

    @Test func aNodeThatCannotListenSaysSo() async throws {
        let observed = Observed()
        let node = try observed.node(listen: ["/ip4/203.0.113.1/tcp/9"], NodeConfiguration())
        await #expect(throws: GlueberryError.self) { try await node.start() }
        #expect(observed.records("node not started").map(\.level) == [.debug])
    }
}
