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

@Suite struct ErrorCodeTests {
    @Test(arguments: GlueberryError.Code.allCases) func everyCodeSaysWhatToDo(code: GlueberryError.Code) throws {
        let hint = try #require(code.hint, "\(code) has no hint")
        #expect(hint.count > 10)
        #expect(!hint.contains("\n"))
        #expect(!(code.isRetriable && code.isPermanent), "\(code) cannot be both")
        let error = GlueberryError(code, "it failed")
        #expect(error.hint == hint)
        #expect(error.isRetriable == code.isRetriable)
        #expect(error.isPermanent == code.isPermanent)
        #expect(error.description.hasPrefix("\(code): it failed"))
        #expect(GlueberryError(code, "it failed", hint: "another").hint == "another")
    }

    @Test func codesHaveNamesOfTheirOwn() {
        let codes = GlueberryError.Code.allCases
        #expect(Set(codes.map(\.description)).count == codes.count)
        #expect(Set(codes).count == codes.count)
    }

    @Test func theOriginalsFailuresHaveCodes() {
        let names = Set(GlueberryError.Code.allCases.map(\.description))
        let expected: Set<String> = [
            "configurationInvalid", "peerUnknown", "peerBlacklisted", "addressBookFailed", "addressBookCorrupt",
            "limitExceeded", "streamFailed", "streamNotPrepared", "invalidStreamName", "versionMismatch",
            "publicKeyInvalid", "publicKeyMismatch", "encryptionFailed", "decryptionFailed", "handshakeFailed",
            "handshakeTimedOut", "connectionFailed", "notConnected", "notEstablished", "inCooldown", "messageTooLarge",
            "metadataTooLarge", "sendTimedOut", "sendQueueFull", "notStarted", "alreadyStarted", "stopped", "cancelled",
            "timedOut", "invalidAddress", "internalFailure",
        ]
        #expect(expected.subtracting(names).isEmpty)
    }

    @Test func whatWaitsCanBeTriedAgainAndWhatIsWrongCannot() {
        #expect(GlueberryError.Code.sendQueueFull.isRetriable)
        #expect(GlueberryError.Code.connectionFailed.isRetriable)
        #expect(GlueberryError.Code.messageTooLarge.isPermanent)
        #expect(GlueberryError.Code.configurationInvalid.isPermanent)
        #expect(!GlueberryError.Code.notStarted.isRetriable)
        #expect(!GlueberryError.Code.notStarted.isPermanent)
    }
}
