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
        var frame = ByteBuffer()
        frame.reserveCapacity(self.length(ofPayload: payload.readableBytes, version: version))
        switch version {
        case .one: self.writeHeader(ofPayload: payload.readableBytes, into: &frame)
        case .two: self.writeVarint(UInt64(payload.readableBytes), into: &frame)
        }
        frame.writeImmutableBuffer(payload)
        return frame
    }

    /// A frame with an encrypted payload.
    static func seal(
        _ payload: ByteBuffer, with cipher: ChaCha20Poly1305Key, nonces: NonceSource
    ) throws(AEADError) -> ByteBuffer {
        let count = payload.readableBytes + self.sealOverhead
        var frame = ByteBuffer()
        frame.reserveCapacity(self.length(ofPayload: count))
        self.writeHeader(ofPayload: count, into: &frame)
        let start = frame.writerIndex
        frame.writeRepeatingByte(0, count: self.nonceLength)
        frame.writeImmutableBuffer(payload)
        frame.writeRepeatingByte(0, count: ChaCha20Poly1305Key.tagLength)
        let offset = start - frame.readerIndex
        let result = frame.withUnsafeMutableReadableBytes { bytes -> Result<Void, AEADError> in
            let nonceBytes = UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + self.nonceLength])
            nonces.next(into: nonceBytes)
            do throws(AEADError) {
                try cipher.seal(
                    UnsafeMutableRawBufferPointer(rebasing: bytes[(offset + self.nonceLength)...]),
                    nonce: AEADNonce(bytes: nonceBytes), authenticating: UnsafeRawBufferPointer(start: nil, count: 0))
                return .success(())
            } catch {
                return .failure(error)
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

    private static func writeHeader(ofPayload count: Int, into frame: inout ByteBuffer) {
        let inner = UnsignedVarint.length(of: UInt64(count)) + count
        self.writeVarint(UInt64(inner), into: &frame)
        self.writeVarint(UInt64(count), into: &frame)
    }

    private static func writeVarint(_ value: UInt64, into frame: inout ByteBuffer) {
        var rest = value
        while rest >= 0x80 {
            frame.writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        frame.writeInteger(UInt8(truncatingIfNeeded: rest))
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
        let view = input.readableBytesView
        guard let outer = try self.length(view) else { return nil }
        if self.version == .two {
            guard outer.value <= UInt64(self.maximumPayload) else {
                throw .tooLarge(announced: outer.value, maximum: self.maximumPayload)
            }
            guard view.count >= outer.length + Int(outer.value) else { return nil }
            input.moveReaderIndex(forwardBy: outer.length)
            return input.readSlice(length: Int(outer.value))
        }
        guard outer.value <= UInt64(self.maximumPayload) + 10 else {
            throw .tooLarge(announced: outer.value, maximum: self.maximumPayload)
        }
        // Nothing beyond the frame is looked at, so that it does not matter how much of what follows is there already.
        let body = view.dropFirst(outer.length).prefix(Int(outer.value))
        guard let inner = try self.length(body) else {
            if view.count - outer.length >= outer.value { throw .lengthsDisagree }
            return nil
        }
        guard inner.value <= UInt64(self.maximumPayload) else {
            throw .tooLarge(announced: inner.value, maximum: self.maximumPayload)
        }
        guard UInt64(inner.length) + inner.value == outer.value else { throw .lengthsDisagree }
        guard view.count >= outer.length + Int(outer.value) else { return nil }
        input.moveReaderIndex(forwardBy: outer.length + inner.length)
        return input.readSlice(length: Int(inner.value))
    }

    /// The length of the frame that begins here, with its lengths; nil if it cannot be told yet.
    func frameLength(_ input: ByteBuffer) throws(FrameError) -> Int? {
        guard let outer = try self.length(input.readableBytesView), outer.value <= UInt64(self.maximumPayload) + 10
        else { return nil }
        return outer.length + Int(outer.value)
    }

    private func length(_ bytes: some Collection<UInt8>) throws(FrameError) -> (value: UInt64, length: Int)? {
        do {
            // The original takes lengths with more bytes than they need; version 2 has one form of each.
            return try UnsignedVarint.decode(bytes, requireMinimal: self.version == .two)
        } catch {
            throw .malformedLength
        }
    }
}
