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

import Glueberry
import LibP2P
import Multiformats
import NIOCore
import PeerIdentity
import Testing

/// A configuration with the ready-made handshake and the given streams.
func standard(_ streams: [String] = ["a", "b"]) -> NodeConfiguration {
    var configuration = NodeConfiguration()
    configuration.handshake = .standard(StandardHandshake(streams: streams))
    return configuration
}

/// Two started nodes on loopback, of which the first listens; they end with the test.
func withNodes<R: Sendable>(
    _ configuration: NodeConfiguration = standard(), other: NodeConfiguration? = nil,
    _ body: (Node, Node) async throws -> R
) async throws -> R {
    let listener = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: configuration)
    let dialer = try Node(identity: .generate(), configuration: other ?? configuration)
    try await listener.start()
    try await dialer.start()
    let result: Result<R, any Error>
    do { result = .success(try await body(listener, dialer)) } catch { result = .failure(error) }
    await dialer.stop()
    await listener.stop()
    return try result.get()
}

/// Connects the dialer to the listener; returns when both are established.
func establish(_ listener: Node, _ dialer: Node) async throws {
    let address = try #require(listener.listenAddresses.first)
    try await dialer.connect(to: address, timeout: .seconds(20))
    try await dialer.waitUntilEstablished(with: listener.peerID, timeout: .seconds(20))
    try await listener.waitUntilEstablished(with: dialer.peerID, timeout: .seconds(20))
}

/// Bytes that depend on their place and on a seed.
func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: ($0 &+ seed) &* 31 &+ ($0 >> 8)) }
}
