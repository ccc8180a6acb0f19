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

public import Glueberry
import LibP2P
public import Logging
public import Multiformats
public import NIOCore
public import PeerIdentity

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A network in memory that joins any number of real nodes without sockets.
///
/// The nodes run the same multistream, Noise, yamux and frame code as over TCP; only the socket is replaced. Each has an
/// address such as `/ip4/10.0.0.1/tcp/4001`. What can go wrong is told to the network: delays and slow links
/// (``LinkQuality``), packets that stop (``partition(_:_:)``), connections that are cut (``cut(_:_:)``), processes that die
/// (``kill(_:)``) and dials that are refused (``refuseDials(to:)``).
///
/// On a ``VirtualClock`` no time is lost in waiting, the nodes' calendar is ``VirtualClock/timestamp``, and chance comes from
/// the seed alone, but for the keys and nonces that the nodes draw themselves. On other event loops the delays are real.
public final class InMemoryNetwork: Sendable {
    /// Two ends, in the direction in which bytes go.
    struct Route: Hashable {
        let from: Int
        let to: Int
    }

    private struct Listener {
        let channel: InMemoryChannel
        let machine: InMemoryMachine
        let group: any EventLoopGroup
        let initializer: @Sendable (any Channel) -> EventLoopFuture<Void>
    }

    private struct Wire {
        var random: SeededGenerator
        /// When what was sent before has gone out, on a link with a bound.
        var busyUntil = NIODeadline.uptimeNanoseconds(0)
    }

    private struct State {
        var machines: [PeerID: InMemoryMachine] = [:]
        var nextMachine = 1
        var nextPort: UInt16 = 49152
        var listeners: [String: Listener] = [:]
        var channels: [ObjectIdentifier: InMemoryChannel] = [:]
        var quality = LinkQuality()
        var qualities: [Route: LinkQuality] = [:]
        var wires: [Route: Wire] = [:]
        var blocked: Set<Route> = []
        var refusing: Set<Int> = []
        var parked: [@Sendable () -> Void] = []
        var accepted = 0
    }

    static let port: UInt16 = 4001

    private let group: any EventLoopGroup
    private let seed: UInt64
    private let state = SystemLocked(State())

    /// Creates a network.
    ///
    /// - Parameters:
    ///   - group: Where its nodes run: a ``VirtualClock``, or any other event loops.
    ///   - seed: What chance on the links is drawn from.
    public init(on group: any EventLoopGroup, seed: UInt64 = 0) {
        self.group = group
        self.seed = seed
    }

    // MARK: Nodes

    /// Makes a node that listens at an address of its own in the network; it is to be started as any other.
    ///
    /// A second node with the same identity gets the same address, as a process that is started again.
    ///
    /// - Parameters:
    ///   - identity: Whose node it is.
    ///   - configuration: As for any node.
    ///   - listens: Whether it can be dialled.
    ///   - logger: Where to log.
    /// - Returns: A node that is not yet started.
    /// - Throws: ``GlueberryError`` with code `configurationInvalid`.
    public func node(
        identity: Identity = .generate(), configuration: NodeConfiguration = NodeConfiguration(),
        listens: Bool = true, logger: Logger? = nil
    ) throws(GlueberryError) -> Node {
        let machine = self.state.withLock { state in
            let number = state.machines[identity.peerID]?.number ?? state.nextMachine
            if number == state.nextMachine { state.nextMachine += 1 }
            let machine = InMemoryMachine(number: number)
            state.machines[identity.peerID] = machine
            return machine
        }
        var configuration = configuration
        if let clock = self.group as? VirtualClock { configuration.now = { clock.timestamp } }
        let scatter = SystemLocked(SeededGenerator(seed: self.seed ^ UInt64(truncatingIfNeeded: machine.number) << 32))
        configuration.jitter = { scatter.withLock { Double.random(in: 0...1, using: &$0) } }
        let listen: [Multiaddr]
        do {
            listen = listens ? [try Multiaddr(ipAddress: machine.host, tcpPort: Self.port)] : []
        } catch {
            throw GlueberryError(.configurationInvalid, "the network has no address left", cause: error)
        }
        return try Node(
            identity: identity, listen: listen, configuration: configuration, eventLoopGroup: self.group,
            transports: [InMemoryTransport(network: self, machine: machine)], logger: logger)
    }

    /// The address of a node of this network, without `/p2p`; nil if the network has no such node.
    public func address(of peer: PeerID) -> Multiaddr? {
        guard let machine = self.state.withLock({ $0.machines[peer] }) else { return nil }
        return try? Multiaddr(ipAddress: machine.host, tcpPort: Self.port)
    }

    /// How many channels and listeners are open, on all nodes.
    public var openChannels: Int {
        self.state.withLock { $0.channels.count }
    }

    /// How many connections have been accepted since the beginning.
    public var acceptedConnections: Int { self.state.withLock { $0.accepted } }

    // MARK: What can go wrong

    /// Sets the quality of every link that has none of its own.
    public func setQuality(_ quality: LinkQuality) {
        self.state.withLock { $0.quality = quality }
    }

    /// Sets the quality of the link from one node to another, in that direction.
    public func setQuality(_ quality: LinkQuality, from sender: PeerID, to receiver: PeerID) {
        self.state.withLock { state in
            guard let route = Self.route(from: sender, to: receiver, state) else { return }
            state.qualities[route] = quality
        }
    }

    /// Lets packets between two nodes stop, in both directions: nobody is told anything.
    ///
    /// What was under way arrives after ``heal(_:_:)``, as TCP sends it again, unless its connection has ended meanwhile.
    public func partition(_ one: PeerID, _ other: PeerID) {
        self.block(from: one, to: other)
        self.block(from: other, to: one)
    }

    /// Lets packets stop in one direction.
    public func block(from sender: PeerID, to receiver: PeerID) {
        self.state.withLock { state in
            guard let route = Self.route(from: sender, to: receiver, state) else { return }
            state.blocked.insert(route)
        }
    }

    /// Ends a partition of two nodes.
    public func heal(_ one: PeerID, _ other: PeerID) {
        self.unblock { state in
            for route in [Self.route(from: one, to: other, state), Self.route(from: other, to: one, state)] {
                if let route { state.blocked.remove(route) }
            }
        }
    }

    /// Ends every partition.
    public func healAll() {
        self.unblock { $0.blocked = [] }
    }

    /// Resets every connection between two nodes, as a firewall or a router that lost its state does.
    public func cut(_ one: PeerID, _ other: PeerID) {
        let (channels, numbers) = self.state.withLock { state in
            (Array(state.channels.values), [state.machines[one]?.number, state.machines[other]?.number])
        }
        guard let first = numbers[0], let second = numbers[1] else { return }
        for channel in channels where channel.joins(first, second) { channel.cut() }
    }

    /// Ends the process of a node at once, as `kill -9` does: nothing of it says farewell, and the others see their
    /// connections end as an operating system ends those of a process that is gone.
    ///
    /// The node object can reach nobody any more; it is to be stopped when convenient. A node that is made with the same
    /// identity afterwards is the process started again.
    public func kill(_ peer: PeerID) {
        let (channels, machine) = self.state.withLock { state in
            (Array(state.channels.values), state.machines[peer])
        }
        guard let machine else { return }
        machine.die()
        for channel in channels where channel.machine === machine { channel.die() }
    }

    /// Cuts the power of a node's machine: packets to it vanish, and nobody is told anything.
    ///
    /// The node object can reach nobody any more; it is to be stopped when convenient. Once a node is made with the same
    /// identity, the machine is up again: what is then sent on an old connection is answered with a reset.
    public func powerOff(_ peer: PeerID) {
        let (channels, machine) = self.state.withLock { state in
            (Array(state.channels.values), state.machines[peer])
        }
        guard let machine else { return }
        machine.powerOff()
        for channel in channels where channel.machine === machine { channel.vanish() }
    }

    /// Refuses dials to a node, as a machine does on which nobody listens; connections that exist stay.
    public func refuseDials(to peer: PeerID) {
        self.state.withLock { state in
            if let machine = state.machines[peer] { state.refusing.insert(machine.number) }
        }
    }

    /// Takes back ``refuseDials(to:)``.
    public func acceptDials(to peer: PeerID) {
        self.state.withLock { state in
            if let machine = state.machines[peer] { state.refusing.remove(machine.number) }
        }
    }

    private static func route(from sender: PeerID, to receiver: PeerID, _ state: State) -> Route? {
        guard let from = state.machines[sender], let to = state.machines[receiver] else { return nil }
        return Route(from: from.number, to: to.number)
    }

    private func unblock(_ change: (inout State) -> Void) {
        let (channels, parked) = self.state.withLock { state in
            change(&state)
            defer { state.parked = [] }
            return (Array(state.channels.values), state.parked)
        }
        for channel in channels { channel.wake() }
        for body in parked { body() }
    }

    // MARK: For channels and transports

    func isBlocked(from sender: Int, to receiver: Int) -> Bool {
        self.state.withLock { $0.blocked.contains(Route(from: sender, to: receiver)) }
    }

    /// Whether the machine that a process ran on runs another one now.
    func isRestarted(_ machine: InMemoryMachine) -> Bool {
        self.state.withLock { state in
            state.machines.values.contains { $0.number == machine.number && $0 !== machine && !$0.isDead }
        }
    }

    func quality(from sender: Int, to receiver: Int) -> LinkQuality {
        self.state.withLock { state in
            state.qualities[Route(from: sender, to: receiver)] ?? state.quality
        }
    }

    /// When something that is sent now arrives.
    func arrival(of bytes: Int, from sender: Int, to receiver: Int, now: NIODeadline) -> NIODeadline {
        let route = Route(from: sender, to: receiver)
        let seed = self.seed
        return self.state.withLock { state in
            let quality = state.qualities[route] ?? state.quality
            var wire =
                state.wires[route]
                ?? Wire(
                    random: SeededGenerator(
                        seed: seed &+ UInt64(truncatingIfNeeded: sender) &* 0x1_0001
                            &+ UInt64(truncatingIfNeeded: receiver) &* 0x100_0000_0001))
            var due = now
            if let rate = quality.bytesPerSecond, rate > 0 {
                let nanoseconds = Int64(min(Double(bytes) * 1e9 / Double(rate), 1e15))
                wire.busyUntil = max(wire.busyUntil, now) + .nanoseconds(nanoseconds)
                due = wire.busyUntil
            }
            due = due + VirtualClock.amount(quality.latency)
            let jitter = VirtualClock.amount(quality.jitter).nanoseconds
            if jitter > 0 { due = due + .nanoseconds(Int64.random(in: 0...jitter, using: &wire.random)) }
            state.wires[route] = wire
            return due
        }
    }

    func opened(_ channel: InMemoryChannel) {
        self.state.withLock { $0.channels[ObjectIdentifier(channel)] = channel }
    }

    func closed(_ channel: InMemoryChannel) {
        self.state.withLock { state in
            state.channels[ObjectIdentifier(channel)] = nil
            state.listeners = state.listeners.filter { $0.value.channel !== channel }
        }
    }

    func ephemeralPort() -> UInt16 {
        self.state.withLock { state in
            defer { state.nextPort = state.nextPort == .max ? 49152 : state.nextPort + 1 }
            return state.nextPort
        }
    }

    /// Binds an address; nil if somebody else has it.
    func listen(
        at address: SocketAddress, machine: InMemoryMachine, group: any EventLoopGroup, parent: InMemoryChannel,
        initializer: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> Bool {
        self.state.withLock { state in
            let key = Self.key(address)
            if let existing = state.listeners[key], !existing.machine.isDead { return false }
            state.listeners[key] = Listener(
                channel: parent, machine: machine, group: group, initializer: initializer)
            return true
        }
    }

    /// Brings a dial to whoever listens, when its time has come.
    func dial(_ target: SocketAddress, number: Int, from dialer: InMemoryChannel) {
        let loop = self.group.next()
        let due = self.arrival(of: 0, from: dialer.machine.number, to: number, now: dialer.eventLoop.now)
        if due <= dialer.eventLoop.now {
            loop.execute { self.arrived(target, number, dialer, on: loop) }
        } else {
            loop.scheduleTask(deadline: due) { self.arrived(target, number, dialer, on: loop) }
        }
    }

    private func arrived(_ target: SocketAddress, _ number: Int, _ dialer: InMemoryChannel, on loop: any EventLoop) {
        enum Answer {
            case parked
            case lost
            case refused
            case accepted(Listener)
        }
        let sender = dialer.machine.number
        let answer = self.state.withLock { state -> Answer in
            guard !state.blocked.contains(Route(from: sender, to: number)) else {
                state.parked.append { loop.execute { self.arrived(target, number, dialer, on: loop) } }
                return .parked
            }
            if let machine = state.machines.values.first(where: { $0.number == number }), machine.isPoweredOff {
                return .lost
            }
            guard !state.refusing.contains(number), let listener = state.listeners[Self.key(target)],
                !listener.machine.isDead
            else { return .refused }
            state.accepted += 1
            return .accepted(listener)
        }
        switch answer {
        case .parked, .lost: break
        case .refused:
            dialer.send(
                .refused(IOError(errnoCode: ECONNREFUSED, reason: "connect")), from: number, now: loop.now)
        case .accepted(let listener):
            let child = InMemoryChannel(
                network: self, machine: listener.machine, eventLoop: listener.group.next(),
                local: target, remote: dialer.localAddress, remoteNumber: sender, parent: listener.channel)
            child.eventLoop.execute { child.accept(from: dialer, initializer: listener.initializer) }
        }
    }

    private static func key(_ address: SocketAddress) -> String {
        "\(address.ipAddress ?? "")/\(address.port ?? 0)"
    }
}
