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

import MultistreamSelect
import NIOCore

/// A negotiation of one protocol, of both sides.
struct MultistreamWorkload: Workload {
    let name = "multistream"

    private let agreement = "/yamux/1.0.0"

    func run(_ count: Int) throws {
        // As connections do it: the proposals are made once, and the buffers are there.
        let proposals = MultistreamProposals([self.agreement])
        var toResponder = ByteBuffer()
        var toInitiator = ByteBuffer()
        for _ in 0..<count {
            toResponder.clear()
            toInitiator.clear()
            var initiator = MultistreamInitiator(proposals)
            var responder = MultistreamResponder()
            initiator.start(into: &toResponder)
            responder.start(into: &toInitiator)
            let accepted = try responder.receive(&toResponder, into: &toInitiator) { $0 == self.agreement }
            let answered = try initiator.receive(&toInitiator, into: &toResponder)
            try check(
                accepted == .negotiated(self.agreement) && answered == accepted, "the sides did not agree")
        }
        try check(
            toResponder.readableBytes == 0 && toInitiator.readableBytes == 0, "bytes were left after the agreement")
    }
}
