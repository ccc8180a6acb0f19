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

import ArgumentParser
import Glueberry
import Testing

@testable import GlueberryCommand

@Suite struct PeerCommandTests {
    private static let address = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWGC6RxDLAwb9YTTPLMVPCzuCT5r4hrsWRSj3D5W2qJkuq"

    @Test func everyOptionOfTheContractIsTaken() throws {
        let command = try PeerCommand.parse([
            "--mode", "bench", "--listen", "/ip4/127.0.0.1/tcp/0", "--connect", "\(Self.address),\(Self.address)",
            "--connect-at", "1700000000000", "--key", "k", "--book", "b", "--streams", "x,y", "--size", "64",
            "--count", "7", "--warmup", "3", "--rate", "2.5", "--linger", "1s", "--pingpong", "--pause", "8s",
            "--max-message", "65536", "--receive-buffer", "10", "--policy", "dropOldest", "--handshake-timeout", "5s",
            "--cooldown", "6s", "--reconnect-base", "500ms", "--reconnect-max", "9", "--hash", "--slow", "1ms",
            "--state-tick", "2s", "--exit-after", "1m", "--quiet", "--bulk", "65536", "--discard", "y",
            "--priorities", "x=high",
        ])
        #expect(command.bulk == 65_536 && command.discard == "y" && command.priorities.priorities == ["x": .high])
        #expect(command.mode == .bench && command.connectAt == 1_700_000_000_000 && command.book == "b")
        #expect(command.size == 64 && command.count == 7 && command.warmup == 3 && command.rate == 2.5)
        #expect(command.linger?.duration == .seconds(1) && command.pause.duration == .seconds(8) && command.pingpong)
        #expect(command.maxMessage.bytes == 65_536 && command.receiveBuffer == 10 && command.policy == .dropOldest)
        #expect(command.hash && command.quiet && command.exitAfter?.duration == .seconds(60))
    }

    @Test func theDefaultsAreThoseOfTheContract() throws {
        let command = try PeerCommand.parse([])
        #expect(command.mode == .echo && command.listen == "/ip4/127.0.0.1/tcp/0" && command.streams == "a,b")
        #expect(command.key == nil && command.book == nil && command.connect == nil && command.connectAt == nil)
        #expect(command.pause.duration == .seconds(10) && command.policy == .backpressure && !command.pingpong)
    }

    @Test(arguments: PeerMode.allCases) func everyModeHasItsName(mode: PeerMode) throws {
        #expect(try PeerCommand.parse(["--mode", mode.rawValue, "--connect", Self.address]).mode == mode)
    }

    @Test(arguments: [
        ["--mode", "juggle"], ["--count", "0"], ["--count", "-1"], ["--count", "x"], ["--size", "-1"],
        ["--mode", "bench", "--size", "99999999"], ["--warmup", "-1"],
        ["--rate", "-1"], ["--rate", "nan"], ["--rate", "inf"],
        ["--linger", "long"], ["--pause", "5"], ["--policy", "dropall"], ["--connect-at", "-5"],
        ["--connect-at", "soon"], ["--mode", "hs"], ["--mode", "swarm"], ["--mode", "hs", "--connect", ""],
        ["--mode", "bench", "--size", "65537", "--max-message", "64KiB"],
        ["--bulk", "64"], ["--pingpong", "--bulk", "0"], ["--pingpong", "--bulk", "99999999"],
        ["--pingpong", "--streams", "a", "--bulk", "64"],
        ["--mode", "bench", "--messages", "5"], ["--mode", "swarm", "--connect", Self.address, "--messages", "0"],
        ["--mode", "swarm", "--connect", Self.address, "--messages", "5", "--size", "99999999"],
        ["--mode", "swarm", "--connect", Self.address, "--pingpong", "--bulk", "64"],
        ["--priorities", "vote=first"],
        ["--state-tick", "0s"], ["--exit-after", ""],
    ])
    func whatMakesNoSenseIsRefused(arguments: [String]) {
        #expect(throws: (any Error).self) { try PeerCommand.parse(arguments) }
    }
}
