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

/// Sends one identify message on a stream, as an answer or as a push, and ends its half.
final class IdentifySender: StreamConsumer {
    private let message: ByteBuffer
    private let timeout: TimeAmount
    private var timer: Scheduled<Void>?

    init(_ message: ByteBuffer, timeout: TimeAmount) {
        self.message = message
        self.timeout = timeout
    }

    func streamReady(_ stream: MuxedStream) {
        stream.write(self.message)
        stream.finish()
        // One that never ends its half would keep the stream for ever.
        self.timer = stream.eventLoop.assumeIsolated().scheduleTask(in: self.timeout) {
            stream.reset(code: StreamErrorCode.none)
        }
    }

    func streamReceived(_ bytes: ByteBuffer, on stream: MuxedStream) { stream.consumed(bytes.readableBytes) }
    func streamFinished(_ stream: MuxedStream) {}

    func streamClosed(_ reason: StreamCloseReason, stream: MuxedStream) {
        self.timer?.cancel()
        self.timer = nil
    }
}

/// Reads one identify message from a stream, as an answer or as a push.
final class IdentifyReceiver: StreamConsumer {
    private let remotePeer: PeerID
    private let timeout: TimeAmount
    private let completed: (Result<IdentifyUpdate, HostError>) -> Void
    private var decoder = IdentifyDecoder()
    private var isCompleted = false
    private var timer: Scheduled<Void>?

    init(
        remotePeer: PeerID, timeout: TimeAmount, completed: @escaping (Result<IdentifyUpdate, HostError>) -> Void
    ) {
        self.remotePeer = remotePeer
        self.timeout = timeout
        self.completed = completed
    }

    func streamReady(_ stream: MuxedStream) {
        self.timer = stream.eventLoop.assumeIsolated().scheduleTask(in: self.timeout) {
            self.complete(.failure(HostError(.timedOut, "no identify message in time")))
            stream.reset(code: StreamErrorCode.none)
        }
    }

    func streamReceived(_ bytes: ByteBuffer, on stream: MuxedStream) {
        stream.consumed(bytes.readableBytes)
        guard !self.isCompleted else { return }
        do {
            try self.decoder.receive(bytes)
        } catch {
            self.complete(.failure(error))
            stream.reset(code: StreamErrorCode.protocolViolation)
        }
    }

    func streamFinished(_ stream: MuxedStream) {
        stream.finish()
        guard !self.isCompleted else { return }
        do {
            self.complete(.success(try self.decoder.finishUpdate(remotePeer: self.remotePeer)))
        } catch {
            self.complete(.failure(error))
        }
    }

    func streamClosed(_ reason: StreamCloseReason, stream: MuxedStream) {
        self.complete(.failure(reason.error))
    }

    private func complete(_ result: Result<IdentifyUpdate, HostError>) {
        self.timer?.cancel()
        self.timer = nil
        guard !self.isCompleted else { return }
        self.isCompleted = true
        self.completed(result)
    }
}
