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
import Multiformats
import PeerIdentity
import Yamux

/// `glueberry receive`: takes files into a directory.
struct ReceiveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receive",
        abstract: "Receive files into a directory; nothing in it is overwritten.",
        discussion: """
            A sender is let in if it is named with --from, or when you say yes at the prompt, or with --yes. File names \
            are one component of a path, do not begin with a dot, and have no control characters in them; a file gets \
            its name only when it is complete and its SHA-256 is right. Ends with Ctrl-C, or --once.
            """)

    /// How long a sender may be kept waiting at the door: somebody has to read a prompt and type.
    static let admission = Duration.seconds(120)
    /// Bytes of one sender that may wait to be written to the disk.
    private static let receiveBuffer = 4 * 1024 * 1024

    @Argument(help: "The directory, which must exist.")
    var directory: String
    @Option(help: "Where to listen, separated by commas.")
    var listen = "/ip4/0.0.0.0/tcp/0"
    @Option(help: "The peer ID of a sender that is let in, and nobody else; may be repeated.")
    var from: [String] = []
    @Flag(help: "Let everybody in without asking.")
    var yes = false
    @Flag(help: "End after the first file that was received.")
    var once = false
    @Option(help: "The largest file that is taken.")
    var maxSize = ByteCountOption(mebibytes: 16 * 1024)
    @Option(help: "The key file, made if it is not there (default: a fresh key).")
    var key: String?
    @Flag(help: "End when standard input ends; needs --yes or --from.")
    var exitOnEof = false
    @Flag(help: "No progress and no advice on standard error.")
    var quiet = false
    @OptionGroup var log: LogOptions

    func run() async throws {
        let directory = try ReceivingDirectory(self.directory)
        var allowed: Set<PeerID> = []
        for text in self.from { allowed.insert(try Addresses.peerID(text)) }
        guard !self.exitOnEof || self.yes || !allowed.isEmpty else {
            throw CommandFailure("--exit-on-eof leaves no input for the prompt; add --yes or --from PEERID", status: 64)
        }
        let signals = await Interruption.stream()
        let input = StandardInput()
        let porter = Porter(input: input, everybody: self.yes, named: allowed)
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(
            StandardHandshake(streams: [TransferMessage.stream]) { peer, _, _ in await porter.admits(peer) })
        configuration.handshakeTimeout = Self.admission
        configuration.maximumMessageSize = TransferMessage.maximumLength
        // What waits for the disk is held in memory; this much keeps a fast line busy.
        configuration.receiveBufferBytes = Self.receiveBuffer
        configuration.host.yamux.maximumReceiveWindow = Self.receiveBuffer
        let node: Node
        do {
            node = try Node(
                identity: try Addresses.identity(self.key), listen: try Addresses.listening(self.listen),
                configuration: configuration, logger: self.log.logger())
            try await node.start()
        } catch let error as GlueberryError {
            throw CommandFailure(Explanation.line(for: error))
        }
        if !self.quiet { StandardError.line("receiving into \(TerminalText.line(self.directory)); send with:") }
        for address in node.advertisedAddresses { StandardOutput.line("glueberry send FILE \(address)") }
        let receiver = FileReceiver(
            node: node, directory: directory, maximumSize: UInt64(self.maxSize.bytes), showsProgress: !self.quiet)
        await self.serve(node, receiver, input, until: signals)
        await receiver.end()
        await porter.end()
        await node.stop()
    }

    private func serve(
        _ node: Node, _ receiver: FileReceiver, _ input: StandardInput, until signals: AsyncStream<Int32>
    ) async {
        let endsAfterOne = self.once
        let events = node.subscribeToEvents(in: [.disconnected, .cooldown])
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in signals { return true }
                return false
            }
            group.addTask {
                for await event in events { await receiver.sessionEnded(with: event.peer, event.session) }
                return false
            }
            group.addTask {
                guard let messages = try? node.messages(on: TransferMessage.stream) else { return true }
                for await message in messages {
                    let isComplete = await receiver.receive(message)
                    if isComplete, endsAfterOne {
                        await Self.linger(node, message.peer)
                        return true
                    }
                }
                return false
            }
            if self.exitOnEof {
                group.addTask {
                    while await input.next() != nil {}
                    return true
                }
            }
            for await isEnd in group where isEnd { break }
            group.cancelAll()
        }
    }

    /// Stays until the sender has read the answer and goes, or a moment has passed.
    private static func linger(_ node: Node, _ peer: PeerID) async {
        let ends = node.subscribeToEvents(of: [peer], in: [.disconnected])
        guard node.state(of: peer) == .established else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in ends { break } }
            group.addTask { try? await Task.sleep(for: .seconds(2)) }
            await group.next()
            group.cancelAll()
        }
    }
}
