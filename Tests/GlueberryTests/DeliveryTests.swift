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

import Crypto
import LibP2P
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// Checks what arrives against who sent it, its number and its content: nothing lost, doubled, changed or out of order.
private final class DeliveryChecker: Sendable {
    private struct State {
        var next: [PeerID: Int] = [:]
        var faults: [String] = []
    }

    private let state = Locked(State())

    static func payload(_ number: Int, from sender: PeerID, size: Int) -> ByteBuffer {
        var body = ByteBuffer(integer: number)
        body.writeBytes((0..<max(0, size - 40)).map { UInt8(truncatingIfNeeded: $0 &+ number) })
        body.writeBytes(Self.hash(body, sender))
        return body
    }

    private static func hash(_ body: ByteBuffer, _ sender: PeerID) -> SHA256.Digest {
        var hash = SHA256()
        hash.update(data: sender.bytes)
        hash.update(data: Array(body.readableBytesView))
        return hash.finalize()
    }

    var received: Int { self.state.withLock { $0.next.values.reduce(0, +) } }
    var faults: [String] { self.state.withLock { $0.faults } }

    func check(_ message: Message) {
        var rest = message.payload
        let hash = rest.getBytes(at: rest.writerIndex - 32, length: 32) ?? []
        rest.moveWriterIndex(to: max(rest.readerIndex, rest.writerIndex - 32))
        let isIntact = hash == Array(Self.hash(rest, message.peer))
        let number = message.number
        self.state.withLock { state in
            let expected = state.next[message.peer, default: 0]
            if !isIntact { state.faults.append("\(number) is not what was sent") }
            if number != expected { state.faults.append("\(number) came where \(expected) was due") }
            state.next[message.peer] = number + 1
        }
    }
}

@Suite(.timeLimit(.minutes(10))) struct DeliveryTests {
    /// Takes long enough for windows and buffers to fill many times, also under the thread sanitizer.
    private static let manySmall = 40_000

    @Test func aPausedReceiverLosesNothingHoldsItsSenderUpAndNobodyElse() async throws {
        let count = 10_000
        // More in all than the window and the queues of both sides together have room for.
        let size = 1000
        var configuration = standard()
        configuration.sendTimeout = .seconds(600)
        try await withNodes(configuration) { listener, dialer in
            try await establish(listener, dialer)
            let other = try Node(identity: .generate(), configuration: standard())
            try await other.start()
            let result: Result<Void, any Error>
            do {
                try await establish(listener, other)
                let checker = DeliveryChecker()
                let sent = Log<Int>()
                let sender = Task {
                    for number in 0..<count {
                        try await dialer.send(
                            DeliveryChecker.payload(number, from: dialer.peerID, size: size), to: listener.peerID,
                            on: "a")
                        sent.append(number)
                    }
                }
                // Nobody reads, until the window and the sender's queue are full.
                try await eventually {
                    (listener.flowControl(of: dialer.peerID, on: "a")?.receiving.pendingMessages ?? 0) > 0
                        && dialer.flowControl(of: listener.peerID, on: "a")?.waitingSends == 1
                }
                #expect(sent.count < count, "the sender is held up")
                // Another stream of the same peer, and another peer on the same stream name, go on.
                var quiet = try listener.messages(on: "b").makeAsyncIterator()
                var others = try listener.messages(from: other.peerID).makeAsyncIterator()
                for round in UInt8(0)..<50 {
                    try await dialer.send([round], to: listener.peerID, on: "b")
                    #expect(await quiet.next()?.bytes == [round])
                    try await other.send([round], to: listener.peerID, on: "a")
                    #expect(await others.next()?.bytes == [round])
                }
                #expect(dialer.flowControl(of: listener.peerID, on: "a")?.waitingSends == 1)
                for await message in try listener.messages() {
                    checker.check(message)
                    if checker.received >= count { break }
                }
                try await sender.value
                #expect(checker.faults == [])
                #expect(checker.received == count)
                #expect(listener.droppedMessages == 0)
                result = .success(())
            } catch {
                result = .failure(error)
            }
            await other.stop()
            try result.get()
        }
    }

    @Test func ofManySmallMessagesNoneIsLost() async throws {
        let count = Self.manySmall
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            let checker = DeliveryChecker()
            let sender = Task {
                for number in 0..<count {
                    try await dialer.send(
                        DeliveryChecker.payload(number, from: dialer.peerID, size: 64), to: listener.peerID, on: "a")
                }
            }
            for await message in try listener.messages() {
                checker.check(message)
                if checker.received >= count { break }
            }
            try await sender.value
            #expect(checker.faults == [])
            #expect(checker.received == count)
        }
    }

    @Test func whatASessionLeftComesBeforeAnythingOfTheNextAndTheSequenceEndsAfterTheStop() async throws {
        let (first, second) = (300, 200)
        let received = try await withNodes { listener, dialer in
            let messages = try listener.messages()
            var sent = 0
            for count in [first, second] {
                try await establish(listener, dialer)
                for number in sent..<sent + count {
                    try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a")
                }
                sent += count
                await dialer.disconnect(from: listener.peerID)
                try await eventually { listener.state(of: dialer.peerID) == .disconnected }
            }
            await listener.stop()
            var received: [(Int, UInt64)] = []
            for await message in messages { received.append((message.number, message.session)) }
            return received
        }
        #expect(received.map(\.0) == Array(0..<first + second))
        #expect(Set(received[..<first].map(\.1)).count == 1)
        #expect(Set(received[first...].map(\.1)).count == 1)
        #expect((received.first?.1 ?? 0) < (received.last?.1 ?? 0))
    }

    @Test func aRouteMovesWhatIsQueuedAndGivesTheRestBackWhenItEnds() async throws {
        try await withNodes { listener, dialer in
            try await establish(listener, dialer)
            for number in 0..<10 { try await dialer.send(ByteBuffer(integer: number), to: listener.peerID, on: "a") }
            try await eventually {
                listener.flowControl(of: dialer.peerID, on: "a")?.receiving.pendingMessages == 10
            }
            do {
                var routed = try listener.messages(on: "a").makeAsyncIterator()
                #expect(await take(4, &routed) == [0, 1, 2, 3])
            }
            try await dialer.send(ByteBuffer(integer: 10), to: listener.peerID, on: "a")
            var all = try listener.messages().makeAsyncIterator()
            #expect(await take(7, &all) == Array(4...10))
        }
    }
}
