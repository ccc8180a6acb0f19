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

import Dispatch
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// SIGINT and SIGTERM, as something that a task can wait for.
enum Interruption {
    /// The signals that ask the process to end.
    private static let signals = [SIGINT, SIGTERM]

    /// What was asked for, one signal after another.
    ///
    /// When this returns, the signals are caught: they no longer end the process by themselves. Before, they do.
    static func stream() async -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self, bufferingPolicy: .bufferingOldest(4))
        let queue = DispatchQueue(label: "glueberry.signals")
        var sources: [SignalSource] = []
        for number in self.signals {
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { continuation.yield(number) }
            await withCheckedContinuation { registered in
                source.setRegistrationHandler { registered.resume() }
                source.activate()
            }
            #if canImport(Darwin)
            // There a source sees a signal beside what the signal does by itself.
            signal(number, SIG_IGN)
            #endif
            sources.append(SignalSource(source: source))
        }
        continuation.onTermination = { [sources] _ in for source in sources { source.source.cancel() } }
        return stream
    }

    /// Runs an operation until it ends or a signal comes, in which case it is cancelled and ``CommandFailure`` with the
    /// status of that signal is thrown once it has ended.
    static func racing<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let signals = await self.stream()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await number in signals { throw CommandFailure("interrupted", status: 128 + number) }
                return nil
            }
            defer { group.cancelAll() }
            while let value = try await group.next() {
                if let value { return value }
            }
            throw CancellationError()
        }
    }

    /// A dispatch source is safe to cancel from any thread; it is only not marked so everywhere.
    private struct SignalSource: @unchecked Sendable {
        let source: any DispatchSourceSignal
    }
}
