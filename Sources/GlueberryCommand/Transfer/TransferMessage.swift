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

import NIOCore

/// What two sides of a file transfer say to each other on the stream `file`; one byte of type, then the body.
///
/// The sender offers a file; the receiver accepts it, or ends the matter with a result. Then come chunks and the end with
/// the digest, and the receiver's result, for which the sender waits.
enum TransferMessage: Equatable {
    /// A file: the length in bytes and the name, as the sender has it. Type 1, a version byte (1), 8 bytes, the name.
    case offer(size: UInt64, name: [UInt8])
    /// The receiver is ready. Type 2.
    case accept
    /// A piece of the file. Type 3.
    case chunk(ByteBuffer)
    /// The end, with the SHA-256 of the whole file. Type 4, 32 bytes.
    case end(digest: [UInt8])
    /// How it ended for the receiver. Type 5, one byte of status (0 for success), text.
    case result(isSuccess: Bool, text: String)

    /// The encrypted stream that carries them.
    static let stream = "file"
    /// Bytes of a file in one message; with all that is put around them they fit into a block of 64 KiB.
    static let chunkLength = 60 * 1024
    /// The largest message that is taken.
    static let maximumLength = 1024 * 1024

    private static let version: UInt8 = 1
    private static let digestLength = 32
    private static let maximumNameLength = 4096
    private static let maximumTextLength = 512

    private enum Kind {
        static let offer: UInt8 = 1
        static let accept: UInt8 = 2
        static let chunk: UInt8 = 3
        static let end: UInt8 = 4
        static let result: UInt8 = 5
    }

    /// Reads a message; nil for anything else.
    init?(_ payload: ByteBuffer) {
        var payload = payload
        switch payload.readInteger(as: UInt8.self) {
        case Kind.offer:
            guard payload.readInteger(as: UInt8.self) == Self.version, let size = payload.readInteger(as: UInt64.self),
                payload.readableBytes <= Self.maximumNameLength
            else { return nil }
            self = .offer(size: size, name: Array(payload.readableBytesView))
        case Kind.accept:
            guard payload.readableBytes == 0 else { return nil }
            self = .accept
        case Kind.chunk:
            guard payload.readableBytes > 0 else { return nil }
            self = .chunk(payload)
        case Kind.end:
            guard payload.readableBytes == Self.digestLength else { return nil }
            self = .end(digest: Array(payload.readableBytesView))
        case Kind.result:
            guard let status = payload.readInteger(as: UInt8.self), payload.readableBytes <= Self.maximumTextLength
            else {
                return nil
            }
            self = .result(isSuccess: status == 0, text: String(decoding: payload.readableBytesView, as: UTF8.self))
        default: return nil
        }
    }

    /// The message as it is sent.
    var payload: ByteBuffer {
        var buffer = ByteBuffer()
        switch self {
        case .offer(let size, let name):
            buffer.writeBytes([Kind.offer, Self.version])
            buffer.writeInteger(size)
            buffer.writeBytes(name)
        case .accept: buffer.writeInteger(Kind.accept)
        case .chunk(let bytes):
            buffer.writeInteger(Kind.chunk)
            buffer.writeImmutableBuffer(bytes)
        case .end(let digest):
            buffer.writeInteger(Kind.end)
            buffer.writeBytes(digest)
        case .result(let isSuccess, let text):
            buffer.writeBytes([Kind.result, isSuccess ? 0 : 1])
            buffer.writeBytes(Array(text.utf8.prefix(Self.maximumTextLength)))
        }
        return buffer
    }

    /// An empty chunk message with room for `length` bytes of the file, which are written behind its type.
    static func chunkBuffer(length: Int) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: length + 1)
        buffer.writeInteger(Kind.chunk)
        return buffer
    }
}
