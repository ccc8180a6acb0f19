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

/// What version 1 of the encryption does not protect from; the secured connection below does.
@Suite struct VersionOneLimitsTests {
    private func sealed(_ text: String, by local: UInt8, for remote: UInt8) throws -> ByteBuffer {
        let key = try PairKey(
            local: OriginalVectors.identity(local), remote: OriginalVectors.identity(remote).publicKey)
        var frame = try Frame.seal(ByteBuffer(string: text), with: key.cipher, nonces: NonceSource())
        return try #require(try FrameDecoder(maximumPayload: 100).next(&frame))
    }

    @Test func versionOneAloneCannotTellAReplayedFrameFromAFreshOne() throws {
        let frame = try sealed("pay", by: 1, for: 2)
        let receiver = try PairKey(
            local: OriginalVectors.identity(2), remote: OriginalVectors.identity(1).publicKey)
        #expect(Frame.open(frame, with: receiver.cipher) == ByteBuffer(string: "pay"))
        #expect(Frame.open(frame, with: receiver.cipher) == ByteBuffer(string: "pay"))
    }

    @Test func versionOneAloneCannotTellAReflectedFrameFromThePeersOwn() throws {
        let frame = try sealed("pay", by: 1, for: 2)
        let sender = try PairKey(
            local: OriginalVectors.identity(1), remote: OriginalVectors.identity(2).publicKey)
        #expect(Frame.open(frame, with: sender.cipher) == ByteBuffer(string: "pay"))
    }

    @Test func versionOneAloneCannotTellOneSessionFromTheNext() throws {
        // The key comes from the two identities alone: what an earlier session sealed still opens in a later one.
        let earlier = try sealed("pay", by: 1, for: 2)
        let later = try PairKey(
            local: OriginalVectors.identity(2), remote: OriginalVectors.identity(1).publicKey)
        #expect(Frame.open(earlier, with: later.cipher) == ByteBuffer(string: "pay"))
    }
}
