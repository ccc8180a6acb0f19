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

import Foundation
import PeerIdentity
import Testing

/// The known answers that the original gave.
enum OriginalVectors {
    /// The flat entries of a JSON object: names and texts.
    static func texts() throws -> [String: String] {
        let object = try JSONSerialization.jsonObject(with: self.data("original-1.2.10.json"))
        let entries = try #require(object as? [String: Any])
        return entries.compactMapValues { $0 as? String }
    }

    /// The rows of the recorded session.
    static func session() throws -> [SessionRow] {
        let text = String(decoding: try self.data("original-session.jsonl"), as: UTF8.self)
        return try text.split(separator: "\n").map { line in
            try JSONDecoder().decode(SessionRow.self, from: Data(line.utf8))
        }
    }

    /// The identities that the answers are about.
    static func identity(_ number: UInt8) throws -> Identity {
        try Identity(seed: [UInt8](repeating: number, count: 32))
    }

    /// The address book file that the original wrote in that session.
    static func addressBook() throws -> String {
        String(decoding: try self.data("original-addressbook.json"), as: UTF8.self)
    }

    private static func data(_ name: String) throws -> Data {
        try Data(contentsOf: #require(Bundle.module.url(forResource: "Vectors/" + name, withExtension: nil)))
    }
}

/// One row of the recorded session: bytes on a stream, or what the recorder made of them.
struct SessionRow: Decodable {
    let event: String
    let dir: String?
    let hex: String?
    let stream: String?
    let proto: String?
    let key: String?
    let pt: String?

    var isFromRecorder: Bool { self.dir == "recorder->other" }
    var bytes: [UInt8] { hexadecimal(self.hex ?? "") }
}
