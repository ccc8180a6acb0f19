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

import LibP2P
import NIOCore
import PeerIdentity
import Testing

@testable import Glueberry

/// A peer on a bare host that does the handshake with a node and then whatever the test wants, byte by byte.
final class ScriptedPeer: Sendable {
    let identity = Identity.generate()
    let host: Host
    private let nonces = NonceSource()

    init() {
        self.host = Host(identity: self.identity)
    }

    var peerID: PeerID { self.identity.peerID }

    /// Dials a node that does the ready-made handshake; returns when it is established.
    func establish(with node: Node) async throws {
        _ = try await self.host.connect(to: node.peerID, addresses: node.listenAddresses)
        let stream = try await self.open(StreamName.handshake, to: node)
        var handshake = ReadyMadePeer(self.identity, remote: node.peerID)
        try await self.send(handshake.start(), on: stream)
        let decoder = FrameDecoder(maximumPayload: 10_000)
        var input = ByteBuffer()
        while !handshake.isComplete {
            var bytes = try #require(try await stream.read())
            input.writeBuffer(&bytes)
            while let payload = try decoder.next(&input) {
                var answers = handshake.receive(Array(payload.readableBytesView))
                if handshake.isVerifying { answers += handshake.verify() }
                try await self.send(answers, on: stream)
            }
        }
        try await node.waitUntilEstablished(with: self.peerID, timeout: .seconds(20))
    }

    func open(_ name: String, to node: Node) async throws(HostError) -> LibP2P.Stream {
        try await self.host.openStream(to: node.peerID, protocols: [StreamName.protocolID(of: name)])
    }

    /// A frame as the node's stream of that name carries it.
    func sealed(_ payload: [UInt8], for node: Node) throws -> ByteBuffer {
        let key = try PairKey(local: self.identity, remote: node.publicKey)
        return try Frame.seal(ByteBuffer(bytes: payload), with: key.cipher, nonces: self.nonces)
    }

    private func send(_ messages: [[UInt8]], on stream: LibP2P.Stream) async throws {
        for message in messages { try await stream.write(Frame.encode(ByteBuffer(bytes: message))) }
    }
}

/// Runs a listening node and a peer that is established with it.
func withScriptedPeer<R: Sendable>(
    _ configuration: NodeConfiguration = standard(), _ body: (Node, ScriptedPeer) async throws -> R
) async throws -> R {
    let node = try Node(identity: .generate(), listen: ["/ip4/127.0.0.1/tcp/0"], configuration: configuration)
    let peer = ScriptedPeer()
    try await node.start()
    let result: Result<R, any Error>
    do {
        try await peer.establish(with: node)
        result = .success(try await body(node, peer))
    } catch {
        result = .failure(error)
    }
    await peer.host.stop()
    await node.stop()
    return try result.get()
}

/// The code with which the other side resets a stream; nil if it ends in another way.
func resetCode(of stream: LibP2P.Stream) async -> UInt32? {
    do throws(HostError) {
        while try await stream.read() != nil {}
        return nil
    } catch {
        return error.resetCode
    }
}
