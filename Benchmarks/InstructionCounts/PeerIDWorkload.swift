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

import PeerIdentity

/// The name of a peer read as text, and written.
struct PeerIDWorkload: Workload {
    let name = "peer-id"

    private let text = "12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq"

    func run(_ count: Int) throws {
        for _ in 0..<count {
            let written = try PeerID(self.text).description
            try check(written == self.text, "another name was written than read")
            keep(written)
        }
    }
}
