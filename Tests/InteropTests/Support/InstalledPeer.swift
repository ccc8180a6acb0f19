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

import Foundation

/// A program that the interop tests talk to, put in place by `scripts/install-test-peers.sh`.
enum InstalledPeer: String {
    case goDaemon = ".tools/bin/p2pd"
    case python = ".tools/venv/bin/python3"

    /// The path of the executable; a missing one is an error, never a reason to skip a test.
    func path() throws(MissingPeerError) -> String {
        let path = Repository.path(rawValue)
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw MissingPeerError(path: path)
        }
        return path
    }
}

/// Says which script puts a missing test peer in place.
struct MissingPeerError: Error, CustomStringConvertible {
    var path: String

    var description: String { "\(path) is missing: run scripts/install-test-peers.sh" }
}

/// The checked-out package.
enum Repository {
    /// The absolute path of a file given relative to the package's root.
    static func path(_ relative: String) -> String {
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<4 {
            url.deleteLastPathComponent()
        }
        return url.appendingPathComponent(relative).path
    }
}
