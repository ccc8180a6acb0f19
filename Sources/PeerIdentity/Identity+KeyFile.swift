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

extension Identity {
    /// Loads an identity from a key file.
    ///
    /// The file is compatible with the Go library's: 64 raw bytes, see ``init(keyFile:)``. Who else may read it is not
    /// checked.
    ///
    /// - Throws: ``IdentityError`` that names the file, with the codes `noSuchFile`, `permissionDenied`,
    ///   `fileAccess`, `malformedKeyFile` and `keyMismatch`.
    public static func load(from path: String) throws(IdentityError) -> Identity {
        // One byte more than the longest form shows that a file is too long.
        let bytes = try KeyFile(path).read(upTo: legacyKeyFileLength + 1)
        do {
            return try Identity(keyFile: bytes)
        } catch {
            let name = PrintableText.escape(path, limit: 256)
            guard error.code == .malformedKeyFile else {
                throw IdentityError(error.code, "key file '\(name)': \(error.message)", cause: error.cause)
            }
            let length = bytes.count > legacyKeyFileLength ? "more than \(legacyKeyFileLength)" : "\(bytes.count)"
            throw IdentityError(
                .malformedKeyFile,
                "key file '\(name)' has \(length) bytes, expected \(keyFileLength) (seed and public key)"
            )
        }
    }

    /// Loads an identity from a key file, or makes a new one and saves it there when there is no such file.
    ///
    /// A file that is there is never overwritten, even when it is damaged or appears in the meantime; when two
    /// processes create it at once, both end up with the same identity.
    ///
    /// - Throws: ``IdentityError`` as ``load(from:)`` and ``save(to:)`` do.
    public static func load(from path: String, orCreate: Bool) throws(IdentityError) -> Identity {
        do {
            return try load(from: path)
        } catch {
            guard orCreate, error.code == .noSuchFile else { throw error }
        }
        let identity = generate()
        do {
            try identity.save(to: path)
            return identity
        } catch {
            guard error.code == .fileExists else { throw error }
            return try load(from: path)
        }
    }

    /// Saves the identity to a new key file that only its owner may read and write (mode 0600).
    ///
    /// The file appears under its name complete and synchronised to the disk, or not at all.
    ///
    /// - Throws: ``IdentityError`` that names the file, with the code `fileExists` when there is one already,
    ///   `noSuchFile` when the directory is missing, `permissionDenied`, or `fileAccess`.
    public func save(to path: String) throws(IdentityError) {
        try KeyFile(path).create(with: keyFileBytes)
    }
}
