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

/// `glueberry send`: sends a file to somebody who runs `glueberry receive`.
struct SendCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "send",
        abstract: "Send a file, encrypted, to a peer that runs 'glueberry receive'.",
        discussion: "Succeeds only when the receiver says that it has the file and that its SHA-256 is right.")

    @Argument(help: "The file to send.")
    var file: String
    @Argument(help: "The receiver's address, which 'glueberry receive' prints.")
    var address: String
    @Option(name: .customLong("as"), help: "The name that the receiver is to give it (default: the file's own).")
    var proposedName: String?
    @Option(help: "The key file, made if it is not there (default: a fresh key).")
    var key: String?
    @Option(help: "Give up when the receiver takes nothing for so long.")
    var stallTimeout = TimeOption(seconds: 60)
    @Flag(help: "No progress on standard error.")
    var quiet = false
    @OptionGroup var log: LogOptions

    func run() async throws {
        let (address, peer) = try Addresses.peer(self.address)
        let source = try SourceFile(self.file)
        let identity = try Addresses.identity(self.key)
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(StandardHandshake(streams: [TransferMessage.stream]))
        configuration.handshakeTimeout = ReceiveCommand.admission
        configuration.maximumMessageSize = TransferMessage.maximumLength
        let node = try Node(identity: identity, configuration: configuration, logger: self.log.logger())
        if !self.quiet { StandardError.line("sending as \(node.peerID)") }
        let name = self.proposedName ?? source.name
        let sender = FileSender(
            node: node, peer: peer, source: source, name: name, stallLimit: self.stallTimeout.duration,
            showsProgress: !self.quiet)
        let begin = ContinuousClock.now
        let digest: [UInt8]
        do {
            try await node.start()
            digest = try await Interruption.racing {
                try await Session.keeping(node, with: peer, at: address, limit: ReceiveCommand.admission) {
                    try await sender.send()
                }
            }
        } catch {
            await node.stop()
            throw error
        }
        await node.stop()
        let seconds = DecimalText.of((ContinuousClock.now - begin).inSeconds, decimals: 2)
        StandardOutput.line(
            "sent \(TerminalText.line(name)) (\(source.size) bytes, \(seconds) s, sha256 \(Base16.encode(digest)))")
    }
}
