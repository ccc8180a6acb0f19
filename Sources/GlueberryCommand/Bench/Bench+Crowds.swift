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

/// How throughput and latency of one node change with the number of its peers.
extension Bench {
    /// All peers send to one node at the same time, which shares its attention among them.
    func fanIn() async throws -> BenchTable {
        var table = BenchTable(
            Section.fanin.rawValue, "One way from many peers to one node at the same time",
            [
                .init("peers", "peers"), .init("size", "bytes"), .init("lost", "lost"),
                .init("msgs_per_s", "messages/s"), .init("MB_per_s", "MB/s", decimals: 1),
                .init("cpu_us", "CPU µs each", decimals: 3), .init("node_cpu_us", "of the node", decimals: 3),
                .init("rss_kb", "node KiB"),
            ])
        for count in self.plan.crowds {
            for load in self.plan.fanIn {
                let sink = try await BenchPeer(
                    "sink", ["--streams", "a", "--max-connections", "\(count + 16)"])
                let swarm = try await BenchPeer(
                    "swarm",
                    [
                        "--streams", "a", "--connect", sink.address, "--count", "\(count)", "--messages",
                        "\(load.count)", "--size", "\(load.size)",
                    ])
                let ready = try await swarm.line("swarm")
                let before = try await sink.usage()
                _ = try await swarm.line("bench")
                // What the nodes have accepted is under way until the last of it has come.
                let after = try await sink.usage(messages: load.count)
                let sent = try await swarm.usage().cpuSeconds - ready.cpuSeconds
                _ = try await swarm.end()
                let messages = Double(after.messages ?? 0)
                let received = try await sink.end()
                let seconds = max(received.spanSeconds ?? 0, 1e-9)
                let cpu = (after.cpuSeconds - before.cpuSeconds) / Double(load.count)
                table.add([
                    Double(count), Double(load.size), Double(load.count) - messages, messages / seconds,
                    messages * Double(load.size) / seconds / 1e6,
                    (sent / Double(load.count) + cpu) * 1e6, cpu * 1e6, Double(after.residentKiB ?? 0),
                ])
            }
        }
        return table
    }

    /// Round trips of one peer while the others are idle, then of all of them at the same time.
    func echoes() async throws -> BenchTable {
        var table = BenchTable(
            Section.echoes.rawValue,
            "Round trips of 64 bytes with many peers: of one while the others are idle, and of all",
            [
                .init("peers", "peers"), .init("lost", "lost"), .init("one_p50_us", "one: p50 µs", decimals: 1),
                .init("one_p99_us", "p99 µs", decimals: 1), .init("all_rt_per_s", "all: per s"),
                .init("all_p50_us", "p50 µs", decimals: 1), .init("all_p99_us", "p99 µs", decimals: 1),
                .init("all_cpu_us", "CPU µs each", decimals: 1),
            ])
        let load = self.plan.crowdRoundTrips
        for count in self.plan.crowds {
            let arguments = ["--streams", "a", "--max-connections", "\(count + 16)"]
            var others: BenchPeer?
            let echo = try await BenchPeer("echo", arguments)
            if count > 1 {
                others = try await BenchPeer(
                    "swarm", ["--streams", "a", "--connect", echo.address, "--count", "\(count - 1)"])
                _ = try await others?.line("swarm")
            }
            let one = try await Self.roundTrips(load, with: echo)
            _ = try await others?.end()
            _ = try await echo.end()

            let crowded = try await BenchPeer("echo", arguments)
            let swarm = try await BenchPeer(
                "swarm",
                [
                    "--streams", "a", "--connect", crowded.address, "--count", "\(count)", "--pingpong",
                    "--messages", "\(load.count)", "--size", "\(load.size)",
                ])
            _ = try await swarm.line("swarm")
            let before = try await crowded.usage()
            let all = try await swarm.line("bench")
            let after = try await crowded.usage()
            _ = try await swarm.end()
            _ = try await crowded.end()
            let cpu = all.cpuSeconds + after.cpuSeconds - before.cpuSeconds
            table.add([
                Double(count), Double((one.lost ?? 0) + (all.lost ?? 0)), one.p50Microseconds ?? 0,
                one.p99Microseconds ?? 0, all.roundTripsPerSecond ?? 0, all.p50Microseconds ?? 0,
                all.p99Microseconds ?? 0, cpu / Double(load.count) * 1e6,
            ])
        }
        return table
    }
}
