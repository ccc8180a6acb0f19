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
import PeerIdentity

/// `glueberry id`: prints whose key a file is.
struct IDCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "id", abstract: "Print the peer ID of a key file.")

    @Option(help: "The key file.")
    var key = "glueberry.key"

    func run() throws {
        do {
            StandardOutput.line("\(try Identity.load(from: self.key).peerID)")
        } catch {
            throw CommandFailure(
                error.code == .noSuchFile
                    ? "\(error.message); make one with 'glueberry keygen'" : "\(error.message); give another with --key"
            )
        }
    }
}
