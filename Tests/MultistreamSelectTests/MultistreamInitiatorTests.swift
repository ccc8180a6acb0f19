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

@Suite struct MultistreamInitiatorTests {
    @Test func sendsHeaderAndFirstProposalInOneFlight() {
        var initiator = MultistreamInitiator(protocols: ["/noise", "/tls/1.0.0"])
        var output = ByteBuffer()
        initiator.start(into: &output)
        #expect(output.allBytes == header + token("/noise"))
        #expect(header.first == 19)
    }

    @Test func startsOnlyOnce() {
        var initiator = MultistreamInitiator(protocols: ["/noise"])
        var output = ByteBuffer()
        initiator.start(into: &output)
        initiator.start(into: &output)
        #expect(output.allBytes == header + token("/noise"))
    }

    @Test func consumesNothingBeforeItIsStarted() throws {
        var initiator = MultistreamInitiator(protocols: ["/noise"])
        var input = ByteBuffer(bytes: header)
        var output = ByteBuffer()
        #expect(try initiator.receive(&input, into: &output) == .needsMore)
        #expect(input.allBytes == header)
        #expect(output.readableBytes == 0)
    }

    @Test func agreesWhenTheProposalIsEchoed() {
        let transcript = initiate(["/noise"], [header + token("/noise")])
        #expect(transcript.outcome == .success(.negotiated("/noise")))
        #expect(transcript.rest.isEmpty)
    }

    @Test func proposesTheNextProtocolAfterARefusal() {
        let transcript = initiate(["/tls/1.0.0", "/noise"], [header + notAvailable, token("/noise")])
        #expect(transcript.outcome == .success(.negotiated("/noise")))
        #expect(transcript.output == header + token("/tls/1.0.0") + token("/noise"))
    }

    @Test func takesTheHeaderOfAnEagerResponderAlone() {
        let transcript = initiate(["/noise"], [header])
        #expect(transcript.outcome == .success(.needsMore))
        #expect(transcript.rest.isEmpty)
    }

    @Test func leavesBytesAfterTheAgreementUntouched() {
        let payload: [UInt8] = [0, 1, 2, 0xff, 3, 0x6e, 0x61, 0x0a]
        let transcript = initiate(["/a"], [header + token("/a") + payload])
        #expect(transcript.outcome == .success(.negotiated("/a")))
        #expect(transcript.rest == payload)
    }

    @Test func consumesNothingAfterTheAgreement() throws {
        var initiator = MultistreamInitiator(protocols: ["/a"])
        var output = ByteBuffer()
        initiator.start(into: &output)
        var input = ByteBuffer(bytes: header + token("/a"))
        #expect(try initiator.receive(&input, into: &output) == .negotiated("/a"))
        input.writeBytes(header + notAvailable)
        output.clear()
        #expect(try initiator.receive(&input, into: &output) == .negotiated("/a"))
        #expect(input.allBytes == header + notAvailable)
        #expect(output.readableBytes == 0)
    }

    @Test func failsWhenEveryProposalIsRefused() {
        let transcript = initiate(["/a", "/b"], [header + notAvailable + notAvailable + notAvailable])
        #expect(transcript.errorCode == .noCommonProtocol)
        #expect(transcript.output == header + token("/a") + token("/b"))
    }

    @Test func failsWithoutAnyProtocol() {
        let transcript = initiate([], [header])
        #expect(transcript.errorCode == .noCommonProtocol)
        #expect(transcript.output.isEmpty)
    }

    @Test func refusesAnAnswerThatWasNotProposed() {
        for answer in ["/b", "/A", "/a ", "ls", "NA", "/multistream/1.0.0", "n"] {
            let transcript = initiate(["/a"], [header + token(answer)])
            #expect(transcript.errorCode == .unexpectedAnswer, "\(answer)")
        }
    }

    @Test func refusesTheEchoOfAnEarlierProposal() {
        let transcript = initiate(["/a", "/b"], [header + notAvailable + token("/a")])
        #expect(transcript.errorCode == .unexpectedAnswer)
    }

    @Test func anErrorIsFinal() throws {
        var initiator = MultistreamInitiator(protocols: ["/a"])
        var output = ByteBuffer()
        initiator.start(into: &output)
        var input = ByteBuffer(bytes: header + token("/b"))
        let first = #expect(throws: MultistreamError.self) { try initiator.receive(&input, into: &output) }
        var good = ByteBuffer(bytes: token("/a"))
        let second = #expect(throws: MultistreamError.self) { try initiator.receive(&good, into: &output) }
        #expect(first == second)
        #expect(good.allBytes == token("/a"))
    }

    @Test func everySplitLeadsToTheSameOutcome() {
        let sent = header + notAvailable + notAvailable + token("/c") + [1, 2, 3]
        let whole = initiate(["/a", "/b", "/c"], [sent])
        #expect(whole.outcome == .success(.negotiated("/c")))
        #expect(whole.rest == [1, 2, 3])
        for pieces in splitsAtEveryOffset(sent) {
            #expect(initiate(["/a", "/b", "/c"], pieces) == whole)
        }
        #expect(initiate(["/a", "/b", "/c"], sent.map { [$0] }) == whole)
    }

    @Test func namesThatNoPeerCouldAgreeToAreNotProposed() {
        let long = "/" + String(repeating: "x", count: 1022)
        let proposals = MultistreamProposals(["", "na", "ls", "/a\nb", "/a\rb", "/a\0b", long + "x", long, "/good"])
        #expect(proposals.protocols == [long, "/good"])
    }

    @Test func proposalsMadeOnceServeManyInitiators() {
        let proposals = MultistreamProposals(["/a"])
        for _ in 0..<3 {
            var initiator = MultistreamInitiator(proposals)
            var output = ByteBuffer()
            initiator.start(into: &output)
            #expect(output.allBytes == header + token("/a"))
        }
    }
}
