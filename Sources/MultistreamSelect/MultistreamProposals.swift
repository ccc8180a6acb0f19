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

/// The protocols that an initiator proposes, in the order of its preference, already in their form on the wire.
///
/// Make it once and use it for every stream of the same kind: an initiator made from it allocates nothing.
public struct MultistreamProposals: Hashable, Sendable {
    /// The names of the protocols, in the order in which they are proposed.
    public let protocols: [String]

    /// The token of each protocol.
    let tokens: [[UInt8]]

    /// The header and the first token, which leave in one flight; empty if there is no protocol.
    let firstFlight: [UInt8]

    /// Makes proposals of the given protocols, tried in order.
    ///
    /// A name that is no protocol ID is left out, for no peer could agree to it: an empty one, one of more than 1023
    /// bytes of UTF-8, one with NUL, CR or LF in it, and the words of multistream-select itself.
    public init(_ protocols: [String]) {
        self.protocols = protocols.filter(MultistreamToken.isProtocolName)
        self.tokens = self.protocols.map(MultistreamToken.encode)
        self.firstFlight = self.tokens.first.map { MultistreamToken.header + $0 } ?? []
    }
}
