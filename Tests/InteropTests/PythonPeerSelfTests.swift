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
import Testing

/// The test equipment itself: two Python peers with each other, and known answers.
@Suite("Python peer") struct PythonPeerSelfTests {
    @Test(.timeLimit(.minutes(5))) func agreesWithKnownAnswersAndWithItself() async throws {
        try await PythonPeer.run(["--self-test"]) { peer in
            var checks = 0
            while true {
                let line = try await peer.next("self-test", "final")
                #expect(line.ok == true, "\(line.check ?? "the whole self-test") failed: \(line.err ?? "")")
                guard line.event == "self-test" else {
                    break
                }
                checks += 1
            }
            #expect(checks > 20)
            #expect(await peer.exitStatus(within: .seconds(30)) == 0)
        }
    }

    @Test func aPeerThatHearsNothingEndsWithItsInput() async throws {
        try await PythonPeer.run(["--role", "listen"]) { peer in
            let line = try await peer.next("listening")
            #expect(line.addrs?.isEmpty == false)
        }
    }

    @Test(.timeLimit(.minutes(1))) func waitingForALineThatNeverComesFails() async throws {
        try await PythonPeer.run(["--role", "listen"]) { peer in
            await #expect(throws: DeadlineError.self) {
                _ = try await peer.next("established", within: .milliseconds(500))
            }
        }
    }
}
