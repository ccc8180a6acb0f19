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
    private static let suffix = "/1.0.0"

    /// Whether a name is 1 to 64 ASCII letters, digits, `-` or `_`.
    package static func isValid(_ name: String) -> Bool {
        let bytes = name.utf8
        return !bytes.isEmpty && bytes.count <= self.maximumLength && bytes.allSatisfy(self.isAllowed)
    }

    /// The protocol ID of a stream.
    static func protocolID(of name: String) -> String { self.prefix + name + self.suffix }

    /// The name in a protocol ID; nil if it is none of this library's, or malformed.
    static func parse(_ protocolID: String) -> String? {
        guard protocolID.hasPrefix(self.prefix), protocolID.hasSuffix(self.suffix) else { return nil }
        let name = String(protocolID.dropFirst(self.prefix.count).dropLast(self.suffix.count))
        return self.isValid(name) ? name : nil
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
