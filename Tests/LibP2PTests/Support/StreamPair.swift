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

import Testing

@testable import LibP2P

/// The two ends of one stream between two handlers joined in memory.
final class StreamPair {
    let handlers: HandlerPair
    /// The end that opened it.
    private(set) var near: LibP2P.Stream?
    /// The end that accepted it.
    private(set) var far: LibP2P.Stream?

    init(writeBuffer: Int = 256 * 1024, configure: (inout HostConfiguration) -> Void = { _ in }) throws {
        self.handlers = try HandlerPair {
            $0.streamWriteBuffer = writeBuffer
            configure(&$0)
        }
        let accepted = Box()
        self.handlers.listenerDelegate.routes = { _, connection in
            .accept(LibP2P.Stream.accept(on: connection, writeBuffer: writeBuffer) { accepted.put($0) })
        }
        let connection = try #require(self.handlers.dialer.connection)
        let opened = Box()
        _ = self.handlers.executor.start { opened.put(try await connection.openStream(protocols: ["/a/1.0.0"])) }
        try self.handlers.run()
        self.near = opened.take()
        self.far = accepted.take()
    }

    /// Streams that count against the dialer at the listener.
    var streamCount: Int { self.handlers.listenerDelegate.usage.streamCount }
    /// Received bytes at the listener that nobody has read.
    var bufferedBytes: Int { self.handlers.listenerDelegate.usage.bufferedBytes }

    func run() throws { try self.handlers.run() }

    /// Starts a task and lets everything go on until nothing is left to do.
    func start<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) throws -> RunningTask<Value> {
        let task = self.handlers.executor.start(body)
        try self.run()
        return task
    }

    func letGoOfNear() { self.near = nil }
    func letGoOfFar() { self.far = nil }

    /// Holds a stream until it is taken, and no longer.
    private final class Box: Sendable {
        private let stream = Locked<LibP2P.Stream?>(nil)

        func put(_ stream: LibP2P.Stream) { self.stream.withLock { $0 = stream } }

        func take() -> LibP2P.Stream? {
            self.stream.withLock { stream in
                defer { stream = nil }
                return stream
            }
        }
    }
}

extension RunningTask {
    /// The code of the host's error that the task has come to; nil if it runs or has come to something else.
    var code: HostError.Code? { (self.error as? HostError)?.code }
}
