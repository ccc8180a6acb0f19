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

@testable import Yamux

@Suite struct FrameHeaderTests {
    @Test func writesTwelveBytesInNetworkOrder() {
        var buffer = ByteBuffer()
        FrameHeader(.windowUpdate, [.synchronize, .finish], streamID: 0x0102_0304, value: 0x0506_0708).write(
            to: &buffer)
        #expect(Array(buffer.readableBytesView) == bytes(hex: "00 01 0005 01020304 05060708"))
    }

    @Test(arguments: [UInt8(0), 1, 2, 3])
    func readsBackWhatItWrote(type: UInt8) throws {
        let type = try #require(FrameType(rawValue: type))
        let header = FrameHeader(type, [.acknowledge, .reset], streamID: .max, value: 7)
        var buffer = ByteBuffer()
        header.write(to: &buffer)
        #expect(FrameHeader(readingFrom: &buffer) == header)
        #expect(buffer.readableBytes == 0)
    }

    @Test func takesNothingFromFewerThanTwelveBytes() {
        for count in 0..<12 {
            var buffer = ByteBuffer(repeating: 1, count: count)
            #expect(FrameHeader(readingFrom: &buffer) == nil)
            #expect(buffer.readableBytes == count)
        }
    }

    @Test func keepsUnknownVersionTypeAndFlags() {
        var buffer = ByteBuffer(bytes: bytes(hex: "09 FE FFF0 00000001 00000002"))
        let header = FrameHeader(readingFrom: &buffer)
        #expect(header?.version == 9)
        #expect(header?.type == 0xFE)
        #expect(header?.flags.rawValue == 0xFFF0)
    }
}
