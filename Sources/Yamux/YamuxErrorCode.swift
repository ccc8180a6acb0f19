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

/// The error codes that travel in GoAway frames and in resets.
///
/// Codes are plain 32-bit numbers on the wire and any number may arrive. Zero to two are the specification's own for a
/// session; those from 0x1000 are libp2p's and differ by one between a session and a stream.
public enum YamuxErrorCode {
    /// Codes of a GoAway frame.
    public enum Session {
        /// The session ended as planned.
        public static let normalTermination: UInt32 = 0
        /// The other side broke the protocol.
        public static let protocolError: UInt32 = 1
        /// The sender failed for a reason of its own.
        public static let internalError: UInt32 = 2
        /// No common protocol was found.
        public static let negotiationFailed: UInt32 = 0x1000
        /// The sender has no resources left for this connection.
        public static let resourceLimitExceeded: UInt32 = 0x1001
        /// The other side did too much in too short a time.
        public static let rateLimited: UInt32 = 0x1002
        /// The other side broke a protocol above yamux.
        public static let protocolViolation: UInt32 = 0x1003
        /// Another connection takes the place of this one.
        public static let supplanted: UInt32 = 0x1004
        /// The connection was not used.
        public static let garbageCollected: UInt32 = 0x1005
        /// The sender stops.
        public static let shutdown: UInt32 = 0x1006
        /// The sender does not want to talk to this peer.
        public static let gated: UInt32 = 0x1007
    }

    /// Codes of a stream's reset.
    public enum Stream {
        /// No reason is given.
        public static let unspecified: UInt32 = 0
        /// No common protocol was found.
        public static let negotiationFailed: UInt32 = 0x1001
        /// The sender has no resources left for this stream.
        public static let resourceLimitExceeded: UInt32 = 0x1002
        /// The other side did too much in too short a time.
        public static let rateLimited: UInt32 = 0x1003
        /// The other side broke the protocol of this stream.
        public static let protocolViolation: UInt32 = 0x1004
        /// Another stream takes the place of this one.
        public static let supplanted: UInt32 = 0x1005
        /// The stream was not used.
        public static let garbageCollected: UInt32 = 0x1006
        /// The sender stops.
        public static let shutdown: UInt32 = 0x1007
        /// The sender does not want to talk to this peer.
        public static let gated: UInt32 = 0x1008
    }
}
