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

/// Keeps what arrived on a connection until it is asked for, and reads from the socket only while somebody asks.
final class ByteStreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private struct Waiting {
        var minimum: Int
        var maximum: Int
        var promise: EventLoopPromise<ByteBuffer?>
        var timeout: Scheduled<Void>
    }

    /// Called once the channel is active: a read that is asked for earlier would never be answered.
    private var whenActive: (() -> Void)?
    private var context: ChannelHandlerContext?
    private var buffer = ByteBuffer()
    private var hasEnded = false
    private var failure: (any Error)?
    private var waiting: Waiting?

    init(whenActive: (() -> Void)? = nil) {
        self.whenActive = whenActive
    }

    /// Reads between `minimum` and `maximum` bytes, or nil at the end when nothing is left.
    ///
    /// One call at a time.
    func read(
        minimum: Int, maximum: Int, within time: TimeAmount, on loop: any EventLoop
    ) -> EventLoopFuture<ByteBuffer?> {
        guard waiting == nil else {
            return loop.makeFailedFuture(ByteStreamError.twoReadsAtOnce)
        }
        let promise = loop.makePromise(of: ByteBuffer?.self)
        let timeout = loop.assumeIsolated().scheduleTask(in: time) {
            self.finishWaiting { $0.fail(ByteStreamError.timedOut) }
        }
        waiting = Waiting(minimum: minimum, maximum: maximum, promise: promise, timeout: timeout)
        answer()
        return promise.futureResult
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        hasEnded = true
        answer()
    }

    func channelActive(context: ChannelHandlerContext) {
        whenActive?()
        whenActive = nil
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        answer()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        hasEnded = true
        answer()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            hasEnded = true
            answer()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // p2pd closes a connection with bytes in it when the remote resets the stream: to the reader that is its end.
        failure = error
        context.close(promise: nil)
    }

    private func answer() {
        guard let waiting else {
            return
        }
        if buffer.readableBytes >= waiting.minimum {
            let bytes = buffer.readSlice(length: min(waiting.maximum, buffer.readableBytes))
            buffer.discardReadBytes()
            finishWaiting { $0.succeed(bytes) }
        } else if hasEnded {
            let isTruncated = buffer.readableBytes > 0
            finishWaiting { isTruncated ? $0.fail(failure ?? ByteStreamError.endedEarly) : $0.succeed(nil) }
        } else {
            context?.read()
        }
    }

    private func finishWaiting(_ finish: (EventLoopPromise<ByteBuffer?>) -> Void) {
        guard let waiting else {
            return
        }
        self.waiting = nil
        waiting.timeout.cancel()
        finish(waiting.promise)
    }
}

/// Why a read of a byte stream failed.
enum ByteStreamError: Error {
    case timedOut
    case endedEarly
    case twoReadsAtOnce
}
