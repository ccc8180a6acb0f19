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

import AEAD
import Crypto
import NIOCore
import Testing

@testable import Noise

@Suite struct NoiseXXTests {
    private func pattern(_ vector: NoiseXXVector, isInitiator: Bool) throws -> NoiseXX {
        NoiseXX(
            isInitiator: isInitiator,
            staticKey: try NoiseXX.PrivateKey(
                rawRepresentation: isInitiator ? vector.initiatorStatic : vector.responderStatic
            ),
            ephemeralKey: try NoiseXX.PrivateKey(
                rawRepresentation: isInitiator ? vector.initiatorEphemeral : vector.responderEphemeral
            ),
            prologue: vector.prologue
        )
    }

    private func transport(_ split: NoiseXX.Split) -> NoiseTransport {
        NoiseTransport(
            sending: NoiseCipherState(key: split.sending),
            receiving: NoiseCipherState(key: split.receiving)
        )
    }

    @Test func handshakeMessagesAreTheKnownAnswers() throws {
        for vector in try NoiseXXVector.all() {
            var initiator = try self.pattern(vector, isInitiator: true)
            var responder = try self.pattern(vector, isInitiator: false)

            let first = try initiator.writeMessage(payload: vector.messages[0].payload)
            #expect(first == vector.messages[0].ciphertext)
            #expect(try responder.readMessage(first) == vector.messages[0].payload)

            let second = try responder.writeMessage(payload: vector.messages[1].payload)
            #expect(second == vector.messages[1].ciphertext)
            #expect(try initiator.readMessage(second) == vector.messages[1].payload)

            let third = try initiator.writeMessage(payload: vector.messages[2].payload)
            #expect(third == vector.messages[2].ciphertext)
            #expect(try responder.readMessage(third) == vector.messages[2].payload)

            let initiatorSplit = try initiator.split()
            let responderSplit = try responder.split()
            #expect(initiatorSplit.handshakeHash == responderSplit.handshakeHash)
            if let hash = vector.handshakeHash {
                #expect(initiatorSplit.handshakeHash == hash)
            }

            var initiators = self.transport(initiatorSplit)
            var responders = self.transport(responderSplit)
            for (number, message) in vector.messages.enumerated().dropFirst(3) {
                var plaintext = ByteBuffer(bytes: message.payload)
                var frame = ByteBuffer()
                var opened = ByteBuffer()
                if number.isMultiple(of: 2) {
                    try initiators.seal(&plaintext, into: &frame)
                } else {
                    try responders.seal(&plaintext, into: &frame)
                }
                #expect(Array(frame.readableBytesView.dropFirst(2)) == message.ciphertext)
                if number.isMultiple(of: 2) {
                    #expect(try responders.open(&frame, into: &opened) == 1)
                } else {
                    #expect(try initiators.open(&frame, into: &opened) == 1)
                }
                #expect(Array(opened.readableBytesView) == message.payload)
            }
        }
    }

    @Test func eachSideLearnsTheStaticKeyOfTheOther() throws {
        let vector = try #require(try NoiseXXVector.all().first)
        var initiator = try self.pattern(vector, isInitiator: true)
        var responder = try self.pattern(vector, isInitiator: false)
        #expect(initiator.remoteStatic == nil)
        #expect(responder.remoteStatic == nil)
        _ = try responder.readMessage(vector.messages[0].ciphertext)
        _ = try initiator.writeMessage(payload: vector.messages[0].payload)
        _ = try initiator.readMessage(vector.messages[1].ciphertext)
        _ = try responder.writeMessage(payload: vector.messages[1].payload)
        _ = try responder.readMessage(vector.messages[2].ciphertext)
        let initiatorKey = try NoiseXX.PrivateKey(rawRepresentation: vector.initiatorStatic).publicKey
        let responderKey = try NoiseXX.PrivateKey(rawRepresentation: vector.responderStatic).publicKey
        #expect(initiator.remoteStatic == Array(responderKey.rawRepresentation))
        #expect(responder.remoteStatic == Array(initiatorKey.rawRepresentation))
    }

    @Test func anotherPrologueDoesNotAuthenticate() throws {
        let vector = try #require(try NoiseXXVector.all().first)
        var responder = NoiseXX(
            isInitiator: false,
            staticKey: try NoiseXX.PrivateKey(rawRepresentation: vector.responderStatic),
            ephemeralKey: try NoiseXX.PrivateKey(rawRepresentation: vector.responderEphemeral),
            prologue: vector.prologue + [0]
        )
        _ = try responder.readMessage(vector.messages[0].ciphertext)
        let second = try responder.writeMessage(payload: vector.messages[1].payload)
        var initiator = try self.pattern(vector, isInitiator: true)
        _ = try initiator.writeMessage(payload: vector.messages[0].payload)
        let error = #expect(throws: NoiseError.self) { try initiator.readMessage(second) }
        #expect(error?.code == .decryptionFailed)
    }

    @Test func refusesCallsOutOfTurn() throws {
        let vector = try #require(try NoiseXXVector.all().first)
        var reading = try self.pattern(vector, isInitiator: true)
        #expect(throws: NoiseError.self) { try reading.readMessage(vector.messages[0].ciphertext) }
        #expect(throws: NoiseError.self) { try reading.writeMessage(payload: []) }
        var writing = try self.pattern(vector, isInitiator: false)
        let error = #expect(throws: NoiseError.self) { try writing.writeMessage(payload: []) }
        #expect(error?.code == .invalidState)
        let unfinished = try self.pattern(vector, isInitiator: false)
        #expect(throws: NoiseError.self) { try unfinished.split() }
    }
}
