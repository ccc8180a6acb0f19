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

/// The ping protocol (`ping/ping.md` of the libp2p specifications).
enum PingProtocol {
    static let id = "/ipfs/ping/1.0.0"
    static let payloadLength = 32
}

/// Sends back what arrives, 32 bytes at a time.
final class PingResponder: StreamConsumer {
    private var buffer = ByteBuffer()
    /// Echoes that are queued and not yet framed: while there are some, the window is not opened further, so that a peer
    /// that asks and never reads cannot make this side queue without end.
    private var unwritten = 0
    private var owed = 0

    func streamReady(_ stream: MuxedStream) {}

    func streamReceived(_ bytes: ByteBuffer, on stream: MuxedStream) {
        var bytes = bytes
        self.owed += bytes.readableBytes
        self.buffer.writeBuffer(&bytes)
        let whole = self.buffer.readableBytes / PingProtocol.payloadLength * PingProtocol.payloadLength
        if whole > 0, let echo = self.buffer.readSlice(length: whole) {
            self.unwritten += whole
            stream.write(echo)
            self.buffer.discardReadBytes()
        } else {
            self.giveBack(stream)
        }
    }

    func streamWritten(_ bytes: Int, on stream: MuxedStream) {
        self.unwritten -= min(bytes, self.unwritten)
        self.giveBack(stream)
    }

    func streamFinished(_ stream: MuxedStream) { stream.finish() }
    func streamClosed(_ reason: StreamCloseReason, stream: MuxedStream) {}

    private func giveBack(_ stream: MuxedStream) {
        guard self.unwritten == 0 else { return }
        stream.consumed(self.owed)
        self.owed = 0
    }
}

/// Sends 32 bytes and measures how long they take to come back.
final class PingRequester: StreamConsumer {
    private let payload: [UInt8]
    private let timeout: TimeAmount
    private let result: Settlement<TimeAmount, HostError>
    private var received = ByteBuffer()
    private var sentAt = NIODeadline.distantPast
    private var timer: Scheduled<Void>?

    init(payload: [UInt8], timeout: TimeAmount, result: Settlement<TimeAmount, HostError>) {
        self.payload = payload
        self.timeout = timeout
        self.result = result
    }

    static func randomPayload() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<PingProtocol.payloadLength).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    func streamReady(_ stream: MuxedStream) {
        // The one who asked may have given up meanwhile.
        guard !self.result.isSettled else {
            stream.reset(code: StreamErrorCode.none)
            return
        }
        // Whoever asked has stopped waiting by then, or before: the stream must not outlive the question.
        self.timer = stream.eventLoop.assumeIsolated().scheduleTask(in: self.timeout) {
            stream.reset(code: StreamErrorCode.none)
        }
        self.sentAt = stream.eventLoop.now
        stream.write(ByteBuffer(bytes: self.payload))
    }

    func streamReceived(_ bytes: ByteBuffer, on stream: MuxedStream) {
        var bytes = bytes
        stream.consumed(bytes.readableBytes)
        self.received.writeBuffer(&bytes)
        guard self.received.readableBytes >= PingProtocol.payloadLength else { return }
        guard self.received.readableBytesView.elementsEqual(self.payload) else {
            self.result.fail(HostError(.protocolViolation, "the ping's answer is not what was sent"))
            stream.reset(code: StreamErrorCode.protocolViolation)
            return
        }
        self.result.succeed(stream.eventLoop.now - self.sentAt)
        stream.finish()
        stream.reset(code: StreamErrorCode.none)
    }

    func streamFinished(_ stream: MuxedStream) {
        self.result.fail(HostError(.closed, "the other side ended the ping stream"))
        stream.reset(code: StreamErrorCode.none)
    }

    func streamClosed(_ reason: StreamCloseReason, stream: MuxedStream) {
        self.timer?.cancel()
        self.timer = nil
        self.result.fail(reason.error)
    }
}
