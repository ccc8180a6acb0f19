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

package import Multiformats
package import NIOCore

/// A way to carry bytes between hosts: dials and listens for some kind of addresses, and gives every channel its
/// pipeline before the first byte can arrive.
package protocol Transport: Sendable {
    /// Whether the transport can dial or listen on such an address.
    func handles(_ address: Multiaddr) -> Bool

    /// Turns an address into ones that can be dialled without further look-ups.
    func resolve(_ address: Multiaddr, on eventLoop: any EventLoop) -> EventLoopFuture<[Multiaddr]>

    /// Connects; `initializer` completes the pipeline first.
    func dial(
        _ address: Multiaddr, on eventLoop: any EventLoop, timeout: TimeAmount,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel>

    /// Listens; `initializer` completes the pipeline of every accepted channel, and by failing refuses it.
    func listen(
        on address: Multiaddr, group: any EventLoopGroup,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) async throws(HostError) -> TransportListener
}

/// A bound address.
package struct TransportListener: Sendable {
    /// The address with the port that was really bound.
    package let address: Multiaddr
    /// The accepting channel; closing it ends the listener.
    package let channel: any Channel

    package init(address: Multiaddr, channel: any Channel) {
        self.address = address
        self.channel = channel
    }
}
