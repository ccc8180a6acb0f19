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

/// Why a connection ended.
public enum ConnectionCloseReason: Sendable, CustomStringConvertible {
    /// This side closed it and sent this libp2p error code.
    case closedHere(code: UInt32)
    /// The other side closed it; the code is nil if it closed the transport without a word.
    case closedByPeer(code: UInt32?)
    /// It broke: a transport error, a missed keep-alive, a protocol violation.
    case lost(HostError)

    /// One line that says why.
    public var description: String {
        switch self {
        case .closedHere(let code): "closed here (code 0x\(String(code, radix: 16)))"
        case .closedByPeer(nil): "the other side closed the connection"
        case .closedByPeer(let code?): "the other side closed the connection (code 0x\(String(code, radix: 16)))"
        case .lost(let error): "lost: \(error)"
        }
    }

    /// The error that whoever waits on the connection is given.
    public var error: HostError {
        switch self {
        case .lost(let error): error
        default: HostError(.closed, self.description)
        }
    }
}
