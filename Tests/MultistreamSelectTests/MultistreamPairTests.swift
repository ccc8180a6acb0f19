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

/// An initiator and a responder, joined by two queues of bytes that deliver at random.
@Suite struct MultistreamPairTests {
    struct Meeting {
        var initiator: MultistreamInitiator
        var responder = MultistreamResponder()
        var toResponder = ByteBuffer()
        var toInitiator = ByteBuffer()
        var responderInput = ByteBuffer()
        var initiatorInput = ByteBuffer()
        var initiatorOutcome = MultistreamOutcome.needsMore
        var responderOutcome = MultistreamOutcome.needsMore
    }

    /// Moves a random part of what is under way.
    private func deliver(from queue: inout ByteBuffer, to input: inout ByteBuffer, using random: inout SplitMix64) {
        let length = Int.random(in: 1...queue.readableBytes, using: &random)
        input.writeBytes(queue.readBytes(length: length) ?? [])
    }

    @Test(arguments: 0..<200) func bothAgreeOnTheFirstCommonProtocolOrOnNone(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let all = (0..<12).map { "/protocol/\($0)/1.0.0" }
        let proposed = Array(all.shuffled(using: &random).prefix(Int.random(in: 1...8, using: &random)))
        let spoken = Set(all.shuffled(using: &random).prefix(Int.random(in: 0...6, using: &random)))
        let expected = proposed.first(where: spoken.contains)
        // A lazy initiator's payload is only safe to send along with a single proposal.
        let isLazy = proposed.count == 1 && expected != nil
        let lazyPayload = random.bytes(30)
        let earlyPayload = random.bytes(30)

        var meeting = Meeting(initiator: MultistreamInitiator(protocols: proposed))
        meeting.initiator.start(into: &meeting.toResponder)
        if isLazy { meeting.toResponder.writeBytes(lazyPayload) }
        meeting.responder.start(into: &meeting.toInitiator)
        var initiatorError: MultistreamError?

        while meeting.toResponder.readableBytes > 0 || meeting.toInitiator.readableBytes > 0 {
            let isResponderNext = meeting.toInitiator.readableBytes == 0 || Bool.random(using: &random)
            if meeting.toResponder.readableBytes > 0, isResponderNext {
                deliver(from: &meeting.toResponder, to: &meeting.responderInput, using: &random)
                let before = meeting.responderOutcome
                meeting.responderOutcome = try meeting.responder.receive(
                    &meeting.responderInput,
                    into: &meeting.toInitiator,
                    accepting: spoken.contains
                )
                if before == .needsMore, meeting.responderOutcome != .needsMore {
                    meeting.toInitiator.writeBytes(earlyPayload)
                }
            } else {
                deliver(from: &meeting.toInitiator, to: &meeting.initiatorInput, using: &random)
                do throws(MultistreamError) {
                    meeting.initiatorOutcome = try meeting.initiator.receive(
                        &meeting.initiatorInput,
                        into: &meeting.toResponder
                    )
                } catch {
                    initiatorError = error
                    break
                }
            }
        }

        if let expected {
            #expect(meeting.initiatorOutcome == .negotiated(expected))
            #expect(meeting.responderOutcome == .negotiated(expected))
            #expect(meeting.initiatorInput.allBytes == earlyPayload)
            #expect(meeting.responderInput.allBytes == (isLazy ? lazyPayload : []))
            #expect(initiatorError == nil)
        } else {
            #expect(initiatorError?.code == .noCommonProtocol)
            #expect(meeting.responderOutcome == .needsMore)
        }
    }
}
