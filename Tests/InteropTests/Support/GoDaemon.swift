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

import Crypto
import Foundation

/// A go-libp2p node in a process of its own, driven through its control socket.
///
/// Through that socket there is no half-close, and a stream that the remote reset looks like one that it finished.
final class GoDaemon: Sendable {
    /// Which security protocols the daemon offers and proposes.
    enum Security: String, Sendable, CaseIterable {
        case noiseOnly = "Noise only"
        case tlsThenNoise = "TLS, then Noise"

        var arguments: [String] {
            switch self {
            case .noiseOnly: ["-tls=false"]
            case .tlsThenNoise: []
            }
        }
    }

    let security: Security
    /// The peer ID as a multihash.
    let peerID: [UInt8]
    /// The addresses that it listens on, as bytes, without the peer ID.
    let addresses: [[UInt8]]
    let control: GoDaemonControl
    /// The Ed25519 public key.
    let publicKey: [UInt8]

    private let process: ChildProcess

    private init(
        security: Security,
        identity: (peerID: [UInt8], addresses: [[UInt8]]),
        control: GoDaemonControl,
        publicKey: [UInt8],
        process: ChildProcess
    ) {
        self.security = security
        self.peerID = identity.peerID
        self.addresses = identity.addresses
        self.control = control
        self.publicKey = publicKey
        self.process = process
    }

    /// Starts a daemon, runs `body` when it answers, and ends it whatever happens.
    static func run<Result: Sendable>(
        security: Security = .tlsThenNoise,
        _ body: (GoDaemon) async throws -> Result
    ) async throws -> Result {
        let executable = try InstalledPeer.goDaemon.path()
        let directory = try TemporaryDirectory()
        defer { directory.remove() }
        let control = GoDaemonControl(directory: directory)
        let publicKey = try writeKey(to: directory.file("identity.key"))
        let log = directory.file("log")
        let process = try ChildProcess(
            "/bin/sh",
            ["-c", guardedLaunch, "sh", log, executable]
                + ["-listen", "/unix" + control.socketPath, "-id", directory.file("identity.key")]
                + ["-hostAddrs", "/ip4/127.0.0.1/tcp/0"] + security.arguments
        )
        do {
            let identity = try await firstAnswer(of: control, process: process, log: log)
            let daemon = GoDaemon(
                security: security,
                identity: identity,
                control: control,
                publicKey: publicKey,
                process: process
            )
            let result = try await body(daemon)
            await control.close()
            await process.stop()
            return result
        } catch {
            await control.close()
            await process.stop()
            throw error
        }
    }

    /// Whether the process still runs.
    var isRunning: Bool { process.isRunning }

    /// Runs the program until it ends or standard input does: so it is killed when the tests stop or crash.
    private static let guardedLaunch = """
        log=$1
        shift
        exec 3<&0
        "$@" </dev/null >"$log" 2>&1 3<&- &
        program=$!
        (cat <&3 >/dev/null; kill -KILL $program 2>/dev/null) >/dev/null 2>&1 &
        guard=$!
        exec 2>/dev/null
        wait $program
        status=$?
        kill $guard 2>/dev/null
        exit $status
        """

    /// Writes go-libp2p's key file, a protobuf of the type and of seed and public key; returns the public key.
    private static func writeKey(to path: String) throws -> [UInt8] {
        let key = Curve25519.Signing.PrivateKey()
        let publicKey = Array(key.publicKey.rawRepresentation)
        var writer = ProtobufWriter()
        writer.varint(1, 1)
        writer.value(2, Array(key.rawRepresentation) + publicKey)
        try Data(writer.bytes).write(to: URL(fileURLWithPath: path))
        return publicKey
    }

    private static func firstAnswer(
        of control: GoDaemonControl,
        process: ChildProcess,
        log: String
    ) async throws -> (peerID: [UInt8], addresses: [[UInt8]]) {
        let deadline = ContinuousClock.now + .seconds(60)
        while true {
            do {
                return try await control.identify()
            } catch {
                guard process.isRunning, ContinuousClock.now < deadline, !Task.isCancelled else {
                    let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
                    throw GoDaemonError("p2pd does not answer (\(error)); its log ends: \(text.suffix(2000))")
                }
                await pauseBetweenPolls()
            }
        }
    }
}
