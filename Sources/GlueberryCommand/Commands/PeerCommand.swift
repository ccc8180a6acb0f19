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
import Multiformats
import PeerIdentity

/// `glueberry peer`: a node that scripts can drive.
struct PeerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peer",
        abstract: "Run a node that scripts can drive: one JSON object per line on standard output.",
        discussion: """
            Modes: 'echo' sends every message back on its stream; 'sink' counts messages; 'chat' sends each line of \
            standard input to every established peer on the first stream and shows what arrives; 'idle' takes part \
            and says nothing.

            Lines of standard input in the mode 'chat': a text, or /connect ADDRESS, /disconnect ID, /reconnect ID, \
            /state, /dump, /big N (sends N random bytes), /quit.

            Events: listening, state, established, message, sent, dump, error, final, stopped. Times are in µs unless \
            the name says otherwise. SIGTERM and SIGINT end the node in order, with status 0.
            """)

    @Option(help: "What to do with messages: \(ScriptedPeer.Mode.list).")
    var mode = ScriptedPeer.Mode.echo
    @Option(help: "Where to listen, separated by commas; an empty text listens nowhere.")
    var listen = "/ip4/127.0.0.1/tcp/0"
    @Option(help: "Whom to dial and keep connected to: addresses with /p2p/ID, separated by commas.")
    var connect: String?
    @Option(help: "The key file, made if it is not there (default: a fresh key).")
    var key: String?
    @Option(help: "The encrypted streams to prepare, separated by commas.")
    var streams = "a,b"
    @Option(help: "The largest message that is sent or taken, in bytes.")
    var maxMessage = ByteCountOption(mebibytes: 10)
    @Option(help: "Received messages per peer and stream that wait before the stream is held up.")
    var receiveBuffer = 4096
    @Option(help: "From Connected to Established at most.")
    var handshakeTimeout = TimeOption(seconds: 30)
    @Option(help: "How long a peer is left alone after a handshake that failed.")
    var cooldown = TimeOption(seconds: 60)
    @Option(help: "The delay before the first reconnection; doubled with every failure.")
    var reconnectBase = TimeOption(seconds: 1)
    @Option(
        help: "A number: reconnections before giving up, 0 goes on for ever. A time: the longest delay between them.")
    var reconnectMax = ReconnectionLimitOption.attempts(0)
    @Flag(help: "Print the SHA-256 of each message.")
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

    func run() async throws {
        let names = self.streams.split(separator: ",").map(String.init)
        let peers = try self.connect.map(Addresses.peers) ?? []
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(StandardHandshake(streams: names))
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
        configuration.receiveBufferMessages = self.receiveBuffer
        guard let first = names.first else {
            throw CommandFailure("--streams names no stream; give one, such as a", status: 64)
        }
        let node: Node
        do {
            node = try Node(
                identity: try Addresses.identity(self.key), listen: try Addresses.listening(self.listen),
                configuration: configuration, logger: self.log.logger())
        } catch let error as GlueberryError {
            throw CommandFailure(Explanation.line(for: error), status: 64)
        }
        try await ScriptedPeer(
            node: node,
            settings: ScriptedPeer.Settings(
                mode: self.mode, firstStream: first, peers: peers, isQuiet: self.quiet, hashes: self.hash,
                pause: self.slow?.duration, stateInterval: self.stateTick?.duration,
                lifetime: self.exitAfter?.duration, endsWithInput: self.exitOnEof)
        ).run()
    }
}

extension ScriptedPeer.Mode: ExpressibleByArgument {
    /// The modes, for the help.
    static var list: String { Self.allCases.map(\.rawValue).joined(separator: ", ") }
}

/// How long a peer is tried again: a number of tries, or the longest delay between two.
enum ReconnectionLimitOption: ExpressibleByArgument, CustomStringConvertible {
    case attempts(Int)
    case delay(TimeOption)

    init?(argument: String) {
        if let count = Int(argument), count >= 0 {
            self = .attempts(count)
        } else if let time = TimeOption(argument: argument) {
            self = .delay(time)
        } else {
            return nil
        }
    }

    var description: String {
        switch self {
        case .attempts(let count): "\(count)"
        case .delay(let time): time.description
        }
    }

    var defaultValueDescription: String { self.description }
}
