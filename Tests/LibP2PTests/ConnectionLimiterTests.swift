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

import NIOCore
import Testing

@testable import LibP2P

@Suite struct ConnectionLimiterTests {
    private func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 4001) }

    private func limits(
        connections: Int = 100, unauthenticated: Int = 100, perAddress: Int = 100, outbound: Int = 100
    ) -> HostLimits {
        var limits = HostLimits()
        limits.connections = connections
        limits.unauthenticatedConnections = unauthenticated
        limits.connectionsPerAddress = perAddress
        limits.outboundConnections = outbound
        return limits
    }

    /// The error of an admission that must fail.
    private func refusal(_ body: () throws(HostError) -> ConnectionTicket) throws -> HostError {
        do throws(HostError) {
            _ = try body()
        } catch {
            return error
        }
        throw HostError(.closed, "the connection was admitted")
    }

    @Test func theTotalLimitNamesScopeUsageAndLimit() throws {
        let limiter = SharedConnectionLimiter(limits: self.limits(connections: 2))
        let first = try limiter.admitOutbound()
        let second = try limiter.admitInbound(from: self.address("192.0.2.1"))
        let error = try self.refusal { () throws(HostError) in try limiter.admitInbound(from: nil) }
        #expect(error.code == .limitExceeded)
        #expect(error.message == "limit reached: connections: 2 of 2")
        first.release()
        second.release()
    }

    @Test func whatOthersHaveOpenedDoesNotKeepThisSideFromDialling() throws {
        let limiter = SharedConnectionLimiter(limits: self.limits(connections: 1, unauthenticated: 1, outbound: 2))
        let inbound = try limiter.admitInbound(from: nil)
        let first = try limiter.admitOutbound()
        let second = try limiter.admitOutbound()
        let error = try self.refusal { () throws(HostError) in try limiter.admitOutbound() }
        #expect(error.code == .limitExceeded)
        #expect(error.message == "limit reached: dialled connections: 2 of 2")
        #expect(limiter.connections == 3 && limiter.unauthenticated == 1)
        for ticket in [inbound, first, second] { ticket.release() }
        #expect(limiter.connections == 0 && limiter.unauthenticated == 0)
        try limiter.admitOutbound().release()
    }

    @Test func theLimitOfUnauthenticatedConnectionsNamesItselfAndIsFreedByAuthentication() throws {
        let limiter = SharedConnectionLimiter(limits: self.limits(unauthenticated: 1))
        let first = try limiter.admitInbound(from: nil)
        let error = try self.refusal { () throws(HostError) in try limiter.admitInbound(from: nil) }
        #expect(error.code == .limitExceeded)
        #expect(error.message == "limit reached: connections not yet authenticated: 1 of 1")
        first.authenticated()
        let second = try limiter.admitInbound(from: nil)
        #expect(limiter.connections == 2 && limiter.unauthenticated == 1)
        first.release()
        second.release()
        #expect(limiter.connections == 0 && limiter.unauthenticated == 0)
    }

    @Test func theLimitPerAddressNamesTheAddressAndLeavesOthersAlone() throws {
        let limiter = SharedConnectionLimiter(limits: self.limits(perAddress: 1))
        let neighbour = try self.address("192.0.2.1")
        let first = try limiter.admitInbound(from: neighbour)
        let error = try self.refusal { () throws(HostError) in try limiter.admitInbound(from: neighbour) }
        #expect(error.code == .limitExceeded)
        #expect(error.message == "limit reached: connections from 192.0.2.1: 1 of 1")
        let other = try limiter.admitInbound(from: self.address("192.0.2.2"))
        #expect(limiter.connections == 2)
        first.release()
        let again = try limiter.admitInbound(from: neighbour)
        other.release()
        again.release()
        #expect(limiter.connections == 0 && limiter.unauthenticated == 0)
    }

    @Test func aRefusedConnectionIsNotCounted() throws {
        let limiter = SharedConnectionLimiter(limits: self.limits(perAddress: 1))
        let neighbour = try self.address("192.0.2.1")
        let first = try limiter.admitInbound(from: neighbour)
        for _ in 0..<100 { _ = try self.refusal { () throws(HostError) in try limiter.admitInbound(from: neighbour) } }
        #expect(limiter.connections == 1 && limiter.unauthenticated == 1)
        first.release()
        #expect(limiter.connections == 0)
        try limiter.admitInbound(from: neighbour).release()
    }

    @Test func oneIPv6NetworkOf56BitsIsOneNeighbour() throws {
        let limiter = SharedConnectionLimiter(limits: self.limits(perAddress: 1))
        let first = try limiter.admitInbound(from: self.address("2001:db8:0:1200::1"))
        let error = try self.refusal { () throws(HostError) in
            try limiter.admitInbound(from: try? self.address("2001:db8:0:12ff:ffff::9"))
        }
        #expect(error.message == "limit reached: connections from 2001:db8:0:1200::/56: 1 of 1")
        let other = try limiter.admitInbound(from: self.address("2001:db8:0:1300::1"))
        first.release()
        other.release()
        #expect(limiter.connections == 0)
    }

    @Test func anIPv4AddressMappedIntoIPv6IsTheSameNeighbour() throws {
        let mapped = try AddressBlock(self.address("::ffff:192.0.2.1"))
        let plain = try AddressBlock(self.address("192.0.2.1"))
        #expect(mapped == plain)
        #expect(plain?.description == "192.0.2.1")
    }

    @Test(arguments: ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"])
    func loopbackIsExempt(_ text: String) throws {
        let loopback = try self.address(text)
        #expect(AddressBlock(loopback) == nil)
        let limiter = SharedConnectionLimiter(limits: self.limits(perAddress: 1))
        let tickets = try (0..<5).map { _ in try limiter.admitInbound(from: loopback) }
        #expect(limiter.connections == 5)
        for ticket in tickets { ticket.release() }
        #expect(limiter.connections == 0)
    }

    @Test func whatIsNoAddressOfTheInternetHasNoNeighbours() throws {
        #expect(AddressBlock(nil) == nil)
        #expect(try AddressBlock(SocketAddress(unixDomainSocketPath: "/tmp/socket")) == nil)
    }

    @Test func givingATicketBackTwiceCountsOnce() throws {
        let limiter = SharedConnectionLimiter(limits: self.limits())
        let first = try limiter.admitInbound(from: nil)
        let second = try limiter.admitInbound(from: nil)
        first.authenticated()
        first.authenticated()
        #expect(limiter.unauthenticated == 1)
        first.release()
        first.release()
        first.authenticated()
        #expect(limiter.connections == 1 && limiter.unauthenticated == 1)
        second.release()
        second.authenticated()
        #expect(limiter.connections == 0 && limiter.unauthenticated == 0)
    }

    @Test func manyTasksAtOnceNeverExceedALimitAndLeaveNothingBehind() async throws {
        let limiter = SharedConnectionLimiter(limits: self.limits(connections: 40, unauthenticated: 20, perAddress: 4))
        let addresses = try (0..<16).map { try self.address("192.0.2.\($0)") }
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<32 {
                group.addTask {
                    var isWithin = true
                    for round in 0..<200 {
                        guard let ticket = try? limiter.admitInbound(from: addresses[(task &* 7 &+ round) % 16]) else {
                            continue
                        }
                        isWithin = isWithin && limiter.connections <= 40 && limiter.unauthenticated <= 20
                        if round.isMultiple(of: 2) { ticket.authenticated() }
                        ticket.release()
                        ticket.release()
                    }
                    return isWithin
                }
            }
            for await isWithin in group { #expect(isWithin) }
        }
        #expect(limiter.connections == 0 && limiter.unauthenticated == 0)
        for address in addresses {
            let tickets = try (0..<4).map { _ in try limiter.admitInbound(from: address) }
            for ticket in tickets { ticket.release() }
        }
    }

    @Test func theAccountOfAPeerCountsStreamsAndBytes() {
        var limits = HostLimits()
        limits.streamsPerPeer = 2
        limits.bufferedBytesPerPeer = 100
        let usage = PeerUsage(limits: limits)
        #expect(usage.openStream() && usage.openStream() && !usage.openStream())
        #expect(usage.streamCount == 2)
        // No window is open, so that only the limit itself counts.
        #expect(usage.hold(bytes: 100) && !usage.hold(bytes: 1))
        // What exceeds the limit is counted too, and given back like the rest.
        #expect(usage.bufferedBytes == 101)
        usage.release(bytes: 101)
        usage.release(bytes: -5)
        usage.closeStream()
        usage.closeStream()
        #expect(usage.streamCount == 0 && usage.bufferedBytes == 0)
    }

    @Test func theInitialWindowsOfOpenStreamsCountBesideTheLimit() {
        var limits = HostLimits()
        limits.bufferedBytesPerPeer = 100
        let usage = PeerUsage(limits: limits)
        usage.openWindow()
        usage.openWindow()
        #expect(usage.hold(bytes: 2 * 256 * 1024 + 100) && !usage.hold(bytes: 1))
        usage.closeWindow()
        usage.release(bytes: 256 * 1024 + 1)
        #expect(usage.hold(bytes: 0) && !usage.hold(bytes: 1))
    }

    @Test func theConnectionsOfAPeerShareWhatWindowsMayGrowBy() {
        var limits = HostLimits()
        limits.bufferedBytesPerPeer = 1000
        let usage = PeerUsage(limits: limits)
        #expect(usage.reserveGrowth() == 1000)
        #expect(usage.reserveGrowth() == 0)
        // The first used 300 of them.
        usage.releaseGrowth(700)
        #expect(usage.reserveGrowth() == 700)
        usage.releaseGrowth(1000)
        usage.releaseGrowth(-5)
        #expect(usage.reserveGrowth() == 1000)
    }
}
