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

/// How far a negotiation has come.
public enum MultistreamOutcome: Hashable, Sendable {
    /// The peer has to send more before there is an agreement.
    case needsMore

    /// Both sides agreed on the protocol; every byte from here on belongs to it.
    case negotiated(String)
}
