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

/// What the control loop knows for a snapshot.
struct PeerOverview: Sendable {
    var sessions = 0
    var dials = 0
    var timers = 0
    var omitted = 0
    var peers: [(peer: PeerID, channels: [StreamChannel], NodeSnapshot.Peer)] = []
}
