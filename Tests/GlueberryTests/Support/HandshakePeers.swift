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

@testable import Glueberry

/// One side of a handshake in memory: messages in, messages out, and whether it is complete.
protocol HandshakePeer {
    var isComplete: Bool { get }
    var failure: String? { get }
    /// Whether an answer of the application is due, see ``verify()``.
    var isVerifying: Bool { get }
    mutating func start() -> [[UInt8]]
    mutating func receive(_ message: [UInt8]) -> [[UInt8]]
    mutating func verify() -> [[UInt8]]
}

/// The ready-made handshake with its driver's part: the question of the application is answered when the test says so.
struct ReadyMadePeer: HandshakePeer {
    private var run: StandardHandshakeRun
    private(set) var isComplete = false
    private(set) var failure: String?
    private(set) var isVerifying = false
    private(set) var verifiedHello: [UInt8]?
    private(set) var finalizations = 0
    private(set) var sent: [[UInt8]] = []

    init(_ identity: Identity, remote: PeerID, hello: [UInt8] = []) {
        self.run = StandardHandshakeRun(localKey: identity.publicKey, remotePeer: remote, hello: hello)
    }

    mutating func start() -> [[UInt8]] { self.take(self.run.start()) }
    mutating func receive(_ message: [UInt8]) -> [[UInt8]] { self.take(self.run.receive(message)) }

    mutating func verify() -> [[UInt8]] {
        self.isVerifying = false
        return self.take(self.run.verified())
    }

    mutating func refuse() -> [[UInt8]] {
        self.isVerifying = false
        return self.take(self.run.refused(because: "not welcome"))
    }

    mutating func encryptedStreamArrived() -> [[UInt8]] { self.take(self.run.remoteCompleted()) }

    private mutating func take(_ outputs: [StandardHandshakeRun.Output]) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        for output in outputs {
            switch output {
            case .send(let message): messages.append(message)
            case .verify(_, let hello):
                self.isVerifying = true
                self.verifiedHello = hello
            case .finalize:
                self.isComplete = true
                self.finalizations += 1
            case .fail(let reason): self.failure = reason
            }
        }
        self.sent += messages
        return messages
    }
}

/// A peer as the original's documentation writes it: it answers every Hello with Hello and PubKey, a PubKey with Complete,
/// and is complete when it has prepared its streams and received Complete.
struct DocumentedPeer: HandshakePeer {
    let key: [UInt8]
    let speaksFirst: Bool
    private var isPrepared = false
    private var hasReceivedComplete = false
    let failure: String? = nil
    let isVerifying = false

    init(_ identity: Identity, speaksFirst: Bool = true) {
        self.key = identity.publicKey.bytes
        self.speaksFirst = speaksFirst
    }

    var isComplete: Bool { self.isPrepared && self.hasReceivedComplete }

    mutating func start() -> [[UInt8]] { self.speaksFirst ? [[1]] : [] }

    mutating func receive(_ message: [UInt8]) -> [[UInt8]] {
        switch message.first {
        case 1: return [[1], [2] + self.key]
        case 2:
            self.isPrepared = true
            return [[3]]
        default:
            self.hasReceivedComplete = true
            return []
        }
    }

    mutating func verify() -> [[UInt8]] { [] }
}

/// A peer as the original's chat example has it: the dialler sends Hello and PubKey at once, and either side prepares,
/// says Complete and is done in one step when the other's key has come.
struct ChatPeer: HandshakePeer {
    let key: [UInt8]
    let isDialer: Bool
    private(set) var isComplete = false
    let failure: String? = nil
    let isVerifying = false

    init(_ identity: Identity, isDialer: Bool) {
        self.key = identity.publicKey.bytes
        self.isDialer = isDialer
    }

    mutating func start() -> [[UInt8]] { self.isDialer ? [[1], [2] + self.key] : [] }

    mutating func receive(_ message: [UInt8]) -> [[UInt8]] {
        switch message.first {
        case 1: return self.isDialer ? [] : [[1], [2] + self.key]
        case 2:
            self.isComplete = true
            return [[3]]
        default: return []
        }
    }

    mutating func verify() -> [[UInt8]] { [] }
}

/// Two sides joined by a stream that keeps order in each direction and nothing else.
struct HandshakeConversation<First: HandshakePeer, Second: HandshakePeer> {
    enum Move: CaseIterable {
        case deliverToFirst
        case deliverToSecond
        case verifyFirst
        case verifySecond
    }

    var first: First
    var second: Second
    private var toFirst: [[UInt8]] = []
    private var toSecond: [[UInt8]] = []
    private(set) var messages = 0

    init(_ first: First, _ second: Second) {
        self.first = first
        self.second = second
        self.toSecond = self.first.start()
        self.toFirst = self.second.start()
    }

    var moves: [Move] {
        Move.allCases.filter { move in
            switch move {
            case .deliverToFirst: !self.toFirst.isEmpty
            case .deliverToSecond: !self.toSecond.isEmpty
            case .verifyFirst: self.first.isVerifying
            case .verifySecond: self.second.isVerifying
            }
        }
    }

    mutating func make(_ move: Move) {
        self.messages += 1
        switch move {
        case .deliverToFirst: self.toSecond += self.first.receive(self.toFirst.removeFirst())
        case .deliverToSecond: self.toFirst += self.second.receive(self.toSecond.removeFirst())
        case .verifyFirst: self.toSecond += self.first.verify()
        case .verifySecond: self.toFirst += self.second.verify()
        }
    }

    /// Makes moves in a random order until there is none.
    mutating func run(_ random: inout SplitMix64) {
        while let move = self.moves.randomElement(using: &random), self.messages < 1000 { self.make(move) }
    }

    /// Calls `body` with the outcome of every possible order.
    func everyOrder(_ body: (Self) -> Void) {
        let moves = self.moves
        if moves.isEmpty || self.messages > 100 { body(self) }
        for move in moves where self.messages <= 100 {
            var next = self
            next.make(move)
            next.everyOrder(body)
        }
    }
}
