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

import Glueberry
import Logging
import Multiformats
import PeerIdentity

/// Where a node keeps what it knows of peers.
enum AddressBookOption {
    /// Makes a node with an address book in a file, or in memory without one.
    ///
    /// - Throws: ``CommandFailure`` if the library cannot keep it in a file, or ``GlueberryError``.
    static func node(
        book: String?, identity: Identity, listen: [Multiaddr], configuration: NodeConfiguration, logger: Logger
    ) throws -> Node {
        guard book == nil else { throw CommandFailure("--book is not built in", status: 64) }
        return try Node(identity: identity, listen: listen, configuration: configuration, logger: logger)
    }
}
