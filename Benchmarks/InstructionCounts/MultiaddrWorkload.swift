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

import Multiformats

/// An address with a peer read as text, encoded, and decoded.
struct MultiaddrWorkload: Workload {
    let name = "multiaddr"

    private let text =
        "/ip4/192.0.2.1/tcp/9000/p2p/12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq"

    func run(_ count: Int) throws {
        for _ in 0..<count {
            // The components are encoded as they are read.
            let address = try Multiaddr(self.text)
            let decoded = try Multiaddr(bytes: address.bytes)
            try check(decoded == address, "another address was decoded than encoded")
            keep(decoded)
        }
        try check(Multiaddr(self.text).description == self.text, "the text of an address is another one")
    }
}
