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

public import Multiformats

/// An address at which others see a node.
public struct ObservedAddress: Hashable, Sendable, CustomStringConvertible {
    /// The address; without a port if only peers that the node dialled have named it.
    public let address: Multiaddr
    /// How many connected peers see the node there.
    public let peers: Int

    /// The address and the count.
    public var description: String { "\(self.address) (\(self.peers) \(self.peers == 1 ? "peer" : "peers"))" }
}
