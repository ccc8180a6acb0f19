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

/// `glueberry keygen`: makes a key file.
struct KeygenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen", abstract: "Make a key file and print its peer ID; a file that exists is left alone.")

    @Argument(help: "The file to create, mode 0600: 32 bytes of seed and 32 of the public key.")
    var file = "glueberry.key"

    func run() throws {
        let identity = Identity.generate()
        do {
            try identity.save(to: self.file)
        } catch {
            throw CommandFailure(
                error.code == .fileExists
                    ? "\(error.message); print its peer ID with 'glueberry id', or give another name" : error.message)
        }
        StandardOutput.line("\(identity.peerID)")
    }
}
