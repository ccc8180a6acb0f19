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

/// Runs a workload as often as asked, under a tool that counts instructions; see `scripts/count-instructions.py`.
///
/// It is synchronous and has one thread, so that every run takes the same way. Older releases of callgrind crash where
/// the main thread of an asynchronous program ends.
@main
struct InstructionCounts {
    private static let workloads: [any Workload] = [
        VarintWorkload(),
        MultiaddrWorkload(),
        PeerIDWorkload(),
        FrameWorkload(version: .one),
        FrameWorkload(version: .two),
        MultistreamWorkload(),
        NoiseRecordWorkload(),
        YamuxStreamWorkload(),
        YamuxMessageWorkload(name: "yamux-64B", size: 64),
        YamuxMessageWorkload(name: "yamux-64B-batch", size: 64, batch: 64),
        YamuxMessageWorkload(name: "yamux-64KiB", size: 64 * 1024),
        PeerLifecycleWorkload(),
    ]

    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments == ["list"] {
            for workload in self.workloads { print(workload.name) }
            return
        }
        guard arguments.count == 2, let count = Int(arguments[1]), count > 0 else {
            fail("usage: InstructionCounts list | WORKLOAD COUNT")
        }
        guard let workload = self.workloads.first(where: { $0.name == arguments[0] }) else {
            fail("there is no workload of that name; see 'InstructionCounts list'")
        }
        do {
            try workload.run(count)
        } catch {
            fail("\(workload.name): \(error)")
        }
    }
}
