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

/// The name that a received file gets: exactly one component of a path, and nothing that surprises whoever lists the
/// directory.
///
/// 1 to 255 bytes of UTF-8; no slash or backslash, no control or direction characters, no line separators; not beginning
/// with a dot, so neither `.` nor `..` nor a hidden file such as `.profile`.
struct FileName: Hashable, CustomStringConvertible {
    /// The longest name in bytes, which is what file systems take.
    static let maximumLength = 255

    let text: String

    /// Checks a name that somebody else chose; the error says in one line what is wrong with it.
    init(untrusted bytes: some Collection<UInt8>) throws(CommandFailure) {
        guard !bytes.isEmpty else { throw CommandFailure("the file name is empty") }
        guard bytes.count <= Self.maximumLength else {
            throw CommandFailure("the file name is longer than \(Self.maximumLength) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("the file name is no UTF-8")
        }
        guard !bytes.contains(UInt8(ascii: "/")), !bytes.contains(UInt8(ascii: "\\")) else {
            throw CommandFailure("the file name has a slash in it")
        }
        guard bytes.first != UInt8(ascii: ".") else { throw CommandFailure("the file name begins with a dot") }
        for scalar in text.unicodeScalars where Self.isRefused(scalar) {
            throw CommandFailure("the file name has a control character in it")
        }
        self.text = text
    }

    var description: String { self.text }

    private static func isRefused(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        // The joiners are part of ordinary words in some scripts, and of emoji.
        case .format: scalar != "\u{200C}" && scalar != "\u{200D}"
        case .control, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }
}
