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

package import NIOCore

/// What takes the bytes of one stream.
///
/// Every call comes on the event loop of the stream's connection, in the order in which things happened; after
/// ``streamClosed(_:)`` none follows.
package protocol StreamConsumer: AnyObject {
    /// The two sides agreed on the protocol: the stream can be written.
    func streamReady(_ stream: MuxedStream)
    /// Bytes arrived. They count against the stream's window until ``MuxedStream/consumed(_:)`` gives them back.
    func streamReceived(_ bytes: ByteBuffer, on stream: MuxedStream)
    /// Everything that one read of the socket brought has been handed over: the place to act on it as a batch.
    func streamReadComplete(_ stream: MuxedStream)
    /// The other side sends no more.
    func streamFinished(_ stream: MuxedStream)
    /// So many bytes of earlier writes went into frames.
    func streamWritten(_ bytes: Int, on stream: MuxedStream)
    /// The other side has taken bytes from this stream: it reads it.
    func streamProgressed(_ stream: MuxedStream)
    /// The stream is over.
    func streamClosed(_ reason: StreamCloseReason, stream: MuxedStream)
}

extension StreamConsumer {
    package func streamReadComplete(_ stream: MuxedStream) {}
    package func streamWritten(_ bytes: Int, on stream: MuxedStream) {}
    package func streamProgressed(_ stream: MuxedStream) {}
}

/// Why a stream ended.
package enum StreamCloseReason: Sendable {
    /// Both sides had finished.
    case finished
    /// The other side reset it.
    case resetByPeer(code: UInt32)
    /// This side reset it.
    case reset(code: UInt32)
    /// The two sides found no protocol, or not in time.
    case negotiationFailed(HostError)
    /// Its connection ended.
    case connectionClosed(HostError)

    /// The error that a reader or writer of the stream is given.
    package var error: HostError {
        switch self {
        case .finished: HostError(.closed, "the stream is finished")
        case .resetByPeer(let code):
            HostError(.reset, "the other side reset the stream (code 0x\(String(code, radix: 16)))", resetCode: code)
        case .reset(let code): HostError(.closed, "the stream was reset here (code 0x\(String(code, radix: 16)))")
        case .negotiationFailed(let error), .connectionClosed(let error): error
        }
    }
}

/// What a host does with an incoming stream that asks for a protocol.
package enum StreamRoute {
    /// Answers `na`: the protocol is not spoken here.
    case refuse
    /// Takes the stream.
    case accept(any StreamConsumer)
    /// Agrees on the protocol and resets the stream, for a protocol that is spoken, but not with this peer or now.
    case reset(code: UInt32)
}
