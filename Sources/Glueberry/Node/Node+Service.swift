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

import LibP2P
public import ServiceLifecycle

extension Node: Service {
    /// Starts the node, runs until the group that it is in shuts down gracefully, the task is cancelled or somebody calls
    /// ``stop()``, then stops it; returns when all of it has ended.
    ///
    /// ```swift
    /// let group = ServiceGroup(services: [node], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
    /// try await group.run()
    /// ```
    ///
    /// - Throws: ``GlueberryError`` as ``start()`` does.
    public func run() async throws {
        try await self.start()
        let ended = Settlement<Void, Never>()
        let run = self.running
        // Nil if it has been stopped by now.
        if let run { run.ended.notify(ended) } else { ended.succeed() }
        await withTaskCancellationOrGracefulShutdownHandler {
            _ = await ended.value()
        } onCancelOrGracefulShutdown: {
            ended.succeed()
        }
        // Whoever stopped it may have started it again, which is not this one's to end.
        if let current = self.running, current !== run { return }
        await self.stop()
    }
}
