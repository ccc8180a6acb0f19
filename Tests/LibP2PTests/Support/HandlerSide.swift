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

import Multiformats
import NIOCore
import NIOEmbedded
import Noise
import PeerIdentity

@testable import LibP2P

/// A real connection handler in an embedded channel, with virtual time.
final class HandlerSide {
    let loop: EmbeddedEventLoop
    let channel: EmbeddedChannel
    let limiter: SharedConnectionLimiter
    let handler: ConnectionHandler
    private let halfClose = HalfCloseRecorder()
    private(set) var result: Result<Connection, any Error>?

    init(
        isDialer: Bool, keys: SeededKeys, expecting peer: PeerID? = nil, delegate: any ConnectionDelegate,
        configuration: HostConfiguration, loop: EmbeddedEventLoop
    ) throws {
        self.loop = loop
        self.limiter = SharedConnectionLimiter(limits: configuration.limits)
        let secured = loop.makePromise(of: Connection.self)
        let remote = try SocketAddress(ipAddress: "192.0.2.1", port: 4001)
        let ticket = try isDialer ? self.limiter.admitOutbound() : self.limiter.admitInbound(from: remote)
        self.handler = ConnectionHandler(
            isDialer: isDialer, handshake: try keys.handshake(isDialer ? .initiator : .responder, expecting: peer),
            remoteAddress: try Multiaddr("/ip4/192.0.2.1/tcp/4001"), configuration: configuration, ticket: ticket,
            delegate: delegate, eventLoop: loop, secured: secured)
        self.channel = EmbeddedChannel(handlers: [self.halfClose, self.handler], loop: loop)
        self.channel.closeFuture.whenComplete { _ in ticket.release() }
        secured.futureResult.assumeIsolated().whenComplete { self.result = $0 }
        self.channel.connect(to: remote, promise: nil)
        loop.run()
    }

    deinit {
        _ = try? self.channel.finish(acceptAlreadyClosed: true)
    }

    var connection: Connection? { try? self.result?.get() }
    var failure: UpgradeFailure? {
        guard case .failure(let error) = self.result else { return nil }
        return error as? UpgradeFailure
    }
    /// Whether the handler has shut its sending half down.
    var hasClosedOutput: Bool { self.halfClose.hasClosedOutput }
    /// Whether the socket is gone.
    var isGone: Bool { !self.channel.isActive }

    /// What the handler has written since the last call.
    func takeOutput() throws -> [UInt8] {
        self.loop.run()
        var bytes: [UInt8] = []
        while let buffer = try self.channel.readOutbound(as: ByteBuffer.self) { bytes += buffer.readableBytesView }
        return bytes
    }

    /// Hands bytes to the handler as one read of the socket.
    func give(_ bytes: [UInt8]) throws {
        guard !bytes.isEmpty, self.channel.isActive else { return }
        try self.channel.writeInbound(ByteBuffer(bytes: bytes))
        self.loop.run()
    }
}

/// Takes the place of a socket that can be shut down in one direction, which an embedded channel cannot.
private final class HalfCloseRecorder: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer

    private(set) var hasClosedOutput = false

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else {
            context.close(mode: mode, promise: promise)
            return
        }
        self.hasClosedOutput = true
        promise?.succeed(())
    }
}
