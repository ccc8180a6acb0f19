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
import Multiformats
import NIOCore

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Dials and listens in an ``InMemoryNetwork`` for one node.
struct InMemoryTransport: Transport {
    let network: InMemoryNetwork
    let machine: InMemoryMachine

    func handles(_ address: Multiaddr) -> Bool {
        guard let endpoint = address.tcpEndpoint, case .ip4 = endpoint.host else { return false }
        return true
    }

    func resolve(_ address: Multiaddr, on eventLoop: any EventLoop) -> EventLoopFuture<[Multiaddr]> {
        eventLoop.makeSucceededFuture([address.withoutPeer])
    }

    func dial(
        _ address: Multiaddr, on eventLoop: any EventLoop, timeout: TimeAmount,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        guard let target = Self.socketAddress(of: address), let number = Self.number(of: target) else {
            return eventLoop.makeFailedFuture(HostError(.badAddress, "\(address) is not in the network"))
        }
        return eventLoop.flatSubmit {
            let local = try? SocketAddress(
                ipAddress: self.machine.host, port: Int(self.network.ephemeralPort()))
            let channel = InMemoryChannel(
                network: self.network, machine: self.machine, eventLoop: eventLoop, local: local, remote: target,
                remoteNumber: number, parent: nil)
            return channel.dial(timeout: timeout, initializer: initializer)
        }
    }

    func listen(
        on address: Multiaddr, group: any EventLoopGroup,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) async throws(HostError) -> TransportListener {
        guard let requested = Self.socketAddress(of: address), requested.ipAddress == self.machine.host else {
            throw HostError(.badAddress, "\(address) is no address of this machine")
        }
        let port = requested.port == 0 ? self.network.ephemeralPort() : UInt16(clamping: requested.port ?? 0)
        let bound: Multiaddr
        do {
            bound = try Multiaddr(ipAddress: self.machine.host, tcpPort: port)
        } catch {
            throw HostError(.badAddress, "\(address) cannot be bound", cause: error)
        }
        guard let local = Self.socketAddress(of: bound), !self.machine.isDead else {
            throw HostError(.ioFailed, "the machine is gone")
        }
        let channel = InMemoryChannel(
            network: self.network, machine: self.machine, eventLoop: group.next(), local: local, remote: nil,
            remoteNumber: 0, parent: nil)
        guard
            self.network.listen(
                at: local, machine: self.machine, group: group, parent: channel, initializer: initializer)
        else {
            channel.close(promise: nil)
            throw HostError(.addressInUse, "\(address) is in use by another node; choose another port")
        }
        channel.eventLoop.execute { channel.activate() }
        return TransportListener(address: bound, channel: channel)
    }

    private static func socketAddress(of address: Multiaddr) -> SocketAddress? {
        guard let endpoint = address.tcpEndpoint, case .ip4(let ip) = endpoint.host else { return nil }
        return try? SocketAddress(ipAddress: ip, port: Int(endpoint.port))
    }

    /// The number of the machine at an address.
    private static func number(of address: SocketAddress) -> Int? {
        let parts = (address.ipAddress ?? "").split(separator: ".").compactMap { Int($0) }
        guard parts.count == 4, parts[0] == 10 else { return nil }
        return parts[1] << 16 | parts[2] << 8 | parts[3]
    }
}
