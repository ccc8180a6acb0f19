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
public import PeerIdentity

/// What a peer says of itself: the identify protocol's message, checked and bounded.
public struct IdentifyInfo: Sendable, CustomStringConvertible {
    /// The application's protocol version; control characters are escaped.
    public var protocolVersion = ""
    /// The software's name and version; control characters are escaped.
    public var agentVersion = ""
    /// The protocol IDs that the peer takes streams for, 1,024 at most, as it sent them: escape what you print.
    public var protocols: Set<String> = []
    /// The addresses it says it listens on, 64 at most; those of unknown kinds are left out.
    public var listenAddresses: [Multiaddr] = []
    /// The address it sees us at.
    public var observedAddress: Multiaddr?
    /// Its addresses under its own signature; only a record of the connected peer itself is kept.
    public var signedRecord: PeerRecord?

    /// Everything in one line; what the peer chose itself is escaped, so that it can be printed and logged.
    public var description: String {
        let protocols = self.protocols.sorted().map { PrintableText.escape($0, limit: 128) }
        let addresses = self.listenAddresses.map(\.description)
        return "agent \(self.agentVersion), protocol version \(self.protocolVersion), "
            + "protocols [\(protocols.joined(separator: ", "))], listens on [\(addresses.joined(separator: ", "))], "
            + "sees us at \(self.observedAddress.map(\.description) ?? "an unknown address")"
    }
}
