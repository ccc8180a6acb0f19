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

import Glueberry
import LibP2P
import NIOCore
import PeerIdentity

/// What came of round trips.
struct PingPongResult {
    /// Nil if none came.
    var peer: PeerID?
    var size: Int
    /// The round trips in nanoseconds.
    var samples: [Int64] = []
    var lost: Int
    /// Bytes that were sent beside the measured round trips.
    var bulkBytes = 0
    var duration = Duration.zero
    var usage = ResourceUsage()
}

/// Sends one message after another to a peer that echoes, each when the one before has come back.
struct PingPongBench {
    let node: Node
    let peer: PeerID
    let report: PeerReport
    let settings: PeerSettings

    func run() async -> PingPongResult {
        let run = Locked(PingPongRun(warmup: self.settings.bench.warmup, count: self.settings.count))
        let usage = Locked(ResourceUsage.current())
        let payload = Locked(BenchPayload(size: self.settings.bench.size))
        let bulkBytes = Locked(0)
        /// Holds what is sent beside back until the round trips that count begin.
        let (measuring, begin) = AsyncStream<Never>.makeStream()
        /// Sends what is next; true when there is nothing more.
        @Sendable func perform(_ step: PingPongRun.Step) async -> Bool {
            guard case .send(let number) = step else { return step == .finished }
            if number == UInt64(self.settings.bench.warmup) {
                let now = ResourceUsage.current()
                usage.withLock { $0 = now }
                begin.finish()
            }
            do {
                try await self.node.send(
                    payload.withLock { $0.message(number) }, to: self.peer, on: self.settings.stream)
                return false
            } catch {
                if error.code != .cancelled { self.report.error("bench", error) }
                return run.withLock { $0.abort(at: .now) } == .finished
            }
        }
        let bulk = self.settings.bench.bulk.map { bulk in
            Task {
                for await _ in measuring {}
                await self.send(bulk.size, on: bulk.stream) { bulkBytes.withLock { $0 += bulk.size } }
            }
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    let messages = try self.node.messages(from: self.peer)
                    if await perform(run.withLock { $0.start(at: .now) }) { return }
                    for await message in messages {
                        self.report.count(message)
                        guard message.stream == self.settings.stream else { continue }
                        let number = BenchPayload.number(of: message.payload)
                        if await perform(run.withLock({ $0.received(number, at: .now) })) { return }
                    }
                } catch {
                    self.report.error("receive", error)
                }
            }
            group.addTask {
                // Looks rarely for what is lost, so that it costs the round trips nothing.
                while (try? await Task.sleep(for: .seconds(1))) != nil {
                    if await perform(run.withLock({ $0.tick(at: .now) })) { return }
                }
            }
            await group.next()
            group.cancelAll()
        }
        let (state, spent) = (run.withLock { $0 }, ResourceUsage.current().since(usage.withLock { $0 }))
        let bulkSent = bulkBytes.withLock { $0 }
        bulk?.cancel()
        await bulk?.value
        let end = state.end ?? .now
        return PingPongResult(
            peer: self.peer, size: self.settings.bench.size, samples: state.samples, lost: state.lost,
            bulkBytes: bulkSent,
            duration: end - (state.begin ?? end), usage: spent)
    }

    /// Sends messages of a size, as fast as they are taken, until the task is cancelled.
    private func send(_ size: Int, on stream: String, sent: () -> Void) async {
        var payload = BenchPayload(size: size)
        var number: UInt64 = 0
        do {
            while !Task.isCancelled {
                try await self.node.send(payload.message(number), to: self.peer, on: stream)
                number += 1
                sent()
            }
        } catch {
            if error.code != .cancelled { self.report.error("bench", error) }
        }
    }
}
