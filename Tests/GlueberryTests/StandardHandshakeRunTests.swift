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
import Testing

@testable import Glueberry

@Suite struct StandardHandshakeRunTests {
    private let one: Identity
    private let two: Identity

    init() throws {
        self.one = try OriginalVectors.identity(1)
        self.two = try OriginalVectors.identity(2)
    }

    private func ready(_ local: Identity, with remote: Identity, hello: [UInt8] = []) -> ReadyMadePeer {
        ReadyMadePeer(local, remote: remote.peerID, hello: hello)
    }

    private func keyMessage(_ identity: Identity) -> [UInt8] { [2] + identity.publicKey.bytes }

    // MARK: Orders

    @Test func twoSidesCompleteInEveryOrderOfDelivery() {
        var orders = 0
        let conversation = HandshakeConversation(
            ready(one, with: two, hello: [1, 2]), ready(two, with: one, hello: [3]))
        conversation.everyOrder { end in
            orders += 1
            let isComplete = end.first.finalizations == 1 && end.second.finalizations == 1
            let hasFailed = end.first.failure != nil || end.second.failure != nil
            let areHellosRight = end.first.verifiedHello == [3] && end.second.verifiedHello == [1, 2]
            if !isComplete || hasFailed || !areHellosRight || end.messages > 10 {
                Issue.record("an order of delivery did not complete both sides")
            }
        }
        #expect(orders > 10)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func aPeerThatAnswersEveryHelloCompletesInAnyOrder(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var conversation = HandshakeConversation(
            ready(one, with: two), DocumentedPeer(two, speaksFirst: Bool.random(using: &random)))
        conversation.run(&random)
        #expect(conversation.first.isComplete)
        #expect(conversation.second.isComplete)
        #expect(conversation.first.failure == nil)
        #expect(conversation.messages < 20)
    }

    @Test func theDocumentedOrderCompletesWhoeverSpeaksFirst() {
        for speaksFirst in [true, false] {
            let conversation = HandshakeConversation(
                ready(one, with: two), DocumentedPeer(two, speaksFirst: speaksFirst))
            conversation.everyOrder { end in
                if !end.first.isComplete || !end.second.isComplete || end.first.failure != nil {
                    Issue.record("an order of delivery did not complete both sides")
                }
            }
        }
    }

    @Test func theOrderOfTheChatExampleCompletesInBothRoles() {
        for isDialer in [true, false] {
            HandshakeConversation(ready(one, with: two), ChatPeer(two, isDialer: isDialer)).everyOrder { end in
                if !end.first.isComplete || !end.second.isComplete || end.first.failure != nil {
                    Issue.record("an order of delivery did not complete both sides")
                }
            }
        }
    }

    @Test func theMessagesAreHelloKeyAndComplete() {
        var run = ready(one, with: two, hello: [9, 8])
        #expect(run.start() == [[1, 9, 8]])
        #expect(run.receive([1]) == [keyMessage(one)])
        #expect(run.receive(keyMessage(two)) == [])
        #expect(run.verify() == [[3]])
        #expect(run.receive([3]) == [])
        #expect(run.isComplete)
    }

    @Test func aPeerThatStillBelievesInTheOldSessionCompletesByItsAnswersAlone() {
        // The original does not notice a loss: it stays Established, says nothing by itself and answers the new Hello.
        var run = ready(one, with: two)
        #expect(run.start() == [[1]])
        #expect(run.receive([1]) == [keyMessage(one)])
        #expect(run.receive(keyMessage(two)) == [])
        #expect(run.verify() == [[3]])
        #expect(run.receive([3]) == [])
        #expect(run.isComplete)
    }

    @Test func aPeerThatSendsOnlyItsKeyIsGivenOursAndCompletes() {
        var run = ready(one, with: two)
        #expect(run.start() == [[1]])
        #expect(run.receive(keyMessage(two)) == [keyMessage(one)])
        #expect(run.verify() == [[3]])
        #expect(run.receive([3]) == [])
        #expect(run.isComplete)
    }

    @Test func aCompleteThatComesBeforeEverythingElseIsRemembered() {
        var run = ready(one, with: two)
        _ = run.start()
        #expect(run.receive([3]) == [])
        #expect(!run.isComplete)
        _ = run.receive(keyMessage(two))
        #expect(!run.isComplete, "nothing is complete before the application has agreed")
        #expect(run.verify() == [[3]])
        #expect(run.isComplete)
    }

    @Test func anEncryptedStreamShowsThatTheOtherSideIsDone() {
        var run = ready(one, with: two)
        _ = run.start()
        _ = run.receive([1])
        _ = run.receive(keyMessage(two))
        _ = run.verify()
        #expect(!run.isComplete)
        #expect(run.encryptedStreamArrived() == [])
        #expect(run.isComplete)
        #expect(run.receive([3]) == [])
        #expect(run.finalizations == 1)
    }

    // MARK: Repetition

    @Test func repeatedMessagesAreHarmlessAndAnsweredBoundedly() {
        var run = ready(one, with: two)
        _ = run.start()
        for _ in 0..<1000 { _ = run.receive([1, 5]) }
        #expect(run.sent.count == 1 + 8)
        for _ in 0..<1000 { _ = run.receive(keyMessage(two)) }
        _ = run.verify()
        for _ in 0..<1000 { _ = run.receive([3]) }
        for _ in 0..<1000 { _ = run.receive([1]) + run.receive(keyMessage(two)) + run.receive([3]) }
        #expect(run.sent.count == 1 + 8 + 1)
        #expect(run.sent.count { $0 == [1] } == 1)
        #expect(run.sent.count { $0 == [3] } == 1)
        #expect(run.finalizations == 1)
        #expect(run.failure == nil)
    }

    @Test func aHelloAfterTheEndIsAnsweredWithKeyAndComplete() {
        var run = ready(one, with: two)
        _ = run.start()
        _ = run.receive([1])
        _ = run.receive(keyMessage(two))
        _ = run.verify()
        _ = run.receive([3])
        #expect(run.isComplete)
        #expect(run.receive([1]) == [keyMessage(one), [3]])
        #expect(run.receive(keyMessage(two)) == [])
        #expect(run.receive([3]) == [])
        #expect(run.finalizations == 1)
    }

    @Test func aRepeatedStartSaysHelloOnce() {
        var run = ready(one, with: two)
        #expect(run.start() == [[1]])
        #expect(run.start() == [])
    }

    // MARK: Refusals

    @Test func aForeignKeyFails() throws {
        let foreign = try OriginalVectors.identity(3)
        for key in [foreign, one] {
            var run = ready(one, with: two)
            _ = run.start()
            #expect(run.receive(keyMessage(key)) == [])
            #expect(run.failure != nil)
            #expect(!run.isVerifying)
            #expect(run.receive(keyMessage(two)) == [])
            _ = run.receive([3])
            _ = run.verify()
            #expect(!run.isComplete, "a handshake that failed does not complete later")
        }
    }

    @Test func aRefusalOfTheApplicationFails() {
        var run = ready(one, with: two)
        _ = run.receive([1])
        _ = run.receive(keyMessage(two))
        #expect(run.refuse() == [])
        #expect(run.failure == "not welcome")
        _ = run.verify()
        _ = run.receive([3])
        #expect(!run.isComplete)
    }

    @Test(arguments: [[], [0], [4], [255, 1], [2], [2, 1, 2, 3]] as [[UInt8]])
    func aMalformedMessageFails(message: [UInt8]) {
        var run = ready(one, with: two)
        _ = run.start()
        #expect(run.receive(message) == [])
        #expect(run.failure != nil)
        #expect(run.failure?.contains("\n") == false)
    }

    @Test func aKeyMessageOfEveryOtherLengthFails() {
        let whole = keyMessage(two)
        for count in 1..<whole.count {
            var run = ready(one, with: two)
            _ = run.receive(Array(whole.prefix(count)))
            #expect(run.failure != nil)
        }
        var run = ready(one, with: two)
        _ = run.receive(whole + [0])
        #expect(run.failure != nil)
    }

    @Test func everyFlippedBitOfTheKeyFails() {
        let whole = keyMessage(two)
        for index in 1..<whole.count {
            for bit in 0..<8 {
                var flipped = whole
                flipped[index] ^= 1 << UInt8(bit)
                var run = ready(one, with: two)
                _ = run.receive(flipped)
                #expect(run.failure != nil)
                #expect(!run.isVerifying)
            }
        }
    }

    @Test func aHelloOfTheMaximumIsTakenAndALongerOneFails() {
        var run = ready(one, with: two)
        let longest = pattern(4096)
        _ = run.receive([1] + longest)
        #expect(run.failure == nil)
        _ = run.receive(keyMessage(two))
        #expect(run.verifiedHello == longest)
        var other = ready(one, with: two)
        #expect(other.receive([1] + pattern(4097)) == [])
        #expect(other.failure != nil)
    }

    @Test func anOwnHelloOfMoreThanTheMaximumIsRefusedByTheConfiguration() {
        var configuration = standard()
        configuration.handshake = .standard(StandardHandshake(hello: pattern(4096), streams: ["a"]))
        #expect(configuration.problems().isEmpty)
        configuration.handshake = .standard(StandardHandshake(hello: pattern(4097), streams: ["a"]))
        #expect(configuration.problems().count == 1)
    }

    @Test(arguments: 0..<100 as Range<UInt64>)
    func randomMessagesCompleteNothingAndAreAnsweredBoundedly(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var run = ready(one, with: two)
        _ = run.start()
        for _ in 0..<100 {
            var message = random.bytes(Int.random(in: 0...40, using: &random))
            if !message.isEmpty, Bool.random(using: &random) { message[0] = UInt8.random(in: 1...3, using: &random) }
            _ = run.receive(message)
        }
        #expect(!run.isComplete)
        #expect(!run.isVerifying)
        #expect(run.sent.count <= 10)
    }
}
