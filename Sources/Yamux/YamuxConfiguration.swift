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

/// The limits and intervals of a session.
///
/// Every value is brought into its legal range where it is used, so that no setting makes a session trap or stall.
public struct YamuxConfiguration: Hashable, Sendable {
    /// The window with which every stream starts, each way, in bytes: fixed by the protocol.
    public static let initialWindow = 256 * 1024

    /// The largest window, in bytes, to which automatic tuning may raise what the peer may send on one stream.
    ///
    /// 16 MiB unless set otherwise. Below ``initialWindow`` there is no tuning; the most is 1 GiB.
    public var maximumReceiveWindow: Int = 16 * 1024 * 1024

    /// How many bytes all streams together may be granted beyond their initial windows.
    ///
    /// 16 MiB unless set otherwise. What a session may have to hold is at most this, and ``initialWindow`` for each open
    /// stream.
    public var receiveMemoryBudget: Int = 16 * 1024 * 1024

    /// The most payload, in bytes, of a data frame that we send.
    ///
    /// 64 KiB less the header unless set otherwise, which is what go-yamux itself sends at most. At least 1, at most
    /// 16 MiB.
    public var maximumFramePayload: Int = 64 * 1024 - 12

    /// How many streams opened by the peer may be open at a time; 256 unless set otherwise.
    ///
    /// More are refused with a reset of code ``YamuxErrorCode/Stream/resourceLimitExceeded``, and each refusal is counted
    /// as an oddity.
    public var maximumInboundStreams: Int = 256

    /// How many streams of ours may wait for the peer's acknowledgement; 256 unless set otherwise.
    ///
    /// This is the number of streams that an implementation of the specification is asked to hold in its backlog. Above
    /// it ``YamuxSession/openStream(now:)`` throws.
    public var maximumUnacknowledgedStreams: Int = 256

    /// How many resets may wait for a peer that does not read; 1024 unless set otherwise.
    ///
    /// One more ends the session. The other control frames need no number: of ping requests, ping replies and GoAway at
    /// most one each is held, and of window updates and acknowledgements at most one per stream.
    public var maximumBufferedResets: Int = 1024

    /// How long after a ping was answered the next one is sent; 10 s unless set otherwise.
    ///
    /// Zero or less turns keep-alive off; only pings asked for by ``YamuxSession/sendPing(now:)`` are sent then.
    public var keepAliveInterval: TimeAmount = .seconds(10)

    /// How long the peer may be silent after a ping before the session fails; 5 s unless set otherwise.
    public var keepAliveTimeout: TimeAmount = .seconds(5)

    /// How much of what is legal but useless a peer may send; see ``YamuxOddityBudget``.
    public var oddityBudget = YamuxOddityBudget()

    /// Creates a configuration with the defaults.
    public init() {}
}

/// How many useless frames a peer may send before the session ends with an error.
///
/// Some frames are legal and do nothing: data of no length, window updates that give nothing, pings, streams that are
/// reset as soon as they are opened, frames for streams that do not exist. A few occur between honest peers; a flood of
/// them costs us time and the sender little. Each costs one of a budget that time and useful traffic refill.
public struct YamuxOddityBudget: Hashable, Sendable {
    /// The size of the budget, and what a new session starts with: 1000 unless set otherwise.
    public var capacity: Int = 1000

    /// How many are regained in a second: 100 unless set otherwise.
    public var regainedPerSecond: Int = 100

    /// How many bytes of stream data, sent or received, regain one: 1024 unless set otherwise; at least 1.
    public var usefulBytesPerOddity: Int = 1024

    /// Creates a budget with the defaults.
    public init() {}
}

extension YamuxConfiguration {
    /// The legal maximum of every window: sums of windows stay far from any overflow below it.
    private static let largestWindow = 1 << 30

    var receiveWindowLimit: UInt32 {
        UInt32(clamping: min(max(self.maximumReceiveWindow, Self.initialWindow), Self.largestWindow))
    }

    var framePayloadLimit: Int { min(max(self.maximumFramePayload, 1), 1 << 24) }
}
