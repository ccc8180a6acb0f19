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

/// How much of everything a benchmark measures.
struct BenchPlan: Sendable {
    /// A size of messages, and how many of them.
    struct Load: Sendable {
        let size: Int
        let count: Int
    }

    var oneWay: [Load]
    var pingPong: [Load]
    /// Round trips of small messages beside a flood of large ones on the same connection.
    var contention: Load
    /// The sizes of the large ones.
    var bulk: [Int]
    /// Nodes that connect one after another.
    var establishments: Int
    /// Peers at the same time, for what each of them costs.
    var peers: [Int]
    /// Peers that are active at the same time, for how throughput and latency grow with them.
    var crowds: [Int]
    /// What each of those crowds sends to one node, altogether.
    var fanIn: [Load]
    /// The round trips of one peer among so many, and of all of them together.
    var crowdRoundTrips: Load
    /// Streams of one session at the same time, with messages on all of them in turn.
    var streams: [Int]
    /// Messages for each number of streams.
    var streamMessages: Int

    /// What takes a few minutes.
    static let full = BenchPlan(
        oneWay: [
            Load(size: 64, count: 4_000_000), Load(size: 1024, count: 1_500_000), Load(size: 64 * 1024, count: 20_000),
            Load(size: 900 * 1024, count: 1500),
        ],
        pingPong: [Load(size: 64, count: 40_000), Load(size: 1024, count: 40_000)],
        contention: Load(size: 64, count: 10_000), bulk: [64 * 1024, 900 * 1024], establishments: 300,
        peers: [1, 10, 50, 100, 1000], crowds: [1, 10, 100, 1000],
        fanIn: [
            Load(size: 64, count: 2_000_000), Load(size: 1024, count: 1_000_000), Load(size: 64 * 1024, count: 20_000),
        ],
        crowdRoundTrips: Load(size: 64, count: 20_000), streams: [1, 10, 100, 200], streamMessages: 1_000_000)

    /// What takes half a minute, for a first impression.
    static let quick = BenchPlan(
        oneWay: [
            Load(size: 64, count: 400_000), Load(size: 1024, count: 200_000), Load(size: 64 * 1024, count: 3000),
            Load(size: 900 * 1024, count: 200),
        ],
        pingPong: [Load(size: 64, count: 5000), Load(size: 1024, count: 5000)],
        contention: Load(size: 64, count: 2000), bulk: [900 * 1024], establishments: 50,
        peers: [1, 50], crowds: [1, 50], fanIn: [Load(size: 1024, count: 100_000)],
        crowdRoundTrips: Load(size: 64, count: 5000), streams: [1, 100], streamMessages: 100_000)
}
