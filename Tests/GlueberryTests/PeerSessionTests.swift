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
import PeerIdentity
import Testing

@testable import Glueberry

@Suite struct PeerSessionTests {
    private func session() -> PeerSession {
        PeerSession(
            peer: Identity.generate().peerID, generation: 7, isOutbound: true, began: .uptimeNanoseconds(1),
            connections: [])
    }

    @Test func aStreamThatWasNotPreparedIsNamed() {
        let session = self.session()
        let error = #expect(throws: GlueberryError.self) { try session.preparedChannel("a") }
        #expect(error?.code == .streamNotPrepared)
        #expect(error?.peer == session.peer && error?.stream == "a")
    }

    @Test func aSessionThatEndedAMomentAgoSaysWhyItEnded() {
        let session = self.session()
        session.establish()
        _ = session.close(GlueberryError(.closed, "the connection ended: lost", peer: session.peer))
        // A send that found the session just before is here now.
        #expect(session.isEstablished)
        let error = #expect(throws: GlueberryError.self) { try session.preparedChannel("a") }
        #expect(error?.code == .closed)
    }
}
