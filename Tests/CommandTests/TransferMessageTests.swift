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

@testable import GlueberryCommand

@Suite struct TransferMessageTests {
    private static let messages: [TransferMessage] = [
        .offer(size: 0, name: []), .offer(size: .max, name: Array("../x".utf8)), .accept,
        .chunk(ByteBuffer(string: "content")), .end(digest: Array(0..<32)), .result(isSuccess: true, text: ""),
        .result(isSuccess: false, text: "no room"),
    ]

    @Test func whatIsWrittenIsReadBack() {
        for message in Self.messages { #expect(TransferMessage(message.payload) == message) }
        var chunk = TransferMessage.chunkBuffer(length: 4)
        chunk.writeString("abcd")
        #expect(TransferMessage(chunk) == .chunk(ByteBuffer(string: "abcd")))
    }

    @Test func whatIsCutOffIsRefused() {
        for bytes: [UInt8] in [[], [0], [1], [1, 1], [1, 1, 0, 0, 0, 0, 0, 0, 0], [2, 0], [3], [4], [5], [6], [255]] {
            #expect(TransferMessage(ByteBuffer(bytes: bytes)) == nil, "\(bytes)")
        }
        for length in [0, 1, 31, 33] {
            #expect(TransferMessage(ByteBuffer(bytes: [4] + [UInt8](repeating: 0, count: length))) == nil)
        }
        let otherVersion: [UInt8] = [1, 2, 0, 0, 0, 0, 0, 0, 0, 0]
        #expect(TransferMessage(ByteBuffer(bytes: otherVersion)) == nil)
    }

    @Test func longNamesAndTextsAreRefused() {
        #expect(TransferMessage(TransferMessage.offer(size: 1, name: Array(repeating: 97, count: 4097)).payload) == nil)
        #expect(TransferMessage(ByteBuffer(bytes: [5, 1] + [UInt8](repeating: 97, count: 513))) == nil)
    }

    @Test func randomBytesNeverTrap() {
        var state: UInt64 = 42
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            for index in 0..<Int(state >> 58) {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(
                    index == 0 ? UInt8(truncatingIfNeeded: state >> 40) % 7 : UInt8(truncatingIfNeeded: state >> 40))
            }
            guard let message = TransferMessage(ByteBuffer(bytes: bytes)) else { continue }
            // The only bytes that are not carried over are those of a status other than 0 and 1, and of no UTF-8.
            if case .result = message { continue }
            #expect(Array(message.payload.readableBytesView) == bytes)
        }
    }
}
