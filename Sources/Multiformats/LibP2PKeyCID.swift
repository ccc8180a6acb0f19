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

/// Content identifiers (CIDs) of version 1 that stand for a libp2p key: a fixed prefix and a peer ID's multihash.
public enum LibP2PKeyCID {
    /// The bytes before the multihash: version 1 and the multicodec `libp2p-key`.
    public static let prefix: [UInt8] = [0x01, 0x72]
}
