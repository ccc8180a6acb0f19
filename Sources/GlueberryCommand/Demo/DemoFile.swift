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

import Crypto
import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The file of the demo: random bytes, made and read piece by piece.
enum DemoFile {
    private static let pieceLength = 1024 * 1024

    /// Makes it and returns its SHA-256.
    static func create(_ path: String, length: Int) throws -> [UInt8] {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t(0o600))
        guard descriptor >= 0 else { throw CommandFailure("'\(path)': \(SystemError.describe(errno))") }
        defer { _ = close(descriptor) }
        var digest = SHA256()
        var rest = length
        while rest > 0 {
            try Task.checkCancellation()
            let piece = SymmetricKey(size: SymmetricKeySize(bitCount: min(rest, Self.pieceLength) * 8))
            let isWritten = piece.withUnsafeBytes { bytes in
                digest.update(bufferPointer: bytes)
                return Descriptor.writeAll(bytes, to: descriptor)
            }
            guard isWritten else { throw CommandFailure("'\(path)': \(SystemError.describe(errno))") }
            rest -= min(rest, Self.pieceLength)
        }
        return Array(digest.finalize())
    }

    /// The length and the SHA-256 of a file.
    static func digest(_ path: String) throws -> (length: Int, digest: [UInt8]) {
        let source = try SourceFile(path)
        var digest = SHA256()
        var rest = source.size
        while rest > 0 {
            try Task.checkCancellation()
            let piece = try source.read(Int(min(rest, UInt64(Self.pieceLength))), into: .init())
            piece.withUnsafeReadableBytes { digest.update(bufferPointer: $0) }
            rest -= UInt64(piece.readableBytes)
        }
        return (Int(clamping: source.size), Array(digest.finalize()))
    }
}
