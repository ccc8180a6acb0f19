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

import Crypto
import Glueberry
import Multiformats
import NIOCore
import PeerIdentity

/// Takes files that peers send into one directory: one at a time per peer, and a bounded number in all.
actor FileReceiver {
    private struct Transfer {
        let file: ReceivedFile
        let session: UInt64
        let begin: ContinuousClock.Instant
        let meter: ProgressMeter?
    }

    /// Files that arrive at the same time.
    private static let maximumTransfers = 16
    /// Offers of one peer that are refused before it is disconnected.
    private static let maximumRefusals = 16

    private let node: Node
    private let directory: ReceivingDirectory
    private let maximumSize: UInt64
    private let showsProgress: Bool
    private var transfers: [PeerID: Transfer] = [:]
    private var refusals: [PeerID: Int] = [:]

    init(node: Node, directory: ReceivingDirectory, maximumSize: UInt64, showsProgress: Bool) {
        self.node = node
        self.directory = directory
        self.maximumSize = maximumSize
        self.showsProgress = showsProgress
    }

    /// Takes a message; true if a file is complete with it.
    func receive(_ message: Message) async -> Bool {
        let peer = message.peer
        if let transfer = self.transfers[peer], transfer.session != message.session {
            self.abandon(peer, "the sender began anew")
        }
        do {
            switch TransferMessage(message.payload) {
            case .offer(let size, let name): try self.offered(size: size, name: name, by: message)
            case .chunk(let bytes):
                // Chunks that were under way when the transfer ended have no transfer any more.
                guard let transfer = self.transfers[peer] else { return false }
                try transfer.file.append(bytes)
                transfer.meter?.update(transfer.file.received)
            case .end(let digest): return try self.ended(digest, from: peer)
            case .accept, .result, nil: throw CommandFailure("that is no message of a sender")
            }
        } catch {
            let failure = error as? CommandFailure ?? CommandFailure(Explanation.line(for: error))
            self.abandon(peer, failure.message)
            await self.refuse(peer, failure.message)
        }
        return false
    }

    /// A session is over: what it was sending will not be completed.
    func sessionEnded(with peer: PeerID, _ session: UInt64) {
        self.refusals[peer] = nil
        guard let transfer = self.transfers[peer], transfer.session <= session else { return }
        self.abandon(peer, "the sender is gone")
    }

    /// Lets go of everything that is not complete.
    func end() {
        for peer in self.transfers.keys { self.abandon(peer, "stopped here") }
    }

    private func offered(size: UInt64, name: [UInt8], by message: Message) throws {
        guard self.transfers[message.peer] == nil else { throw CommandFailure("one file at a time") }
        guard self.transfers.count < Self.maximumTransfers else {
            throw CommandFailure("too many files at once; try later")
        }
        guard size <= self.maximumSize else {
            throw CommandFailure(
                "the file is larger than \(self.maximumSize) bytes, which is the most that is taken here")
        }
        let file = try ReceivedFile(try FileName(untrusted: name), size: size, in: self.directory)
        self.transfers[message.peer] = Transfer(
            file: file, session: message.session, begin: .now,
            meter: !self.showsProgress
                ? nil : ProgressMeter("receiving \(TerminalText.line(file.name.text))", total: size))
        StandardOutput.line("receiving \(TerminalText.line(file.name.text)) (\(size) bytes) from \(message.peer)")
        try self.node.trySend(TransferMessage.accept.payload, to: message.peer, on: TransferMessage.stream)
    }

    private func ended(_ digest: [UInt8], from peer: PeerID) throws -> Bool {
        guard let transfer = self.transfers[peer] else { return false }
        try transfer.file.finish(expecting: digest)
        self.transfers[peer] = nil
        transfer.meter?.finish()
        let seconds = DecimalText.of((ContinuousClock.now - transfer.begin).inSeconds, decimals: 2)
        StandardOutput.line(
            "received \(TerminalText.line(transfer.file.name.text)) (\(transfer.file.size) bytes, \(seconds) s, "
                + "sha256 \(Base16.encode(digest))) from \(peer)")
        // The file is complete whether or not the sender still hears of it.
        try? self.node.trySend(
            TransferMessage.result(isSuccess: true, text: "").payload, to: peer, on: TransferMessage.stream)
        return true
    }

    private func abandon(_ peer: PeerID, _ reason: String) {
        guard let transfer = self.transfers.removeValue(forKey: peer) else { return }
        transfer.file.discard()
        transfer.meter?.finish()
        StandardOutput.line("not received: \(TerminalText.line(transfer.file.name.text)): \(reason)")
    }

    private func refuse(_ peer: PeerID, _ reason: String) async {
        let count = (self.refusals[peer] ?? 0) + 1
        self.refusals[peer] = count
        StandardOutput.line("refused a file from \(peer): \(reason)")
        let answer = TransferMessage.result(isSuccess: false, text: reason).payload
        let isSent = (try? self.node.trySend(answer, to: peer, on: TransferMessage.stream)) != nil
        if !isSent || count >= Self.maximumRefusals { await self.node.disconnect(from: peer) }
    }
}
