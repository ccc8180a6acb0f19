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

/// Measures pairs of nodes, each in a process of its own, and beside them what the machine itself can do.
struct Bench: Sendable {
    /// Round trips before those that are measured.
    static let warmup = 2000

    /// What can be measured, by the names of the tables.
    enum Section: String, CaseIterable, Sendable {
        case loopback, oneway, pingpong, contention, establishment, peers, fanin, echoes, streams
    }

    let plan: BenchPlan
    let sections: [Section]
    /// Shows a table as soon as it is complete.
    let show: @Sendable (BenchTable) -> Void

    func run() async throws -> [BenchTable] {
        var tables: [BenchTable] = []
        for section in self.sections {
            let table =
                switch section {
                case .loopback: try await self.loopback()
                case .oneway: try await self.oneWay()
                case .pingpong: try await self.pingPong()
                case .contention: try await self.contention()
                case .establishment: try await self.establishment()
                case .peers: try await self.peers()
                case .fanin: try await self.fanIn()
                case .echoes: try await self.echoes()
                case .streams: try await self.streams()
                }
            self.show(table)
            tables.append(table)
        }
        return tables
    }

    private func loopback() async throws -> BenchTable {
        var table = BenchTable(
            Section.loopback.rawValue, "The machine: one connection over loopback, nothing built around it",
            [
                .init("tcp_MB_per_s", "TCP MB/s"), .init("nio_MB_per_s", "NIO MB/s"),
                .init("tcp_p50_us", "round trip p50 µs", decimals: 1),
                .init("tcp_p99_us", "p99 µs", decimals: 1), .init("nio_p50_us", "of NIO p50 µs", decimals: 1),
                .init("nio_p99_us", "p99 µs", decimals: 1),
            ])
        let trips = Percentiles(try await LoopbackLimit.roundTrips(5000))
        let channelTrips = Percentiles(try await LoopbackLimit.channelRoundTrips(5000))
        table.add([
            try await LoopbackLimit.plain() / 1e6, try await LoopbackLimit.channels() / 1e6,
            Double(trips.value(50)) / 1000, Double(trips.value(99)) / 1000,
            Double(channelTrips.value(50)) / 1000, Double(channelTrips.value(99)) / 1000,
        ])
        return table
    }

    /// CPU is that of both processes; the ciphers are those that this version of the streams' protocol needs.
    private func oneWay() async throws -> BenchTable {
        var table = BenchTable(
            Section.oneway.rawValue, "One way",
            [
                .init("version", "version"), .init("size", "bytes"), .init("sent", "sent"), .init("lost", "lost"),
                .init("msgs_per_s", "messages/s"), .init("MB_per_s", "MB/s", decimals: 1),
                .init("cpu_us", "CPU µs each", decimals: 3), .init("ciphers_us", "ciphers µs", decimals: 3),
                .init("ratio", "ratio", decimals: 2),
            ])
        let limit = try CipherLimit()
        for (encryption, version) in [(StreamEncryption.transport, 2.0), (.layered, 1)] {
            for load in self.plan.oneWay {
                let (sent, received, seconds) = try await Self.flood(load, encryption)
                let cpu = seconds / Double(load.count)
                let ciphers = try limit.secondsPerMessage(load.size, encryption)
                let (messages, bytes) = (received.messages ?? 0, received.bytes ?? 0)
                let span = max(received.spanSeconds ?? 0, 1e-9)
                table.add([
                    version, Double(load.size), Double(sent.sent ?? 0), Double(load.count - messages),
                    Double(messages) / span, Double(bytes) / span / 1e6, cpu * 1e6,
                    ciphers * 1e6, cpu / ciphers,
                ])
            }
        }
        return table
    }

    private func pingPong() async throws -> BenchTable {
        var table = BenchTable(
            Section.pingpong.rawValue, "Round trips",
            [
                .init("size", "bytes"), .init("n", "round trips"), .init("lost", "lost"),
                .init("p50_us", "p50 µs", decimals: 1), .init("p90_us", "p90 µs", decimals: 1),
                .init("p99_us", "p99 µs", decimals: 1), .init("max_us", "max µs", decimals: 1),
            ])
        for load in self.plan.pingPong {
            let echo = try await BenchPeer("echo", ["--streams", "a"])
            let line = try await Self.roundTrips(load, with: echo)
            _ = try await echo.end()
            table.add([
                Double(load.size), Double(line.count ?? 0), Double(line.lost ?? 0), line.p50Microseconds ?? 0,
                line.p90Microseconds ?? 0, line.p99Microseconds ?? 0, line.maximumMicroseconds ?? 0,
            ])
        }
        return table
    }

    private func contention() async throws -> BenchTable {
        var table = BenchTable(
            Section.contention.rawValue, "Round trips of 64 bytes while large messages are sent on the same connection",
            [
                .init("bulk", "bulk bytes"), .init("prioritized", "prioritized"), .init("bulk_MB_per_s", "bulk MB/s"),
                .init("n", "round trips"), .init("lost", "lost"), .init("p50_us", "p50 µs", decimals: 1),
                .init("p90_us", "p90 µs", decimals: 1), .init("p99_us", "p99 µs", decimals: 1),
                .init("max_us", "max µs", decimals: 1),
            ])
        let load = self.plan.contention
        for bulk in self.plan.bulk {
            for isPrioritized in [false, true] {
                let streams = ["--streams", "vote,bulk"] + (isPrioritized ? ["--priorities", "vote=high"] : [])
                let echo = try await BenchPeer("echo", streams + ["--discard", "bulk"])
                let bench = try await BenchPeer(
                    "bench",
                    streams + [
                        "--pingpong", "--bulk", "\(bulk)", "--connect", echo.address, "--size", "\(load.size)",
                        "--count", "\(load.count)", "--warmup", "\(load.count / 10)",
                    ])
                let line = try await bench.line("bench")
                _ = try await bench.end()
                _ = try await echo.end()
                table.add([
                    Double(bulk), isPrioritized ? 1 : 0, line.bulkMegabytesPerSecond ?? 0, Double(line.count ?? 0),
                    Double(line.lost ?? 0), line.p50Microseconds ?? 0, line.p90Microseconds ?? 0,
                    line.p99Microseconds ?? 0, line.maximumMicroseconds ?? 0,
                ])
            }
        }
        return table
    }

    private func establishment() async throws -> BenchTable {
        var table = BenchTable(
            Section.establishment.rawValue, "From the dial to Established, one node after another",
            [
                .init("n", "nodes"), .init("ok", "Established"), .init("p50_ms", "p50 ms", decimals: 2),
                .init("p90_ms", "p90 ms", decimals: 2), .init("p99_ms", "p99 ms", decimals: 2),
            ])
        let idle = try await BenchPeer("idle", ["--streams", "a"])
        let series = try await BenchPeer(
            "hs", ["--streams", "a", "--connect", idle.address, "--count", "\(self.plan.establishments)"])
        let line = try await series.line("hs")
        _ = try await series.end()
        _ = try await idle.end()
        table.add([Double(line.count ?? 0), Double(line.established ?? 0)] + Self.establishedMilliseconds(line))
        return table
    }

    /// One process with one node, another with all the nodes that dial it: what is weighed is the one node.
    private func peers() async throws -> BenchTable {
        var table = BenchTable(
            Section.peers.rawValue, "Memory of a node with idle established peers",
            [
                .init("peers", "peers"), .init("ok", "Established"), .init("idle_kb", "without KiB"),
                .init("rss_kb", "with KiB"), .init("per_peer_kb", "KiB per peer", decimals: 1),
                .init("p50_ms", "p50 ms", decimals: 2), .init("p90_ms", "p90 ms", decimals: 2),
                .init("p99_ms", "p99 ms", decimals: 2),
            ])
        for count in self.plan.peers {
            let room = ["--max-connections", "\(count + 16)"]
            let node = try await BenchPeer("chat", ["--streams", "a"] + room)
            let before = try await node.usage()
            let swarm = try await BenchPeer(
                "swarm", ["--streams", "a", "--connect", node.address, "--count", "\(count)"])
            let line = try await swarm.line("swarm")
            let after = try await node.usage()
            _ = try await swarm.end()
            _ = try await node.end()
            let (idle, resident) = (Double(before.residentKiB ?? 0), Double(after.residentKiB ?? 0))
            table.add(
                [
                    Double(count), Double(line.established ?? 0), idle, resident, (resident - idle) / Double(count),
                ] + Self.establishedMilliseconds(line))
        }
        return table
    }

    private func streams() async throws -> BenchTable {
        var table = BenchTable(
            Section.streams.rawValue,
            "One session with several streams: 1 KiB one way on all of them in turn, round trips of 64 bytes on one",
            [
                .init("streams", "streams"), .init("lost", "lost"), .init("msgs_per_s", "messages/s"),
                .init("cpu_us", "CPU µs each", decimals: 3), .init("rss_kb", "receiver KiB"),
                .init("p50_us", "round trip p50 µs", decimals: 1), .init("p99_us", "p99 µs", decimals: 1),
            ])
        for count in self.plan.streams {
            let load = BenchPlan.Load(size: 1024, count: self.plan.streamMessages)
            let (_, received, seconds) = try await Self.flood(load, streams: count)
            let messages = received.messages ?? 0
            let echo = try await BenchPeer("echo", ["--streams", Self.streamNames(count)])
            let trips = try await Self.roundTrips(self.plan.crowdRoundTrips, with: echo, streams: count)
            _ = try await echo.end()
            table.add([
                Double(count), Double(load.count - messages + (trips.lost ?? 0)),
                Double(messages) / max(received.spanSeconds ?? 0, 1e-9),
                seconds / Double(load.count) * 1e6, Double(received.residentKiB ?? 0),
                trips.p50Microseconds ?? 0, trips.p99Microseconds ?? 0,
            ])
        }
        return table
    }

    /// Round trips of a process with one node, measured there.
    static func roundTrips(
        _ load: BenchPlan.Load, with echo: BenchPeer, streams: Int = 1
    ) async throws -> BenchPeer.Line {
        let bench = try await BenchPeer(
            "bench",
            [
                "--pingpong", "--streams", Self.streamNames(streams), "--connect", echo.address, "--size",
                "\(load.size)", "--count", "\(load.count)", "--warmup", "\(Self.warmup)",
            ])
        let line = try await bench.line("bench")
        _ = try await bench.end()
        return line
    }

    static func streamNames(_ count: Int) -> String {
        (0..<count).map { $0 == 0 ? "a" : "a\($0)" }.joined(separator: ",")
    }

    /// Sends all of a load from one process to another; what each of them says in the end, and the CPU time that both took
    /// for it, in seconds.
    private static func flood(
        _ load: BenchPlan.Load, _ encryption: StreamEncryption = .transport, streams: Int = 1
    ) async throws -> (sent: BenchPeer.Line, received: BenchPeer.Line, cpuSeconds: Double) {
        let names = [
            "--stream-encryption", encryption.rawValue, "--streams", Self.streamNames(streams),
        ]
        let sink = try await BenchPeer("sink", names)
        let idle = try await sink.usage()
        let bench = try await BenchPeer(
            "bench",
            names + [
                "--spread", "--connect", sink.address, "--size", "\(load.size)", "--count", "\(load.count)",
            ])
        let sent = try await bench.line("bench")
        // It flushes what it has accepted before it ends, so that all has arrived when the sink is asked.
        _ = try await bench.end()
        let received = try await sink.end()
        return (sent, received, sent.cpuSeconds + received.cpuSeconds - idle.cpuSeconds)
    }

    private static func establishedMilliseconds(_ line: BenchPeer.Line) -> [Double] {
        [line.totalP50Microseconds, line.totalP90Microseconds, line.totalP99Microseconds].map { ($0 ?? 0) / 1000 }
    }
}
