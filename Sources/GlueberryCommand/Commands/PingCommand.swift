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
import LibP2P
import Logging
import Multiformats
import NIOCore
import PeerIdentity

/// `glueberry ping`: round trips to any libp2p peer.
struct PingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "Measure round trips to any libp2p peer.",
        discussion: "Any libp2p peer that speaks TCP, Noise and yamux will do; it need not be a Glueberry node.")

    @Argument(help: "Where the peer is; without /p2p/ID whoever answers is taken.")
    var address: String
    @Option(name: [.short, .long], help: "How many round trips.")
    var count = 5
    @Option(help: "The pause between them.")
    var interval = TimeOption(seconds: 1)
    @OptionGroup var log: LogOptions

    func run() async throws {
        guard (1...1_000_000).contains(self.count) else {
            throw CommandFailure("--count is from 1 to 1000000", status: 64)
        }
        let address = try Addresses.any(self.address)
        let host = Host(identity: .generate(), logger: self.log.logger())
        do {
            try await Interruption.racing { try await self.ping(address, through: host) }
        } catch {
            await host.stop()
            throw error
        }
        await host.stop()
    }

    private func ping(_ address: Multiaddr, through host: Host) async throws {
        let connection: Connection
        do {
            connection = try await host.connect(to: address.peerID, addresses: [address])
        } catch {
            throw CommandFailure(
                "the peer cannot be reached: \(Explanation.line(for: error)); check the address and that it is running")
        }
        StandardOutput.line("\(connection.remotePeer) at \(connection.remoteAddress)")
        var times: [Duration] = []
        for number in 1...self.count {
            if number > 1 { try await Task.sleep(for: self.interval.duration) }
            do {
                let time = Duration.nanoseconds(try await connection.ping().nanoseconds)
                times.append(time)
                StandardOutput.line("ping \(number): \(DecimalText.of(time.inMilliseconds, decimals: 3)) ms")
            } catch {
                throw CommandFailure(
                    "ping \(number) of \(self.count) failed: \(Explanation.line(for: error)); "
                        + "the peer must speak libp2p's ping protocol")
            }
        }
        guard let least = times.min(), let greatest = times.max() else { return }
        let mean = times.reduce(Duration.zero, +) / times.count
        let figures = [least, mean, greatest].map { DecimalText.of($0.inMilliseconds, decimals: 3) }
        StandardOutput.line("\(times.count) round trips, min/avg/max \(figures.joined(separator: "/")) ms")
    }
}
