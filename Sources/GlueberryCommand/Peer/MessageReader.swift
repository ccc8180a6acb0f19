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

/// Takes messages and reports them, one at a time.
struct MessageReader: Sendable {
    let node: Node
    let report: PeerReport
    /// A wait after each message.
    let slow: Duration?

    /// Takes everything that no other sequence takes, until the node stops or the task is cancelled.
    func readAll() async {
        do {
            for await message in try self.node.messages() { await self.take(message) }
        } catch {
            self.report.error("receive", error)
        }
    }

    func take(_ message: Message) async {
        self.report.message(message)
        if let slow = self.slow { try? await Task.sleep(for: slow) }
    }
}
