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

public import LibP2P
import NIOCore

/// What a node can be told: times, sizes, and how the handshake is done.
public struct NodeConfiguration: Sendable {
    /// Who does the handshake that comes between `Connected` and `Established`.
    public enum Handshake: Sendable {
        /// The ready-made one, see ``StandardHandshake``.
        case standard(StandardHandshake)
        /// The application: it sends and receives on the stream `handshake` and calls `prepareStreams`,
        /// `finalizeHandshake` or `completeHandshake`.
        case application
    }

    /// How the handshake is done.
    ///
    /// Default: the application does it.
    public var handshake = Handshake.application
    /// From `Connected` to `Established`; then the peer goes into `Cooldown`.
    ///
    /// Default 30 s.
    public var handshakeTimeout: Duration = .seconds(30)
    /// How long a peer is left alone after a handshake that failed, or after it sent us away.
    ///
    /// Default 60 s.
    public var cooldown: Duration = .seconds(60)
    /// Delay before the first reconnection; doubled with every failure.
    ///
    /// Default 1 s.
    public var reconnectBase: Duration = .seconds(1)
    /// The longest delay between reconnections.
    ///
    /// Default 5 min.
    public var reconnectMaximum: Duration = .seconds(300)
    /// Reconnections before giving up; 0 goes on for ever.
    ///
    /// Default 10.
    public var reconnectAttempts = 10
    /// The largest message that is sent or taken, in bytes.
    ///
    /// Default 10 MiB.
    public var maximumMessageSize = 10 * 1024 * 1024
    /// The longest wait of `send` for room in the queue.
    ///
    /// Default 30 s.
    public var sendTimeout: Duration = .seconds(30)
    /// Bytes per peer and stream that are accepted and not yet written before `send` waits.
    ///
    /// Default 1 MiB.
    public var sendBufferBytes = 1024 * 1024
    /// Messages per peer and stream that are accepted and not yet written before `send` waits.
    ///
    /// Default 4,096.
    public var sendBufferMessages = 4096
    /// Received messages per peer and stream that wait for a consumer before the stream is held up.
    ///
    /// Default 4,096.
    public var receiveBufferMessages = 4096
    /// Received bytes per peer and stream that wait for a consumer before the stream is held up.
    ///
    /// Default 4 MiB.
    public var receiveBufferBytes = 4 * 1024 * 1024
    /// Events per consumer that wait before older ones give way.
    ///
    /// Default 1,024.
    public var eventBuffer = 1024
    /// How long `stop` and `disconnect` wait for accepted messages to be written.
    ///
    /// Default 2 s.
    public var flushTimeout: Duration = .seconds(2)
    /// Peers in the address book; to add more is an error.
    ///
    /// Default 100,000.
    public var maximumPeers = 100_000
    /// Dials that run at the same time; further ones wait for their turn, those that somebody waits for first.
    ///
    /// Default 16.
    public var maximumDials = 16
    /// How long changes of the address book are gathered before they are written.
    ///
    /// Default 200 ms.
    public var addressBookWriteDelay: Duration = .milliseconds(200)
    /// The libp2p host below.
    public var host = HostConfiguration()

    /// The documented defaults.
    public init() {}

    /// The bad fields, each with what is wrong with it.
    func problems() -> [String] {
        var problems: [String] = []
        func positive(_ duration: Duration, _ name: String) {
            if duration <= .zero { problems.append("\(name) must be above 0") }
        }
        func positive(_ count: Int, _ name: String) {
            if count <= 0 { problems.append("\(name) must be above 0") }
        }
        positive(self.handshakeTimeout, "handshakeTimeout")
        positive(self.cooldown, "cooldown")
        positive(self.reconnectBase, "reconnectBase")
        if self.reconnectMaximum < self.reconnectBase { problems.append("reconnectMaximum is below reconnectBase") }
        if self.reconnectAttempts < 0 { problems.append("reconnectAttempts must not be negative") }
        positive(self.maximumMessageSize, "maximumMessageSize")
        if self.maximumMessageSize > 64 * 1024 * 1024 - 64 {
            problems.append("maximumMessageSize is above 64 MiB, which other implementations refuse")
        }
        positive(self.sendTimeout, "sendTimeout")
        positive(self.sendBufferBytes, "sendBufferBytes")
        positive(self.sendBufferMessages, "sendBufferMessages")
        positive(self.receiveBufferMessages, "receiveBufferMessages")
        positive(self.receiveBufferBytes, "receiveBufferBytes")
        positive(self.eventBuffer, "eventBuffer")
        positive(self.maximumPeers, "maximumPeers")
        positive(self.maximumDials, "maximumDials")
        positive(self.addressBookWriteDelay, "addressBookWriteDelay")
        if self.flushTimeout < .zero { problems.append("flushTimeout must not be negative") }
        if case .standard(let handshake) = self.handshake {
            if handshake.hello.count > StandardHandshakeRun.maximumHelloLength {
                problems.append("the hello has more than \(StandardHandshakeRun.maximumHelloLength) bytes")
            }
            for name in handshake.streams where !StreamName.isValid(name) || name == StreamName.handshake {
                problems.append("\"\(name)\" is not a stream name")
            }
        }
        return problems
    }
}

extension TimeAmount {
    /// The same time in the event loop's terms; what does not fit becomes the longest that does.
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else {
            self = .nanoseconds(seconds < 0 ? .min / 2 : .max / 2)
            return
        }
        let (sum, overflowAgain) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        self = .nanoseconds(overflowAgain ? .max / 2 : min(sum, .max / 2))
    }
}
