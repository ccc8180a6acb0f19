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

import NIOCore

/// A message that was accepted and is on its way out.
struct OutboundMessage: Sendable {
    /// The frame; the payload alone while no stream has said what its frames are.
    var bytes: ByteBuffer
    /// Whose frame it is; nil without one.
    var version: StreamVersion?
    /// What it takes of the bounds of its queue, in bytes.
    let cost: Int
}
