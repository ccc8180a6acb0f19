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
import Testing

@testable import MultistreamSelect

@Suite struct MultistreamResponderTests {
    @Test func sendsItsHeaderAtOnceAndOnlyOnce() {
        var responder = MultistreamResponder()
        var output = ByteBuffer()
        responder.start(into: &output)
        responder.start(into: &output)
        #expect(output.allBytes == header)
    }

    @Test func echoesAProtocolThatIsAccepted() {
        let transcript = respond(["/noise"], [header, token("/noise")])
        #expect(transcript.outcome == .success(.negotiated("/noise")))
        #expect(transcript.output == header + token("/noise"))
    }

    @Test func refusesTLSAndThenAcceptsNoise() {
        let transcript = respond(["/noise"], [header + token("/tls/1.0.0"), token("/noise")])
        #expect(transcript.outcome == .success(.negotiated("/noise")))
        #expect(transcript.output == header + notAvailable + token("/noise"))
    }

    @Test func takesTheSingleFlightOfALazyInitiator() {
        let payload: [UInt8] = [UInt8](0...255) + token("na")
        let transcript = respond(["/glueberry/x/1.0.0"], [header + token("/glueberry/x/1.0.0") + payload])
        #expect(transcript.outcome == .success(.negotiated("/glueberry/x/1.0.0")))
        #expect(transcript.output == header + token("/glueberry/x/1.0.0"))
        #expect(transcript.rest == payload)
    }

    @Test func payloadAfterARefusedProposalIsTakenStrictly() {
        let transcript = respond(["/a"], [header + token("/b") + [0x00, 0x01, 0x02]])
        #expect(transcript.errorCode == .malformed)
    }

    @Test func answersListRequestsWithARefusal() {
        let transcript = respond(["ls", "/a"], [header + token("ls"), token("/a")])
        #expect(transcript.outcome == .success(.negotiated("/a")))
        #expect(transcript.output == header + notAvailable + token("/a"))
    }

    @Test func wordsOfTheNegotiationAreNoProtocols() {
        for word in ["na", "ls", "/multistream/1.0.0"] {
            let transcript = respond([word], [header + token(word)])
            #expect(transcript.outcome == .success(.needsMore))
            #expect(transcript.output == header + notAvailable)
        }
    }

    @Test func refusesMoreProposalsThanAllowed() {
        let proposals = (0..<40).flatMap { token("/unknown/\($0)") }
        let transcript = respond(["/a"], [header + proposals])
        #expect(transcript.errorCode == .tooManyAttempts)
        #expect(transcript.output.count == header.count + 20 * notAvailable.count)
    }

    @Test func theLastAttemptMaySucceed() {
        let proposals = (0..<2).flatMap { token("/unknown/\($0)") }
        let third = respond(["/a"], maximumAttempts: 3, [header + proposals + token("/a")])
        #expect(third.outcome == .success(.negotiated("/a")))
        let tooLate = respond(["/a"], maximumAttempts: 2, [header + proposals + token("/a")])
        #expect(tooLate.errorCode == .tooManyAttempts)
    }

    @Test func theNumberOfAttemptsIsAtLeastOne() {
        #expect(respond(["/a"], maximumAttempts: -5, [header + token("/a")]).outcome == .success(.negotiated("/a")))
        #expect(respond(["/a"], maximumAttempts: 0, [header + token("/b")]).errorCode == .tooManyAttempts)
    }

    @Test func endlessRefusalsOfThePeerAreAttemptsToo() {
        let transcript = respond(["/a"], [header + (0..<1000).flatMap { _ in notAvailable }])
        #expect(transcript.errorCode == .tooManyAttempts)
    }

    @Test func everySplitLeadsToTheSameOutcome() {
        let long = "/" + String(repeating: "long", count: 60)
        let sent = header + token("/b") + token("/c") + token(long) + token("/noise")
        let whole = respond([long], [sent])
        #expect(whole.outcome == .success(.negotiated(long)))
        #expect(whole.rest == token("/noise"))
        for pieces in splitsAtEveryOffset(sent) {
            #expect(respond([long], pieces) == whole)
        }
        #expect(respond([long], sent.map { [$0] }) == whole)
    }

    @Test func anErrorIsFinal() throws {
        var responder = MultistreamResponder()
        var output = ByteBuffer()
        var input = ByteBuffer(bytes: header + [0])
        let first = #expect(throws: MultistreamError.self) {
            try responder.receive(&input, into: &output, accepting: { _ in true })
        }
        var good = ByteBuffer(bytes: token("/a"))
        let second = #expect(throws: MultistreamError.self) {
            try responder.receive(&good, into: &output, accepting: { _ in true })
        }
        #expect(first == second)
        #expect(good.allBytes == token("/a"))
    }
}
