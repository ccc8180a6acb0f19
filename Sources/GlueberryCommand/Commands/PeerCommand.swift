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

import ArgumentParser
import Glueberry
import LibP2P
import Logging
import Multiformats
import NIOCore
import NIOPosix
import PeerIdentity

/// `glueberry peer`: a node that scripts can drive.
struct PeerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peer",
        abstract: "Run a node that scripts can drive: one JSON object per line on standard output.",
        discussion: """
            Modes: 'echo' sends every message back on its stream; 'sink' counts messages; 'pause' reads none for \
            --pause after the first peer is Established, then counts; 'bench' sends --count messages of --size bytes to \
            every peer that it dials, or makes as many round trips with --pingpong; 'chat' sends each line of standard \
            input to every established peer on the first stream and shows what arrives; 'idle' takes part and says \
            nothing; 'hs' lets --count nodes, one after another, dial, become Established and stop; 'swarm' lets \
            --count nodes dial, send --messages among them when all have dialled, hold their sessions, and stop.

            Lines of standard input in the mode 'chat': a text, or /connect ADDRESS, /disconnect ID, /reconnect ID, \
            /state, /dump, /usage, /big N (sends N random bytes), /quit. In the other modes /usage with --exit-on-eof.

            Events: listening, state, established, message, sent, notice, reading, bench, hs, swarm, dump, usage, error, \
            final, stopped. Times are in µs unless the name says otherwise. SIGTERM and SIGINT end the node in order, with \
            status 0.
            """)

    /// Messages of a benchmark when no number is given.
    private static let benchCount = 10_000
    /// Nodes of `hs` and `swarm` when no number is given.
    private static let nodeCount = 100

    @Option(help: "What to do: \(PeerMode.list).")
    var mode = PeerMode.echo
    @Option(help: "Where to listen, separated by commas; an empty text listens nowhere.")
    var listen = "/ip4/127.0.0.1/tcp/0"
    @Option(help: "Whom to dial and keep connected to: addresses with /p2p/ID, separated by commas.")
    var connect: String?
    @Option(help: "When to dial, in milliseconds of Unix time (default: at once).")
    var connectAt: UInt64?
    @Option(help: "The key file, made if it is not there (default: a fresh key).")
    var key: String?
    @Option(help: "The file of the address book (default: it is kept in memory).")
    var book: String?
    @Option(help: "The encrypted streams to prepare, separated by commas; 'bench' and 'chat' send on the first.")
    var streams = "a,b"
    @Option(help: "bench, swarm: the bytes of a message.")
    var size = 1024
    @Option(
        help: "bench: messages or round trips (default \(benchCount)); hs, swarm: nodes (default \(nodeCount)).")
    var count: Int?
    @Option(
        help: """
            swarm: messages, or round trips with --pingpong, of all nodes together once they have dialled (default: none).
            """)
    var messages: Int?
    @Option(help: "bench with --pingpong: round trips before those that are measured.")
    var warmup = 0
    @Option(help: "bench: messages per second at most; 0 is without a bound.")
    var rate = 0.0
    @Option(help: "bench, hs, swarm: how long to stay up when done (default: not at all; swarm: for ever).")
    var linger: TimeOption?
    @Flag(help: "bench, swarm: round trips against a peer that echoes.")
    var pingpong = false
    @Option(help: "bench with --pingpong: send messages of so many bytes meanwhile, on the last stream.")
    var bulk: Int?
    @Option(help: "echo: streams of which nothing is sent back, separated by commas.")
    var discard: String?
    @Option(
        help: """
            Streams that go before or after others, separated by commas: NAME=URGENCY or NAME=URGENCY:WEIGHT; urgencies: \
            \(StreamPrioritiesOption.urgencies); weights: 1 to 256, the shares of those of one urgency.
            """)
    var priorities = StreamPrioritiesOption()
    @Option(help: "pause: how long to read no message after the first peer is Established.")
    var pause = TimeOption(seconds: 10)
    @Flag(help: "bench: send on all prepared streams in turn, not only on the first.")
    var spread = false
    @Option(help: "Connections at the same time at most (default: 256).")
    var maxConnections: Int?
    @Option(help: "The largest message that is sent or taken, in bytes.")
    var maxMessage = ByteCountOption(mebibytes: 10)
    @Option(help: "Received messages per peer and stream that wait before the policy applies.")
    var receiveBuffer = 4096
    @Option(help: "What happens when they are too many: \(ReceivePolicy.list).")
    var policy = ReceivePolicy.backpressure
    @Option(help: "What protects messages: transport (the connection), or layered (a second layer as well).")
    var streamEncryption = StreamEncryption.transport
    @Option(help: "From Connected to Established at most.")
    var handshakeTimeout = TimeOption(seconds: 30)
    @Option(help: "How long a peer is left alone after a handshake that failed.")
    var cooldown = TimeOption(seconds: 60)
    @Option(help: "The delay before the first reconnection; doubled with every failure.")
    var reconnectBase = TimeOption(seconds: 1)
    @Option(
        help: "A number: reconnections before giving up, 0 goes on for ever. A time: the longest delay between them.")
    var reconnectMax = ReconnectionLimitOption.attempts(0)
    @Flag(help: "Print the SHA-256 of each message, and at the end the sum of them all.")
    var hash = false
    @Option(help: "Wait so long after each message before the next is taken.")
    var slow: TimeOption?
    @Option(help: "Print the state of every peer at this interval.")
    var stateTick: TimeOption?
    @Option(help: "End after this time.")
    var exitAfter: TimeOption?
    @Flag(help: "End when standard input ends, so that the node never outlives what drives it.")
    var exitOnEof = false
    @Flag(help: "No line per message.")
    var quiet = false
    @OptionGroup var log: LogOptions

    func validate() throws {
        if let count = self.count, count <= 0 { throw ValidationError("--count must be above 0") }
        if let messages = self.messages {
            guard self.mode == .swarm else { throw ValidationError("--messages is for --mode swarm") }
            guard messages > 0 else { throw ValidationError("--messages must be above 0") }
        }
        // The size that is not given fits no small --max-message, and only what sends needs one.
        let sizes = 0...(self.mode == .bench || self.messages != nil ? self.maxMessage.bytes : .max)
        guard sizes.contains(self.size) else {
            throw ValidationError("--size must be 0 to \(self.maxMessage.bytes), the largest message")
        }
        if let connections = self.maxConnections, connections <= 0 {
            throw ValidationError("--max-connections must be above 0")
        }
        if let bulk = self.bulk {
            guard self.pingpong, self.mode == .bench else {
                throw ValidationError("--bulk needs --mode bench and --pingpong")
            }
            guard self.streamNames.first != self.streamNames.last else {
                throw ValidationError("--bulk needs two --streams: for round trips, and for what is sent beside")
            }
            guard (1...self.maxMessage.bytes).contains(bulk) else {
                throw ValidationError("--bulk must be 1 to \(self.maxMessage.bytes), the largest message")
            }
        }
        guard self.warmup >= 0 else { throw ValidationError("--warmup must not be negative") }
        guard self.rate >= 0, self.rate.isFinite else { throw ValidationError("--rate must be 0 or above") }
        if self.mode.dialsByItself, (self.connect ?? "").isEmpty {
            throw ValidationError("--mode \(self.mode.rawValue) needs --connect, whom to dial")
        }
        if let tick = self.stateTick, tick.duration <= .zero { throw ValidationError("--state-tick must be above 0") }
    }

    func run() async throws {
        let configuration = try self.nodeConfiguration()
        let peers = try self.connect.map(Addresses.peers) ?? []
        let logger = self.log.logger()
        // One node needs no more than one event loop, and what is on it need not wake anything.
        let group = self.mode.dialsByItself ? nil : MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let executor =
            self.quiet && self.mode.sharesEventLoop ? group.map { EventLoopExecutor($0.next()) } : nil
        let node: Node
        do {
            node = try Node(
                identity: try Addresses.identity(self.key), listen: try Addresses.listening(self.listen),
                addressBook: self.book.map(AddressBook.file) ?? .memory, configuration: configuration,
                eventLoopGroup: group, logger: logger)
        } catch let error as GlueberryError {
            throw CommandFailure(Explanation.line(for: error), status: 64)
        }
        try await ScriptedPeer(
            node: node,
            settings: self.settings(peers, executor) {
                try Node(identity: .generate(), listen: [Multiaddr](), configuration: configuration, logger: logger)
            }
        ).run()
    }

    private var streamNames: [String] { self.streams.split(separator: ",").map(String.init) }

    private func nodeConfiguration() throws -> NodeConfiguration {
        guard !self.streamNames.isEmpty else {
            throw CommandFailure("--streams names no stream; give one, such as a", status: 64)
        }
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(StandardHandshake(streams: self.streamNames))
        configuration.handshakeTimeout = self.handshakeTimeout.duration
        configuration.cooldown = self.cooldown.duration
        configuration.reconnectBase = self.reconnectBase.duration
        configuration.reconnectAttempts = 0
        switch self.reconnectMax {
        case .attempts(let count): configuration.reconnectAttempts = count
        case .delay(let time): configuration.reconnectMaximum = time.duration
        }
        configuration.reconnectMaximum = max(configuration.reconnectMaximum, configuration.reconnectBase)
        configuration.maximumMessageSize = self.maxMessage.bytes
        if let connections = self.maxConnections {
            configuration.host.limits.connections = connections
            configuration.host.limits.outboundConnections = connections
        }
        configuration.receiveBufferMessages = self.receiveBuffer
        configuration.receivePolicy = self.policy
        configuration.streamEncryption = self.streamEncryption
        configuration.streamPriorities = self.priorities.priorities
        return configuration
    }

    private func settings(
        _ peers: [(peer: PeerID, addresses: [Multiaddr])], _ executor: (any TaskExecutor)?,
        makeNode: @escaping @Sendable () throws -> Node
    ) -> PeerSettings {
        PeerSettings(
            mode: self.mode, stream: self.streamNames.first ?? "", peers: peers, dialTime: self.connectAt,
            count: self.count ?? (self.mode == .bench ? Self.benchCount : Self.nodeCount),
            swarmMessages: self.messages,
            discarded: Set((self.discard ?? "").split(separator: ",").map(String.init)),
            bench: PeerSettings.Bench(
                size: self.size, warmup: self.warmup, rate: self.rate > 0 ? self.rate : nil,
                isPingPong: self.pingpong, bulk: self.bulk.map { ($0, self.streamNames.last ?? "") },
                streams: self.spread ? self.streamNames : Array(self.streamNames.prefix(1))),
            pause: self.pause.duration, linger: self.linger?.duration, slow: self.slow?.duration,
            // The dial has its own limits, which end before this one does.
            establishLimit: self.handshakeTimeout.duration + .seconds(30), isQuiet: self.quiet, hashes: self.hash,
            stateInterval: self.stateTick?.duration, lifetime: self.exitAfter?.duration,
            endsWithInput: self.exitOnEof, executor: executor, makeNode: makeNode)
    }
}

extension PeerMode: ExpressibleByArgument {
    /// The modes, for the help.
    static var list: String { Self.allCases.map(\.rawValue).joined(separator: ", ") }
}
