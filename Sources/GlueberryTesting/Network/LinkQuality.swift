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

/// How well bytes travel from one node to another over an ``InMemoryNetwork``.
public struct LinkQuality: Sendable {
    /// The time that everything takes.
    ///
    /// Default zero.
    public var latency: Duration = .zero
    /// The most that chance adds to the latency; the order of what is sent on a connection is kept.
    ///
    /// Default zero.
    public var jitter: Duration = .zero
    /// How much goes through in a second, for all connections of the link together; nil for no bound.
    public var bytesPerSecond: Int?
    /// The most bytes that arrive in one piece; nil leaves writes whole.
    public var segment: Int?
    /// Bytes of a connection that may be on their way, or have arrived and not been read, before its sender has to wait.
    ///
    /// Default 256 KiB.
    public var bytesInFlight = 256 * 1024

    /// A link without any delay.
    public init() {}

    /// A link with a delay.
    public init(latency: Duration, jitter: Duration = .zero, bytesPerSecond: Int? = nil, segment: Int? = nil) {
        self.latency = latency
        self.jitter = jitter
        self.bytesPerSecond = bytesPerSecond
        self.segment = segment
    }
}
