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

/// What came of sending.
struct OneWayResult {
    /// Nil if none came.
    var peer: PeerID?
    var size: Int
    var sent = 0
    var errors = 0
    var duration = Duration.zero
    var usage = ResourceUsage()
    /// Of what was sent, if it was asked for.
    var digests: DigestSum?
}

/// Sends messages to a peer as fast as they are taken, or at a rate.
struct OneWayBench {
    /// How long a session that was lost is waited for.
    private static let patience = Duration.seconds(30)

    let node: Node
    let peer: PeerID
    let report: PeerReport
    let settings: PeerSettings

    func run() async -> OneWayResult {
        var result = OneWayResult(peer: self.peer, size: self.settings.bench.size)
        if self.settings.hashes { result.digests = DigestSum() }
        var payload = BenchPayload(size: self.settings.bench.size)
        let usage = ResourceUsage.current()
        let begin = ContinuousClock.now
        let pace = SendPace(rate: self.settings.bench.rate, begin: begin)
        let streams = self.settings.bench.streams
        var isOver = false
        while result.sent + result.errors < self.settings.count, !isOver, !Task.isCancelled {
            let number = result.sent + result.errors
            if pace.rate != nil, let delay = pace.delay(before: number, at: .now) {
                try? await Task.sleep(for: delay, tolerance: .zero)
            }
            let message = payload.message(UInt64(number))
            do {
                try await self.send(message, on: streams[number % streams.count])
                result.sent += 1
                if self.settings.hashes { result.digests?.add(self.report.sent(message, number, to: self.peer)) }
            } catch {
                guard error.code != .cancelled else { break }
                result.errors += 1
                isOver = await !self.recovers(from: error)
            }
        }
        // What was not tried because nothing can be sent any more has failed as well.
        if isOver { result.errors = self.settings.count - result.sent }
        result.duration = ContinuousClock.now - begin
        result.usage = ResourceUsage.current().since(usage)
        return result
    }

    /// The queue is filled without a suspension; only a full one is waited for.
    private func send(_ message: ByteBuffer, on stream: String) async throws(GlueberryError) {
        do {
            try self.node.trySend(message, to: self.peer, on: stream)
        } catch {
            guard error.code == .sendQueueFull else { throw error }
            try await self.node.send(message, to: self.peer, on: stream)
        }
    }

    private func recovers(from error: GlueberryError) async -> Bool {
        self.report.error("bench", error)
        if error.code == .sendTimedOut { return true }
        guard error.isRetriable else { return false }
        do {
            try await self.node.waitUntilEstablished(with: self.peer, timeout: Self.patience)
            return true
        } catch {
            return false
        }
    }
}
