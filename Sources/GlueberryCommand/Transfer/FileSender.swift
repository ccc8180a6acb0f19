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
import NIOCore
import PeerIdentity

/// Sends one file to one peer and waits for the peer's word that it has it.
struct FileSender: Sendable {
    private enum Step {
        case sent(digest: [UInt8])
        case answered
    }

    /// The longest that the receiver may take to look at the offer, or to bring the file to its disk.
    private static let answerLimit = Duration.seconds(120)

    let node: Node
    let peer: PeerID
    let source: SourceFile
    /// The name to propose; the receiver decides whether it takes it.
    let name: String
    /// The longest that the receiver may take nothing.
    let stallLimit: Duration
    /// Whether to show on standard error how far it is.
    let showsProgress: Bool

    /// Returns the digest when the receiver has the file and has checked it.
    func send() async throws -> [UInt8] {
        let answers = try self.node.messages(on: TransferMessage.stream)
        let offer = TransferMessage.offer(size: self.source.size, name: Array(self.name.utf8))
        try await self.node.send(offer.payload, to: self.peer, on: TransferMessage.stream)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.expectAccept(answers) }
            group.addTask { try await Self.limit() }
            defer { group.cancelAll() }
            try await group.next()
        }
        return try await withThrowingTaskGroup(of: Step.self) { group in
            group.addTask { .sent(digest: try await self.sendContent()) }
            group.addTask {
                try await self.expectSuccess(answers)
                return .answered
            }
            defer { group.cancelAll() }
            // An answer before the end can only be a refusal, such as a full disk: then nothing more is sent.
            guard case .sent(let digest) = try await group.next() else {
                throw CommandFailure("the receiver ended the transfer too early")
            }
            group.addTask {
                try await Self.limit()
                return .answered
            }
            _ = try await group.next()
            return digest
        }
    }

    private func sendContent() async throws -> [UInt8] {
        let meter =
            self.showsProgress
            ? ProgressMeter("sending \(TerminalText.line(self.name))", total: self.source.size) : nil
        defer { meter?.finish() }
        var digest = SHA256()
        var done: UInt64 = 0
        while done < self.source.size {
            let length = Int(min(UInt64(TransferMessage.chunkLength), self.source.size - done))
            let chunk = try self.source.read(length, into: TransferMessage.chunkBuffer(length: length))
            chunk.withUnsafeReadableBytes { bytes in
                digest.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes.dropFirst()))
            }
            try await self.sendPatiently(chunk)
            done += UInt64(length)
            meter?.update(done)
        }
        try self.source.checkUnchanged()
        let result = Array(digest.finalize())
        try await self.sendPatiently(TransferMessage.end(digest: result).payload)
        return result
    }

    private func sendPatiently(_ payload: ByteBuffer) async throws {
        do {
            try await self.node.send(payload, to: self.peer, on: TransferMessage.stream, timeout: self.stallLimit)
        } catch  where error.code == .sendTimedOut {
            throw CommandFailure("the receiver has taken nothing for a while; try again, or raise --stall-timeout")
        }
    }

    private func expectAccept(_ answers: MessageSequence) async throws {
        switch try await self.next(answers) {
        case .accept: return
        case .result(false, let reason): throw Self.refusal(reason)
        default: throw CommandFailure("the receiver answered something else than was asked")
        }
    }

    private func expectSuccess(_ answers: MessageSequence) async throws {
        switch try await self.next(answers) {
        case .result(true, _): return
        case .result(false, let reason): throw Self.refusal(reason)
        default: throw CommandFailure("the receiver answered something else than was asked")
        }
    }

    private func next(_ answers: MessageSequence) async throws -> TransferMessage? {
        for await message in answers where message.peer == self.peer { return TransferMessage(message.payload) }
        throw CancellationError()
    }

    private static func refusal(_ reason: String) -> CommandFailure {
        CommandFailure("the receiver did not take the file: \(TerminalText.line(reason, limit: 256))")
    }

    private static func limit() async throws {
        try await Task.sleep(for: Self.answerLimit)
        throw CommandFailure("the receiver does not answer; look at its side")
    }
}
