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
import Glueberry
import Multiformats
import PeerIdentity

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The play of the demo: Anna and Bert meet, talk, and Anna sends Bert a file.
struct Demo: Sendable {
    private static let conversation = [
        ("anna", "Hello Bert! Only you can read this."), ("bert", "Hello Anna! So can only you."),
        ("anna", "I have a file for you."), ("bert", "Send it, I will check every byte."),
    ]

    let fileLength: Int

    func run() async throws -> DemoReport {
        var report = DemoReport()
        let stage = DemoStage()
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let (annaKey, bertKey) = ("\(directory.path)/anna.key", "\(directory.path)/bert.key")

        stage.title("Two nodes, two processes, one key each")
        let bert = try DemoNode("bert", ["--key", bertKey], stage)
        let (bertID, bertAddress) = try await bert.introduction()
        guard let bertAddress else { throw CommandFailure("the node bert listens nowhere") }
        stage.say("bert", "I am \(bertID)")
        let anna = try DemoNode("anna", ["--key", annaKey, "--connect", bertAddress, "--listen", ""], stage)
        let (annaID, _) = try await anna.introduction()
        stage.say("anna", "I am \(annaID)")

        stage.title("They connect: Noise and yamux, then Glueberry's handshake")
        async let bertIsThere = bert.establishedMilliseconds()
        report.establishedMilliseconds = try await anna.establishedMilliseconds()
        _ = try await bertIsThere

        stage.title("They talk, sealed with ChaCha20-Poly1305")
        for (speaker, text) in Self.conversation {
            let (from, to) = speaker == "anna" ? (anna, bert) : (bert, anna)
            from.type(text)
            try await to.message(text)
            report.messages += 1
        }
        try await anna.end()
        try await bert.end()

        stage.title("Anna sends Bert a file of \(DecimalText.bytes(self.fileLength))")
        try await self.sendFile(&report, stage, directory: directory.path, annaKey: annaKey, bertKey: bertKey, annaID)
        stage.title("Done: established in \(DecimalText.of(report.establishedMilliseconds, decimals: 1)) ms")
        report.isComplete = true
        return report
    }

    private func sendFile(
        _ report: inout DemoReport, _ stage: DemoStage, directory: String, annaKey: String, bertKey: String,
        _ annaID: String
    ) async throws {
        let source = "\(directory)/gift.bin"
        let inbox = "\(directory)/inbox"
        guard mkdir(inbox, 0o700) == 0 else { throw CommandFailure("'\(inbox)': \(SystemError.describe(errno))") }
        let digest = try DemoFile.create(source, length: self.fileLength)
        let receiver = try ChildProcess(
            OwnExecutable.path(),
            [
                "receive", inbox, "--from", annaID, "--once", "--exit-on-eof", "--quiet", "--key", bertKey, "--listen",
                "/ip4/127.0.0.1/tcp/0",
            ])
        defer { receiver.kill() }
        var output = receiver.lines.makeAsyncIterator()
        guard let invitation = await output.next(), let address = invitation.split(separator: " ").last else {
            throw CommandFailure("the receiver did not start")
        }
        let begin = ContinuousClock.now
        let sender = try ChildProcess(OwnExecutable.path(), ["send", source, String(address), "--key", annaKey])
        defer { sender.kill() }
        guard await sender.wait() == 0 else { throw CommandFailure("the file was not sent") }
        report.fileSeconds = (ContinuousClock.now - begin).inSeconds
        guard await receiver.wait() == 0 else { throw CommandFailure("the file was not received") }
        let (length, received) = try DemoFile.digest("\(inbox)/gift.bin")
        report.fileBytes = length
        report.isDigestRight = received == digest && length == self.fileLength
        guard report.isDigestRight else { throw CommandFailure("what arrived is not what was sent") }
        let rate = DecimalText.of(Double(length) / max(report.fileSeconds, 1e-9) / 1e6, decimals: 0)
        stage.say(
            "bert", "It is here, SHA-256 \(Base16.encode(digest.prefix(8)))…, \(rate) MB/s with everything counted")
    }
}
