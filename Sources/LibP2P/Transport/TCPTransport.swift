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
import NIOPosix

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// TCP over IPv4 and IPv6, with names resolved by the system's resolver.
struct TCPTransport: Transport {
    private static let backlog: Int32 = 256
    /// How many bytes the kernel may hold that it has not sent yet.
    ///
    /// What it holds is behind no priority any more. Less costs throughput.
    private static let maximumUnsent: SocketOptionValue = 128 * 1024

    /// How much is read at once, in bytes: at first little, and more as long as that much comes.
    ///
    /// A record of the security layer has up to 64 KiB, and one that two reads bring is copied. A connection keeps the memory
    /// of its largest read.
    private static let readSizes = AdaptiveRecvByteBufferAllocator(
        minimum: 2048, initial: 2048, maximum: 128 * 1024)

    /// How often a connection reads before others of its event loop have their turn.
    ///
    /// What a read brings is worked off before the next, so that its memory serves for that one too.
    private static let readsPerTurn: UInt = 1

    func handles(_ address: Multiaddr) -> Bool { address.tcpEndpoint != nil }

    func resolve(_ address: Multiaddr, on eventLoop: any EventLoop) -> EventLoopFuture<[Multiaddr]> {
        guard let endpoint = address.tcpEndpoint else {
            return eventLoop.makeFailedFuture(HostError(.badAddress, "\(address) is not a TCP address"))
        }
        let name: String
        let family: Int32
        switch endpoint.host {
        case .ip4, .ip6: return eventLoop.makeSucceededFuture([address.withoutPeer])
        case .dns(let host): (name, family) = (host, AF_UNSPEC)
        case .dns4(let host): (name, family) = (host, AF_INET)
        case .dns6(let host): (name, family) = (host, AF_INET6)
        }
        return HostNameResolver.lookUp(name, family: family, on: eventLoop).flatMapThrowing { addresses in
            try addresses.map { try Multiaddr(ipAddress: $0, tcpPort: endpoint.port) }
        }
    }

    func dial(
        _ address: Multiaddr, on eventLoop: any EventLoop, timeout: TimeAmount,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        do {
            let target = try Self.socketAddress(of: address)
            return ClientBootstrap(group: eventLoop)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.recvAllocator, value: Self.readSizes)
                .channelOption(.maxMessagesPerRead, value: Self.readsPerTurn)
                .connectTimeout(timeout)
                .channelInitializer { channel in
                    Self.boundUnsent(channel)
                    return initializer(channel)
                }
                .connect(to: target)
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
    }

    func listen(
        on address: Multiaddr, group: any EventLoopGroup,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) async throws(HostError) -> TransportListener {
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: Self.backlog)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.recvAllocator, value: Self.readSizes)
                .childChannelOption(.maxMessagesPerRead, value: Self.readsPerTurn)
                .childChannelInitializer { channel in
                    Self.boundUnsent(channel)
                    return initializer(channel)
                }
                .bind(to: Self.socketAddress(of: address))
                .outcome()
            guard let local = channel.localAddress, let ip = local.ipAddress, let port = local.port else {
                try? await channel.close().outcome()
                throw HostError(.badAddress, "\(address) was bound to no IP address")
            }
            return TransportListener(
                address: try Multiaddr(ipAddress: ip, tcpPort: UInt16(truncatingIfNeeded: port)), channel: channel)
        } catch let error as HostError {
            throw error
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw HostError(
                .addressInUse, "\(address) is in use by another socket; choose another port or stop its owner")
        } catch let error as IOError where error.errnoCode == EACCES {
            throw HostError(.ioFailed, "listening on \(address) is not permitted; ports below 1024 need privileges")
        } catch let error as IOError where error.errnoCode == EADDRNOTAVAIL {
            throw HostError(.badAddress, "\(address) is no address of this machine")
        } catch {
            throw HostError(.ioFailed, "listening on \(address) failed", cause: error)
        }
    }

    /// Bounds what the kernel takes before it can send it; a system that does not know the option takes more.
    private static func boundUnsent(_ channel: any Channel) {
        let option = NIOBSDSocket.Option(rawValue: TCP_NOTSENT_LOWAT)
        channel.setOption(.tcpOption(option), value: Self.maximumUnsent).whenFailure { _ in }
    }

    private static func socketAddress(of address: Multiaddr) throws -> SocketAddress {
        guard let endpoint = address.tcpEndpoint else {
            throw HostError(.badAddress, "\(address) is not a TCP address")
        }
        switch endpoint.host {
        case .ip4(let ip): return try SocketAddress(ipAddress: ip, port: Int(endpoint.port))
        case .ip6(let ip, let zone):
            return try SocketAddress(ipAddress: zone.map { "\(ip)%\($0)" } ?? ip, port: Int(endpoint.port))
        case .dns, .dns4, .dns6:
            throw HostError(.badAddress, "\(address) names a host; give an IP address to listen on")
        }
    }
}
