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

/// What `glueberry peer` does with messages.
enum PeerMode: String, CaseIterable, Sendable {
    /// Every message goes back on its stream.
    case echo
    /// Messages are counted.
    case sink
    /// Messages are left unread for a while, then counted.
    case pause
    /// Messages are sent and measured.
    case bench
    /// Standard input is sent, and what comes is shown.
    case chat
    /// Nothing is said.
    case idle
    /// Nodes dial, establish and stop, one after another.
    case hs
    /// Many nodes dial and hold their sessions.
    case swarm

    /// Whether the nodes of the mode dial in the place of the process's first one.
    var dialsByItself: Bool { self == .hs || self == .swarm }

    /// Whether it does little for a message and waits for room before the next, so that it may work on the event loop of its
    /// node; `chat` does not wait.
    var sharesEventLoop: Bool { self == .echo || self == .sink || self == .bench }
}

/// What a node does in a mode, beside keeping its sessions.
protocol PeerActivity: Sendable {
    /// Does it until it is done or cancelled, and ends what it began; true if the process is to end after it.
    func run() async -> Bool
}
