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

import Glueberry
import NIOCore
import PeerIdentity
import Testing

@Suite(.timeLimit(.minutes(5))) struct NodeMessageTests {
    @Test func theFirstProgramOfTheReadmeSendsItsMessage() async throws {
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(StandardHandshake(streams: ["chat"]))
        let alice = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: configuration)
        let bob = try Node(identity: .generate(), configuration: configuration)
        try await alice.start()
        try await bob.start()
        for address in alice.listenAddresses { try await bob.connect(to: address) }
        try await bob.waitUntilEstablished(with: alice.peerID)
        try await bob.send("hello".utf8, to: alice.peerID, on: "chat")
        var received: [String] = []
        for await message in try alice.messages().prefix(1) {
            received.append(String(decoding: message.bytes, as: UTF8.self))
        }
        #expect(received == ["hello"])
        await bob.stop()
        await alice.stop()
    }

    @Test func theStandardHandshakeEstablishesBothSides() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            #expect(dialer.state(of: listener.peerID) == .established)
            #expect(listener.state(of: dialer.peerID) == .established)
            #expect(dialer.isOutbound(listener.peerID) == true)
            #expect(listener.isOutbound(dialer.peerID) == false)
        }
    }

    @Test(arguments: [0, 1, 100, 65_536, 300_000, 900_000, 10 * 1024 * 1024])
    func aMessageOfAnySizeArrivesAsItWasSent(size: Int) async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let payload = pattern(size)
            try await dialer.send(payload, to: listener.peerID, on: "a")
            var messages = try listener.messages().makeAsyncIterator()
            let message = try #require(await messages.next())
            #expect(message.peer == dialer.peerID)
            #expect(message.stream == "a")
            #expect(message.bytes == payload)
        }
    }

    @Test func messagesOfOneStreamKeepTheirOrderAndNoneIsLost() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let count = 20_000
            async let received = {
                var numbers: [Int] = []
                for await message in try listener.messages() {
                    numbers.append(Int(String(decoding: message.bytes, as: UTF8.self)) ?? -1)
                    if numbers.count == count { break }
                }
                return numbers
            }()
            for number in 0..<count { try await dialer.send(Array(String(number).utf8), to: listener.peerID, on: "a") }
            #expect(try await received == Array(0..<count))
        }
    }

    @Test func bothSidesEchoOnTheSameStreamName() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let echo = Task {
                for await message in try listener.messages() {
                    try await listener.send(message.payload, to: message.peer, on: message.stream)
                }
            }
            var messages = try dialer.messages().makeAsyncIterator()
            for round in 0..<50 {
                let payload = pattern(round * 1000, seed: round)
                try await dialer.send(payload, to: listener.peerID, on: "b")
                #expect(await messages.next()?.bytes == payload)
            }
            echo.cancel()
        }
    }

    @Test func aConsumerThatPausesHoldsTheSenderUpAndLosesNothing() async throws {
        var patient = standard()
        patient.sendTimeout = .seconds(600)
        try await withNodes(patient) { listener, dialer in
            try await establish(listener, dialer)
            let count = 6000
            let sender = Task {
                for number in 0..<count {
                    try await dialer.send(pattern(2000, seed: number), to: listener.peerID, on: "a")
                }
            }
            // Another stream of the same peer goes on while nobody reads the first.
            let other = try listener.messages(on: "b")
            try await dialer.send([1], to: listener.peerID, on: "b")
            var iterator = other.makeAsyncIterator()
            #expect(await iterator.next()?.bytes == [1])
            var index = 0
            for await message in try listener.messages() {
                #expect(message.bytes == pattern(2000, seed: index))
                index += 1
                if index == count { break }
            }
            try await sender.value
        }
    }

    @Test func aSecondClaimOfTheMessagesThrowsUntilTheFirstIsLetGo() async throws {
        try await withNodes { listener, dialer in
            var first: MessageSequence? = try listener.messages()
            #expect(first != nil)
            #expect { try listener.messages() } throws: { ($0 as? GlueberryError)?.code == .alreadyClaimed }
            first = nil
            _ = try listener.messages()
        }
    }

    @Test func aMessageOverTheMaximumIsRefusedAtTheSender() async throws {
        var configuration = standard()
        configuration.maximumMessageSize = 1000
        try await withNodes(configuration) { listener, dialer in
            try await establish(listener, dialer)
            await #expect {
                try await dialer.send(pattern(1001), to: listener.peerID, on: "a")
            } throws: { ($0 as? GlueberryError)?.code == .messageTooLarge }
            try await dialer.send(pattern(1000), to: listener.peerID, on: "a")
        }
    }

    @Test func aMessageOverTheReceiversMaximumEndsTheStreamAndNotTheSession() async throws {
        var small = standard()
        small.maximumMessageSize = 1000
        try await withNodes(small, other: standard()) { listener, dialer in
            try await establish(listener, dialer)
            try await dialer.send(pattern(5000), to: listener.peerID, on: "a")
            while listener.refusedMessages.malformed == 0 { await Task.yield() }
            #expect(listener.state(of: dialer.peerID) == .established)
            try await dialer.send(pattern(10), to: listener.peerID, on: "b")
            var messages = try listener.messages().makeAsyncIterator()
            #expect(await messages.next()?.bytes == pattern(10))
        }
    }

    @Test func sendingBeforeTheHandshakeOrOnAnUnpreparedStreamIsATypedError() async throws {
        try await withNodes { listener, dialer in
            await #expect {
                try await dialer.send([1], to: listener.peerID, on: "a")
            } throws: { ($0 as? GlueberryError)?.code == .notConnected }
            try await establish(listener, dialer)
            await #expect {
                try await dialer.send([1], to: listener.peerID, on: "c")
            } throws: { ($0 as? GlueberryError)?.code == .streamNotPrepared }
        }
    }

    @Test func whatWasReceivedIsDeliveredAfterTheStopAndThenTheSequenceEnds() async throws {
        let received = try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let messages = try listener.messages()
            for number in UInt8(0)..<100 { try await dialer.send([number], to: listener.peerID, on: "a") }
            await dialer.disconnect(from: listener.peerID)
            while listener.state(of: dialer.peerID) != .disconnected { await Task.yield() }
            await listener.stop()
            var bytes: [UInt8] = []
            for await message in messages { bytes += message.bytes }
            return bytes
        }
        #expect(received == Array(0..<100))
    }
}
