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

public import PeerIdentity

/// Somebody that the node has nothing to do with: a peer, an IP address or a subnet, for a time or for good.
public struct BlacklistEntry: Hashable, Sendable {
    /// Whom a block keeps out.
    public enum Subject: Hashable, Sendable, CustomStringConvertible {
        /// A peer, wherever it is.
        case peer(PeerID)
        /// Whoever is at an IP address.
        case address(IPAddress)
        /// Whoever is at an address of a subnet.
        case subnet(IPSubnet)

        /// The peer ID, the address or the subnet.
        public var description: String {
            switch self {
            case .peer(let peer): peer.description
            case .address(let address): address.description
            case .subnet(let subnet): subnet.description
            }
        }
    }

    /// Whom it keeps out.
    public let subject: Subject
    /// When it began.
    public let createdAt: Timestamp
    /// When it ends by itself; nil if it lasts until it is taken back.
    public let expires: Timestamp?

    /// Creates an entry.
    public init(subject: Subject, createdAt: Timestamp, expires: Timestamp? = nil) {
        self.subject = subject
        self.createdAt = createdAt
        self.expires = expires
    }
}
