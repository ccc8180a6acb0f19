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
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

@Suite struct FrameVectorTests {
    /// A frame of zeros in the vectors: its bytes, of which long ones give a prefix and the length.
    private struct ZeroFrame {
        let payload: Int
        let prefix: [UInt8]
        let length: Int
    }

    private func zeroFrames() throws -> [ZeroFrame] {
        try OriginalVectors.texts().compactMap { name, text in
            guard name.hasPrefix("frame_zeros_"), !text.hasPrefix("ERR") else { return nil }
            let payload = try #require(Int(name.dropFirst("frame_zeros_".count)))
            guard let dots = text.firstRange(of: "... (") else {
                let bytes = hexadecimal(text)
                return ZeroFrame(payload: payload, prefix: bytes, length: bytes.count)
            }
            let length = try #require(Int(text[dots.upperBound...].prefix { $0.isNumber }))
            return ZeroFrame(payload: payload, prefix: hexadecimal(text[..<dots.lowerBound]), length: length)
        }
    }

    @Test(arguments: [
        ("frame_empty", "", ""), ("frame_nil", "", ""), ("frame_hello", "01", ""), ("frame_complete", "03", ""),
        ("frame_pubkey_node1", "02", "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"),
    ])
    func aSmallFrameIsTheOriginals(name: String, type: String, body: String) throws {
        let expected = hexadecimal(try #require(try OriginalVectors.texts()[name]))
        let payload = ByteBuffer(bytes: hexadecimal(type + body))
        var frame = Frame.encode(payload)
        #expect(Array(frame.readableBytesView) == expected)
        #expect(try FrameDecoder(maximumPayload: 100).next(&frame) == payload)
    }

    @Test func everyFrameOfZerosIsTheOriginalsAndIsReadBack() throws {
        let frames = try zeroFrames()
        #expect(frames.count == 8)
        for vector in frames {
            let payload = ByteBuffer(repeating: 0, count: vector.payload)
            var frame = Frame.encode(payload)
            #expect(frame.readableBytes == vector.length)
            #expect(Frame.length(ofPayload: vector.payload) == vector.length)
            var expected = ByteBuffer(bytes: vector.prefix)
            expected.writeRepeatingByte(0, count: vector.length - vector.prefix.count)
            #expect((frame == expected) == true)
            let read = try FrameDecoder(maximumPayload: vector.payload).next(&frame)
            #expect((read == payload) == true)
            #expect(frame.readableBytes == 0)
        }
    }

    @Test func theLargestFrameOfTheOriginalIsTheLargestMessageThatCanBeConfigured() throws {
        let vectors = try OriginalVectors.texts()
        #expect(vectors["frame_zeros_67108864"]?.hasPrefix("ERR") == true)
        // The original takes no outer length above 64 MiB; what a node may be configured to stays below, sealed.
        let largest = 64 * 1024 * 1024 - 64
        var configuration = NodeConfiguration()
        configuration.maximumMessageSize = largest
        #expect(configuration.problems().isEmpty)
        configuration.maximumMessageSize = largest + 1
        #expect(configuration.problems().count == 1)
        #expect(Frame.length(ofPayload: largest + Frame.sealOverhead) <= 64 * 1024 * 1024)
    }

    @Test func theEncryptedFrameOfTheOriginalOpensWithTheKeyOfThePair() throws {
        let vectors = try OriginalVectors.texts()
        let key = try ChaCha20Poly1305Key(bytes: hexadecimal(#require(vectors["shared_key_1_2"])))
        var frame = ByteBuffer(bytes: hexadecimal(try #require(vectors["enc_hello_frame"])))
        let sealed = try #require(try FrameDecoder(maximumPayload: 100).next(&frame))
        #expect(Array(sealed.readableBytesView) == hexadecimal(try #require(vectors["enc_hello_nonce07"])))
        #expect(Frame.open(sealed, with: key) == ByteBuffer(string: "hello"))
        let derived = try PairKey(
            local: OriginalVectors.identity(2), remote: OriginalVectors.identity(1).publicKey)
        #expect(Frame.open(sealed, with: derived.cipher) == ByteBuffer(string: "hello"))
        #expect(vectors["shared_key_1_2"] == vectors["shared_key_2_1"])
    }
}
