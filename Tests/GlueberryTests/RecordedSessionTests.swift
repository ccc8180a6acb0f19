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
import MultistreamSelect
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// A session of the original, byte for byte, through this library's values.
@Suite struct RecordedSessionTests {
    private let rows: [SessionRow]
    private let handshakeStream: String
    private let messageStream: String

    init() throws {
        self.rows = try OriginalVectors.session()
        let handshake = self.rows.first {
            $0.event == "inbound-stream" && $0.proto == StreamName.protocolID(of: StreamName.handshake)
        }
        self.handshakeStream = try #require(handshake?.stream)
        let proposal = Array(StreamName.protocolID(of: "a").utf8)
        let message = self.rows.first {
            $0.isFromRecorder && $0.event == "raw" && $0.bytes.firstRange(of: proposal) != nil && $0.bytes.first == 0x13
        }
        self.messageStream = try #require(message?.stream)
    }

    /// All that one side wrote on a stream.
    private func written(byRecorder: Bool, on stream: String) -> [UInt8] {
        self.rows.filter { $0.event == "raw" && $0.stream == stream && $0.isFromRecorder == byRecorder }.flatMap(
            \.bytes)
    }

    private func payloads(_ input: inout ByteBuffer) throws -> [ByteBuffer] {
        var payloads: [ByteBuffer] = []
        while let payload = try FrameDecoder(maximumPayload: 10_000).next(&input) { payloads.append(payload) }
        #expect(input.readableBytes == 0)
        return payloads
    }

    private func key(_ local: UInt8, _ remote: UInt8) throws -> PairKey {
        try PairKey(local: OriginalVectors.identity(local), remote: OriginalVectors.identity(remote).publicKey)
    }

    @Test func theHandshakeStreamGivesTheRecordedMessagesHoweverItIsSplit() throws {
        let bytes = written(byRecorder: false, on: handshakeStream)
        let recorded = rows.filter { $0.event == "hs-in" }.map(\.bytes)
        #expect(recorded.count == 3)
        for offset in 0...bytes.count {
            var responder = MultistreamResponder()
            var output = ByteBuffer()
            responder.start(into: &output)
            var input = ByteBuffer()
            var name: String?
            var messages: [[UInt8]] = []
            for piece in [bytes[..<offset], bytes[offset...]] {
                input.writeBytes(piece)
                if name == nil {
                    let outcome = try responder.receive(&input, into: &output) { StreamName.parse($0) != nil }
                    if case .negotiated(let agreed) = outcome { name = StreamName.parse(agreed)?.name }
                }
                guard name != nil else { continue }
                while let payload = try FrameDecoder(maximumPayload: 100).next(&input) {
                    messages.append(Array(payload.readableBytesView))
                }
            }
            #expect(name == StreamName.handshake)
            #expect(messages == recorded)
            // What the recorder answered before its first frame is what we answer.
            let answered = written(byRecorder: true, on: handshakeStream)
            #expect(answered.starts(with: output.readableBytesView))
        }
    }

    @Test func theMessageStreamIsNegotiatedAndOpenedAsRecorded() throws {
        // The recorder dials lazily: header, proposal and the first frame in one piece.
        var fromRecorder = ByteBuffer(bytes: written(byRecorder: true, on: messageStream))
        var responder = MultistreamResponder()
        var answer = ByteBuffer()
        responder.start(into: &answer)
        let outcome = try responder.receive(&fromRecorder, into: &answer) { StreamName.parse($0)?.name == "a" }
        #expect(outcome == .negotiated(StreamName.protocolID(of: "a")))
        #expect(written(byRecorder: false, on: messageStream).starts(with: answer.readableBytesView))
        let incoming = try payloads(&fromRecorder)
        let keyOfOther = try key(1, 2)
        #expect(incoming.map { Frame.open($0, with: keyOfOther.cipher) } == [ByteBuffer(string: "hello")])

        var fromOther = ByteBuffer(bytes: written(byRecorder: false, on: messageStream))
        var initiator = MultistreamInitiator(protocols: [StreamName.protocolID(of: "a")])
        var proposal = ByteBuffer()
        initiator.start(into: &proposal)
        #expect(written(byRecorder: true, on: messageStream).starts(with: proposal.readableBytesView))
        let agreed = try initiator.receive(&fromOther, into: &proposal)
        #expect(agreed == .negotiated(StreamName.protocolID(of: "a")))
        let echo = try payloads(&fromOther)
        let keyOfRecorder = try key(2, 1)
        #expect(echo.map { Frame.open($0, with: keyOfRecorder.cipher) } == [ByteBuffer(string: "hello")])
        #expect(rows.contains { $0.event == "decrypted" && $0.pt == "hello" })
    }

    @Test func theKeyOfTheSessionIsTheOneThatWeDerive() throws {
        let shared = try #require(rows.first { $0.event == "shared" }?.key)
        // The key itself stays inside its object, so it is compared by what it opens.
        let sealed = try Frame.seal(ByteBuffer(string: "x"), with: key(1, 2).cipher, nonces: NonceSource())
        var frame = sealed
        let payload = try #require(try FrameDecoder(maximumPayload: 100).next(&frame))
        #expect(Frame.open(payload, with: try .init(bytes: hexadecimal(shared))) == ByteBuffer(string: "x"))
    }

    @Test func ourHandshakeWritesTheRecordersFramesByteForByte() throws {
        try expectSameFrames(local: 2, remote: 1, isRecorder: true)
    }

    @Test func ourHandshakeWritesTheOriginalsFramesByteForByte() throws {
        try expectSameFrames(local: 1, remote: 2, isRecorder: false)
    }

    /// Plays the other side's recorded messages to our handshake, and compares what it writes with what was recorded.
    private func expectSameFrames(local: UInt8, remote: UInt8, isRecorder: Bool) throws {
        let protocolID = StreamName.protocolID(of: StreamName.handshake)
        let frames = rows.filter { $0.event == "raw" && $0.stream == handshakeStream && $0.proto == protocolID }
        var incoming = ByteBuffer(bytes: frames.filter { $0.isFromRecorder != isRecorder }.flatMap(\.bytes))
        let expected = frames.filter { $0.isFromRecorder == isRecorder }.map(\.bytes)
        var peer = try ReadyMadePeer(
            OriginalVectors.identity(local), remote: OriginalVectors.identity(remote).peerID)
        var messages = peer.start()
        for payload in try payloads(&incoming) {
            messages += peer.receive(Array(payload.readableBytesView))
            if peer.isVerifying { messages += peer.verify() }
        }
        let written = messages.map { Array(Frame.encode(ByteBuffer(bytes: $0)).readableBytesView) }
        #expect(written == expected)
        #expect(written.count == 3)
        #expect(peer.isComplete)
        #expect(peer.failure == nil)
    }
}
