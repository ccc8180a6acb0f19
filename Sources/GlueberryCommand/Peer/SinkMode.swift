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

/// Counts what comes; in the mode `pause` only after a while.
struct SinkMode: PeerActivity {
    private let reader: MessageReader
    /// How long nothing is read after the first session is established.
    private let pause: Duration?
    private let beginning: EventSubscription?

    init(node: Node, report: PeerReport, settings: PeerSettings, pause: Duration?) {
        self.reader = MessageReader(node: node, report: report, slow: settings.slow)
        self.pause = pause
        self.beginning = pause == nil ? nil : node.subscribeToEvents(in: [.established])
    }

    func run() async -> Bool {
        if let pause = self.pause, let beginning = self.beginning {
            for await _ in beginning { break }
            beginning.cancel()
            try? await Task.sleep(for: pause)
            if !Task.isCancelled { self.reader.report.emit(JSONLine(event: "reading")) }
        }
        if !Task.isCancelled { await self.reader.readAll() }
        return false
    }
}
