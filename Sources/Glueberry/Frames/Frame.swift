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

import AEAD
import Multiformats
package import NIOCore

/// The frame of a message on a stream: in version 1 two nested lengths, then the payload; in version 2 one length.
///
/// Version 1: `frame = uvarint(len(inner)) inner`, `inner = uvarint(len(payload)) payload`. On an encrypted stream the
/// payload is a random nonce, the ChaCha20-Poly1305 ciphertext and its tag. Version 2: `frame = uvarint(len(message))
/// message`, the length in its shortest form.
package enum Frame {
    static let nonceLength = ChaCha20Poly1305Key.nonceLength
    /// What encryption adds to a message.
    static let sealOverhead = ChaCha20Poly1305Key.nonceLength + ChaCha20Poly1305Key.tagLength
    /// What the two lengths add at most.
    static let maximumHeaderLength = 20

    /// The length of a whole frame around a payload.
    static func length(ofPayload count: Int, version: StreamVersion = .one) -> Int {
        let inner = UnsignedVarint.length(of: UInt64(count)) + count
        return version == .two ? inner : UnsignedVarint.length(of: UInt64(inner)) + inner
    }

    /// A plain frame.
    package static func encode(_ payload: ByteBuffer, version: StreamVersion = .one) -> ByteBuffer {
        let count = payload.readableBytes
        let length = self.length(ofPayload: count, version: version)
        var frame = ByteBuffer()
        frame.reserveCapacity(length)
        // Each access to a buffer has its price, so everything is written in one.
        frame.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { room in
            let start = self.writeHeader(ofPayload: count, version: version, into: room)
            self.copy(payload, into: room, at: start)
            return length
        }
        return frame
    }

    /// A frame with an encrypted payload.
    static func seal(
        _ payload: ByteBuffer, with cipher: ChaCha20Poly1305Key, nonces: NonceSource
    ) throws(AEADError) -> ByteBuffer {
        let count = payload.readableBytes + self.sealOverhead
        let length = self.length(ofPayload: count)
        var frame = ByteBuffer()
        frame.reserveCapacity(length)
        var result = Result<Void, AEADError>.success(())
        frame.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { room in
            let start = self.writeHeader(ofPayload: count, version: .one, into: room)
            let nonce = UnsafeMutableRawBufferPointer(rebasing: room[start..<start + self.nonceLength])
            nonces.next(into: nonce)
            self.copy(payload, into: room, at: start + self.nonceLength)
            do throws(AEADError) {
                try cipher.seal(
                    UnsafeMutableRawBufferPointer(rebasing: room[start + self.nonceLength..<length]),
                    nonce: AEADNonce(bytes: nonce), authenticating: UnsafeRawBufferPointer(start: nil, count: 0))
                return length
            } catch {
                result = .failure(error)
                return 0
            }
        }
        try result.get()
        return frame
    }

    /// Opens an encrypted payload into memory of its own, of just the message's size; nil if it is not authentic.
    ///
    /// The payload is most often a slice of a buffer that much else is in: opened in place it would have to be copied
    /// first, or keep all of that alive.
    static func open(_ payload: ByteBuffer, with cipher: ChaCha20Poly1305Key) -> ByteBuffer? {
        let length = payload.readableBytes - self.sealOverhead
        guard length >= 0 else { return nil }
        var message = ByteBuffer()
        message.reserveCapacity(length)
        let isOpened = payload.withUnsafeReadableBytes { sealed -> Bool in
            guard let nonce = try? AEADNonce(bytes: sealed.prefix(self.nonceLength)) else { return false }
            let ciphertext = UnsafeRawBufferPointer(rebasing: sealed[self.nonceLength...])
            var isOpened = false
            _ = message.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { room in
                do {
                    try cipher.open(
                        ciphertext, into: UnsafeMutableRawBufferPointer(rebasing: room.prefix(length)), nonce: nonce,
                        authenticating: UnsafeRawBufferPointer(start: nil, count: 0))
                    isOpened = true
                    return length
                } catch {
                    return 0
                }
            }
            return isOpened
        }
        return isOpened ? message : nil
    }

    /// A plain payload in memory of its own.
    static func copy(_ payload: ByteBuffer) -> ByteBuffer {
        var message = ByteBuffer()
        message.reserveCapacity(payload.readableBytes)
        message.writeImmutableBuffer(payload)
        return message
    }

    /// Writes what stands before a payload; returns how many bytes that is.
    private static func writeHeader(
        ofPayload count: Int, version: StreamVersion, into room: UnsafeMutableRawBufferPointer
    ) -> Int {
        guard version == .one else { return self.writeVarint(UInt64(count), into: room, at: 0) }
        let inner = UnsignedVarint.length(of: UInt64(count)) + count
        return self.writeVarint(UInt64(count), into: room, at: self.writeVarint(UInt64(inner), into: room, at: 0))
    }

    /// Writes a number; returns where it ends.
    private static func writeVarint(_ value: UInt64, into room: UnsafeMutableRawBufferPointer, at start: Int) -> Int {
        var rest = value
        var end = start
        while rest >= 0x80 {
            room[end] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            end += 1
        }
        room[end] = UInt8(truncatingIfNeeded: rest)
        return end + 1
    }

    private static func copy(_ payload: ByteBuffer, into room: UnsafeMutableRawBufferPointer, at start: Int) {
        payload.withUnsafeReadableBytes { bytes in
            UnsafeMutableRawBufferPointer(rebasing: room[start..<start + bytes.count]).copyMemory(from: bytes)
        }
    }
}

/// Why the bytes of a stream are no frames.
package enum FrameError: Error, Equatable, CustomStringConvertible {
    /// A length of more than ten bytes, or beyond 64 bits, or in version 2 one with more bytes than it needs.
    case malformedLength
    /// The inner length does not fill the outer one.
    case lengthsDisagree
    /// A message over the configured maximum is announced.
    case tooLarge(announced: UInt64, maximum: Int)

    /// One line for people.
    package var description: String {
        switch self {
        case .malformedLength: "a frame's length is malformed"
        case .lengthsDisagree: "a frame's two lengths disagree"
        case .tooLarge(let announced, let maximum): "a frame announces \(announced) bytes; at most \(maximum) are taken"
        }
    }
}

/// Finds frames in the bytes of a stream, as a value that keeps none of them.
package struct FrameDecoder: Sendable {
    /// The largest payload that is taken, with what encryption adds.
    let maximumPayload: Int
    var version: StreamVersion

    /// Creates a decoder of frames with at most so much payload.
    package init(maximumPayload: Int, version: StreamVersion = .one) {
        self.maximumPayload = maximumPayload
        self.version = version
    }

    /// The next payload; nil if the frame is not complete, in which case nothing is consumed.
    ///
    /// Lengths are checked as soon as they can be read, long before there would be memory to reserve.
    package func next(_ input: inout ByteBuffer) throws(FrameError) -> ByteBuffer? {
        guard let header = try input.withUnsafeReadableBytes(self.header).get(),
            input.readableBytes - header.length >= header.payload
        else { return nil }
        input.moveReaderIndex(forwardBy: header.length)
        return input.readSlice(length: header.payload)
    }

    /// The length of the frame that begins here, with its lengths; nil if it cannot be told yet.
    func frameLength(_ input: ByteBuffer) throws(FrameError) -> Int? {
        let outer = try input.withUnsafeReadableBytes { bytes in
            Result { () throws(FrameError) in try self.length(bytes) }
        }.get()
        guard let outer, outer.value <= UInt64(self.maximumPayload) + 10 else { return nil }
        return outer.length + Int(outer.value)
    }

    /// How many bytes stand before the payload of the frame that begins here, and how many it has; nil if not all of its
    /// lengths are there.
    private func header(_ bytes: UnsafeRawBufferPointer) -> Result<(length: Int, payload: Int)?, FrameError> {
        Result { () throws(FrameError) in
            guard let outer = try self.length(bytes) else { return nil }
            if self.version == .two {
                guard outer.value <= UInt64(self.maximumPayload) else {
                    throw .tooLarge(announced: outer.value, maximum: self.maximumPayload)
                }
                return (outer.length, Int(outer.value))
            }
            guard outer.value <= UInt64(self.maximumPayload) + 10 else {
                throw .tooLarge(announced: outer.value, maximum: self.maximumPayload)
            }
            // Nothing beyond the frame is looked at, so that it does not matter how much of what follows is there already.
            let body = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(outer.length).prefix(Int(outer.value)))
            guard let inner = try self.length(body) else {
                if bytes.count - outer.length >= outer.value { throw .lengthsDisagree }
                return nil
            }
            guard inner.value <= UInt64(self.maximumPayload) else {
                throw .tooLarge(announced: inner.value, maximum: self.maximumPayload)
            }
            guard UInt64(inner.length) + inner.value == outer.value else { throw .lengthsDisagree }
            return (outer.length + inner.length, Int(inner.value))
        }
    }

    private func length(_ bytes: UnsafeRawBufferPointer) throws(FrameError) -> (value: UInt64, length: Int)? {
        do {
            // The original takes lengths with more bytes than they need; version 2 has one form of each.
            return try UnsignedVarint.decode(bytes, requireMinimal: self.version == .two)
        } catch {
            throw .malformedLength
        }
    }
}
