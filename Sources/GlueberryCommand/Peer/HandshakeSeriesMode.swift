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

/// Nodes with fresh identities dial, establish and stop, one after another.
struct HandshakeSeriesMode: PeerActivity {
    let report: PeerReport
    let settings: PeerSettings

    func run() async -> Bool {
        var times: [EstablishmentTimes] = []
        var tried = 0
        guard await DialTime.reached(self.settings.dialTime) else { return false }
        while tried < self.settings.count, !Task.isCancelled {
            let (peer, addresses) = self.settings.peers[tried % self.settings.peers.count]
            tried += 1
            do {
                let node = try self.settings.makeNode()
                do {
                    try await node.start()
                    times.append(
                        try await Establishment.measure(
                            node, with: peer, at: addresses, limit: self.settings.establishLimit))
                } catch {
                    self.report.error("hs", error)
                }
                await node.stop()
            } catch {
                self.report.error("hs", error)
            }
        }
        self.report.emit(PeerLine.establishments("hs", tried: tried, times))
        if Task.isCancelled { return false }
        if let linger = self.settings.linger { try? await Task.sleep(for: linger) }
        return true
    }
}
