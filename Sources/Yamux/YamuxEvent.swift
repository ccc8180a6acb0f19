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

public import NIOCore

/// What a session tells its driver, one at a time, through ``YamuxSession/nextEvent(now:)``.
public enum YamuxEvent: Hashable, Sendable {
    /// The peer opened a stream; its acknowledgement is queued already.
    case streamOpened(YamuxStreamID)
    /// The peer acknowledged a stream of ours, or used it, which says the same.
    case streamAcknowledged(YamuxStreamID)
    /// Bytes of a stream, in order; a frame that came in pieces is delivered in pieces.
    ///
    /// Never empty, and never more than the window that was granted. The buffer shares its memory with everything that
    /// was received in the same call: a consumer that keeps small pieces for long copies them.
    case data(YamuxStreamID, ByteBuffer)
    /// The peer's data has ended; ours may go on.
    case finished(YamuxStreamID)
    /// The peer reset the stream: it is forgotten and what was queued on it is dropped.
    case reset(YamuxStreamID, code: UInt32)
    /// Both sides have finished and our end of data was framed: the stream is forgotten.
    case closed(YamuxStreamID)
    /// So many bytes given to `write` were framed by `writeOutput`; several frames are counted together.
    case written(YamuxStreamID, Int)
    /// The peer granted more room for our data on this stream.
    case windowOpened(YamuxStreamID)
    /// A ping was answered after this time.
    case roundTrip(TimeAmount)
    /// The peer takes no new streams from us; what is open may go on. Reported once.
    ///
    /// A go-yamux peer that sends this has closed its end already, and one that receives it closes at once.
    case goAway(code: UInt32)
    /// The session is over: a GoAway is queued for the output, every stream is forgotten, and nothing else follows.
    case failed(YamuxError)
}
