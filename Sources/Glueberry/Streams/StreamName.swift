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

/// The names of streams and the protocol IDs that carry them.
package enum StreamName {
    /// The stream of the application's handshake; the only one that is not encrypted by this library.
    package static let handshake = "handshake"
    static let maximumLength = 64
    private static let prefix = "/glueberry/stream/"

    /// Whether a name is 1 to 64 ASCII letters, digits, `-` or `_`.
    package static func isValid(_ name: String) -> Bool {
        let bytes = name.utf8
        return !bytes.isEmpty && bytes.count <= self.maximumLength && bytes.allSatisfy(self.isAllowed)
    }

    /// The protocol ID of a stream.
    static func protocolID(of name: String, version: StreamVersion = .one) -> String {
        self.prefix + name + version.suffix
    }

    /// The name and the version in a protocol ID; nil if it is none of this library's, or malformed.
    ///
    /// The handshake has version 1 alone: nothing on it is encrypted by this library, and a second proposal would cost every
    /// session with a node of version 1 a round trip.
    static func parse(_ protocolID: String) -> (name: String, version: StreamVersion)? {
        guard protocolID.hasPrefix(self.prefix) else { return nil }
        let version: StreamVersion
        if protocolID.hasSuffix(StreamVersion.one.suffix) {
            version = .one
        } else if protocolID.hasSuffix(StreamVersion.two.suffix) {
            version = .two
        } else {
            return nil
        }
        let name = String(protocolID.dropFirst(self.prefix.count).dropLast(version.suffix.count))
        guard self.isValid(name), name != self.handshake || version == .one else { return nil }
        return (name, version)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
