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

import Multiformats
import PeerIdentity

/// A line of standard input in the mode `chat`.
enum ChatLine: Equatable {
    case text(String)
    case connect(Multiaddr)
    case disconnect(PeerID)
    case reconnect(PeerID)
    case state
    case dump
    case usage
    case big(Int)
    case quit

    /// Reads a line.
    ///
    /// - Throws: ``CommandFailure`` for a command that there is none, or that lacks what it needs.
    init(_ line: String) throws(CommandFailure) {
        guard line.hasPrefix("/") else {
            self = .text(line)
            return
        }
        let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
        let argument = parts.dropFirst().first ?? ""
        switch parts.first {
        case "/connect": self = .connect(try Addresses.peer(argument).address)
        case "/disconnect": self = .disconnect(try Addresses.peerID(argument))
        case "/reconnect": self = .reconnect(try Addresses.peerID(argument))
        case "/state": self = .state
        case "/dump": self = .dump
        case "/usage": self = .usage
        case "/big":
            guard let count = ByteCountOption(argument: argument)?.bytes else {
                throw CommandFailure("/big takes a number of bytes, such as 4096 or 64KiB")
            }
            self = .big(count)
        case "/quit": self = .quit
        default:
            throw CommandFailure(
                "\(TerminalText.line(parts.first ?? "/", limit: 40)) is no command; /connect, /disconnect, /reconnect, "
                    + "/state, /dump, /usage, /big, /quit")
        }
    }
}
