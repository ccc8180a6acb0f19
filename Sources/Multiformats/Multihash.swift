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

/// A digest together with the code of the function that made it (multiformats' multihash).
public struct Multihash: Hashable, Sendable {
    /// The code of the identity function, whose digest is the hashed bytes themselves.
    public static let identityCode: UInt64 = 0x00
    /// The code of SHA2-256, whose digest has 32 bytes.
    public static let sha256Code: UInt64 = 0x12
    /// The longest digest in bytes that ``init(bytes:)`` accepts.
    public static let maximumDigestLength = 128

    /// The code of the hash function in the table of multicodecs.
    public let code: UInt64
    /// What the function returned.
    public let digest: [UInt8]

    /// Makes a multihash of its two parts, which are not compared with each other.
    public init(code: UInt64, digest: [UInt8]) {
        self.code = code
        self.digest = digest
    }

    /// Reads a multihash that takes all of `bytes`.
    ///
    /// - Throws: ``MultihashError`` when a varint is malformed, the digest is not of the announced length or longer
    ///   than ``maximumDigestLength``, a SHA2-256 digest has not 32 bytes, or bytes follow.
    public init(bytes: some Collection<UInt8>) throws(MultihashError) {
        let (code, codeLength) = try Self.integer(bytes, what: "function code")
        let afterCode = bytes.dropFirst(codeLength)
        let (length, lengthLength) = try Self.integer(afterCode, what: "digest length")
        guard length <= UInt64(Self.maximumDigestLength) else {
            throw MultihashError(
                .tooLong,
                "multihash announces a digest of \(length) bytes, at most \(Self.maximumDigestLength) are accepted"
            )
        }
        let digest = [UInt8](afterCode.dropFirst(lengthLength).prefix(Self.maximumDigestLength + 1))
        guard digest.count == Int(length) else {
            throw MultihashError(
                digest.count < Int(length) ? .truncated : .trailingBytes,
                digest.count < Int(length)
                    ? "multihash announces a digest of \(length) bytes, only \(digest.count) follow"
                    : "multihash is followed by bytes that do not belong to it"
            )
        }
        guard code != Self.sha256Code || digest.count == 32 else {
            throw MultihashError(.invalidDigestLength, "SHA2-256 digest has \(digest.count) bytes, expected 32")
        }
        self.code = code
        self.digest = digest
    }

    /// The multihash that holds `bytes` themselves.
    public static func identity(_ bytes: some Sequence<UInt8>) -> Multihash {
        Multihash(code: identityCode, digest: [UInt8](bytes))
    }

    /// The encoding: the code, the length of the digest, the digest.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        UnsignedVarint.append(code, to: &bytes)
        UnsignedVarint.append(UInt64(digest.count), to: &bytes)
        bytes.append(contentsOf: digest)
        return bytes
    }

    private static func integer(
        _ bytes: some Collection<UInt8>,
        what: String
    ) throws(MultihashError) -> (value: UInt64, length: Int) {
        let decoded: (value: UInt64, length: Int)?
        do {
            decoded = try UnsignedVarint.decode(bytes)
        } catch {
            throw MultihashError(.malformedVarint, "multihash \(what): \(error.message)")
        }
        guard let decoded else {
            throw MultihashError(.truncated, "multihash ends inside its \(what)")
        }
        return decoded
    }
}

/// Why bytes are not a multihash.
public struct MultihashError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: Hashable, Sendable {
        /// An integer is not encoded as it has to be.
        case malformedVarint
        /// The bytes end too early.
        case truncated
        /// Bytes follow the digest.
        case trailingBytes
        /// The announced digest is longer than is accepted.
        case tooLong
        /// The digest has not the length that its function makes.
        case invalidDigestLength
    }

    /// What went wrong.
    public let code: Code
    /// One line for people.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The same as ``message``.
    public var description: String { message }
}
