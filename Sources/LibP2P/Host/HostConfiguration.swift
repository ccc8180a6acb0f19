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

public import Multiformats
public import NIOCore
public import Yamux

/// What a host can be told: names, addresses, limits and times.
public struct HostConfiguration: Sendable {
    /// Addresses to advertise besides, or with ``announceOnly`` instead of, the ones that the host listens on:
    /// for containers, port forwarding and NAT.
    public var announce: [Multiaddr] = []
    /// Advertise only ``announce``, never the addresses of the interfaces.
    public var announceOnly = false
    /// The agent name that identify carries.
    public var agentVersion = "glueberry-swift"
    /// The protocol version that identify carries; some applications refuse a peer whose version is not theirs.
    public var protocolVersion = ""
    /// How much the host takes from others.
    public var limits = HostLimits()
    /// How long each step may take.
    public var timeouts = HostTimeouts()
    /// The multiplexer's windows, limits and keep-alive.
    ///
    /// Windows of one connection grow by at most 8 MiB in all, and those of all connections of a peer by at most
    /// ``HostLimits/bufferedBytesPerPeer``. With the default keep-alive a connection whose packets just stop is noticed
    /// within 15 s of the last byte: a ping goes out 10 s after the last was answered, and silence for 5 s after it ends
    /// the connection. One that the other side closes or resets, as when its process is killed, is noticed at once.
    public var yamux = HostConfiguration.defaultYamux
    /// Bytes per stream that `Stream.write` accepts before it waits.
    ///
    /// Default 256 KiB.
    public var streamWriteBuffer = 256 * 1024

    /// The documented defaults.
    public init() {}

    private static var defaultYamux: YamuxConfiguration {
        var configuration = YamuxConfiguration()
        configuration.maximumReceiveWindow = 8 * 1024 * 1024
        configuration.receiveMemoryBudget = 8 * 1024 * 1024
        return configuration
    }
}

/// Upper bounds on what other peers can make a host hold.
public struct HostLimits: Sendable {
    /// Connections in all, both directions.
    ///
    /// Default 256.
    public var connections = 256
    /// Connections with one peer, both directions.
    ///
    /// Default 8.
    public var connectionsPerPeer = 8
    /// Connections that this side dialled or is dialling; they are not held up by the ones that others opened.
    ///
    /// Default 256.
    public var outboundConnections = 256
    /// Accepted connections that have not yet authenticated their peer.
    ///
    /// Default 64.
    public var unauthenticatedConnections = 64
    /// Connections from one IPv4 address or one IPv6 /56; loopback is exempt.
    ///
    /// Default 8.
    public var connectionsPerAddress = 8
    /// Streams that one peer may have open to us, over all its connections.
    ///
    /// Default 256.
    public var streamsPerPeer = 256
    /// Received bytes of one peer that nobody has taken yet, over all its streams and connections, beyond the 256 KiB that
    /// every open stream may hold from its begin.
    ///
    /// The windows of a peer's streams share it, so that a peer is never reset for filling what it was granted. Default
    /// 16 MiB.
    public var bufferedBytesPerPeer = 16 * 1024 * 1024
    /// Dials to one peer that run at the same time.
    ///
    /// Default 8.
    public var dialsPerPeer = 8
    /// Addresses of one peer that one dial tries.
    ///
    /// Default 32.
    public var addressesPerDial = 32

    /// The documented defaults.
    public init() {}
}

/// How long each step of a connection or stream may take; whatever takes longer is ended.
public struct HostTimeouts: Sendable {
    /// From an accepted socket to an authenticated, multiplexed connection.
    ///
    /// Default 15 s.
    public var accept: TimeAmount = .seconds(15)
    /// A dial over all addresses, unless the call gives its own.
    ///
    /// Default 30 s.
    public var dial: TimeAmount = .seconds(30)
    /// From starting one address to an authenticated connection.
    ///
    /// Default 15 s.
    public var dialAttempt: TimeAmount = .seconds(15)
    /// Agreeing on a security protocol or a multiplexer.
    ///
    /// Default 10 s.
    public var negotiation: TimeAmount = .seconds(10)
    /// The security handshake.
    ///
    /// Default 10 s.
    public var securityHandshake: TimeAmount = .seconds(10)
    /// Agreeing on a stream's protocol.
    ///
    /// Default 10 s.
    public var streamNegotiation: TimeAmount = .seconds(10)
    /// One identify exchange.
    ///
    /// Default 5 s.
    public var identify: TimeAmount = .seconds(5)
    /// One ping.
    ///
    /// Default 10 s.
    public var ping: TimeAmount = .seconds(10)
    /// How long a connection that we close may take to send what is queued.
    ///
    /// Default 1 s.
    public var close: TimeAmount = .seconds(1)
    /// Pause before the next address of a dial begins when the last was a public one.
    ///
    /// Default 250 ms.
    public var nextPublicAddress: TimeAmount = .milliseconds(250)
    /// The same for a private or loopback address.
    ///
    /// Default 30 ms.
    public var nextPrivateAddress: TimeAmount = .milliseconds(30)

    /// The documented defaults.
    public init() {}
}
