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

/// The error codes that libp2p sends when it closes a connection (`error-codes` of the connection specification).
public enum ConnectionErrorCode {
    /// A close without a complaint.
    public static let none: UInt32 = 0
    /// No common protocol was found.
    public static let negotiationFailed: UInt32 = 0x1000
    /// A resource limit was reached.
    public static let resourceLimitExceeded: UInt32 = 0x1001
    /// The other side asks too often.
    public static let rateLimited: UInt32 = 0x1002
    /// The other side broke a protocol.
    public static let protocolViolation: UInt32 = 0x1003
    /// Another connection takes this one's place.
    public static let supplanted: UInt32 = 0x1004
    /// The connection was trimmed.
    public static let garbageCollected: UInt32 = 0x1005
    /// The node shuts down.
    public static let shutdown: UInt32 = 0x1006
    /// The peer is kept out.
    public static let gated: UInt32 = 0x1007
}

/// The error codes that libp2p sends when it resets a stream.
public enum StreamErrorCode {
    /// A reset without a reason.
    public static let none: UInt32 = 0
    /// No common protocol was found.
    public static let negotiationFailed: UInt32 = 0x1001
    /// A resource limit was reached.
    public static let resourceLimitExceeded: UInt32 = 0x1002
    /// The other side asks too often.
    public static let rateLimited: UInt32 = 0x1003
    /// The other side broke a protocol.
    public static let protocolViolation: UInt32 = 0x1004
    /// Another stream takes this one's place.
    public static let supplanted: UInt32 = 0x1005
    /// The stream was collected.
    public static let garbageCollected: UInt32 = 0x1006
    /// The node shuts down.
    public static let shutdown: UInt32 = 0x1007
    /// The stream's peer is kept out.
    public static let gated: UInt32 = 0x1008
}
