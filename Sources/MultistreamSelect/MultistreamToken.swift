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
import NIOCore

/// The unit of a negotiation: a length as an unsigned varint, a text of UTF-8, and a newline that the length includes.
enum MultistreamToken {
    /// The largest length that a token may announce, in bytes: its text and the newline.
    static let maximumLength = 1024

    /// The token with which both sides begin.
    static let header = encode("/multistream/1.0.0")

    /// The token that refuses a proposal.
    static let notAvailable = encode("na")

    private static let newline = UInt8(ascii: "\n")

    /// Texts that mean something to multistream-select itself and so are no names of protocols.
    private static let reserved: Set<String> = ["/multistream/1.0.0", "na", "ls"]

    /// The bytes of a token with that text.
    static func encode(_ text: String) -> [UInt8] {
        let text = text.utf8
        let length = UInt64(text.count) + 1
        var token: [UInt8] = []
        token.reserveCapacity(UnsignedVarint.length(of: length) + text.count + 1)
        UnsignedVarint.append(length, to: &token)
        token.append(contentsOf: text)
        token.append(self.newline)
        return token
    }

    /// Whether the text can be the name of a protocol.
    static func isProtocolName(_ text: String) -> Bool {
        let bytes = text.utf8
        return !bytes.isEmpty && bytes.count < self.maximumLength && !bytes.contains(where: self.isForbidden)
            && !self.reserved.contains(text)
    }

    /// Where the parts of a token are, relative to the first byte of it.
    struct Extent: Hashable {
        /// The number of bytes of the length.
        var prefixLength: Int
        /// The number of bytes of the text, at least one.
        var textLength: Int

        var length: Int { self.prefixLength + self.textLength + 1 }
    }

    /// Finds the token at the start of `input`.
    ///
    /// - Returns: Where its parts are, or `nil` if not all of it has arrived.
    /// - Throws: `MultistreamError` with the code `tokenTooLong`, or `malformed` if the length is not encoded
    ///   minimally, leaves no room for a text, or the token does not end in a newline. A bad length is known from its
    ///   own bytes.
    static func next(in input: ByteBuffer) throws(MultistreamError) -> Extent? {
        let start = input.readerIndex
        guard let first = input.getInteger(at: start, as: UInt8.self) else { return nil }
        var prefixLength = 1
        var announced = Int(first)
        if first >= 0x80 {
            guard let second = input.getInteger(at: start + 1, as: UInt8.self) else { return nil }
            // A third byte would mean a length of at least 16384.
            guard second < 0x80 else { throw self.tooLong }
            guard second > 0 else { throw MultistreamError(.malformed, "the length of a token is not minimal") }
            prefixLength = 2
            announced = Int(second) << 7 | Int(first & 0x7f)
        }
        guard announced <= self.maximumLength else { throw self.tooLong }
        guard announced >= 2 else { throw MultistreamError(.malformed, "a token has no text") }

        let extent = Extent(prefixLength: prefixLength, textLength: announced - 1)
        guard input.readableBytes >= extent.length else { return nil }
        guard input.getInteger(at: start + extent.length - 1, as: UInt8.self) == self.newline else {
            throw MultistreamError(.malformed, "a token does not end in a newline")
        }
        return extent
    }

    private static var tooLong: MultistreamError {
        MultistreamError(.tokenTooLong, "a token is announced as longer than \(self.maximumLength) bytes")
    }

    /// Whether the token of that extent at the start of `input` is exactly `token`.
    static func matches(_ token: [UInt8], _ extent: Extent, in input: ByteBuffer) -> Bool {
        extent.length == token.count
            && input.withUnsafeReadableBytes { $0.prefix(token.count).elementsEqual(token) }
    }

    /// The text of the token of that extent at the start of `input`.
    ///
    /// - Throws: `MultistreamError` with the code `malformed` if the text contains NUL, CR or LF, or is not UTF-8.
    static func text(_ extent: Extent, in input: ByteBuffer) throws(MultistreamError) -> String {
        let text: String? = input.withUnsafeReadableBytes { bytes in
            let text = bytes.dropFirst(extent.prefixLength).prefix(extent.textLength)
            guard !text.contains(where: self.isForbidden) else { return nil }
            return String(validating: text, as: UTF8.self)
        }
        guard let text else {
            throw MultistreamError(.malformed, "the text of a token is not UTF-8 without NUL, CR and LF")
        }
        return text
    }

    /// Consumes the header at the start of `input`; returns false if not all of it has arrived.
    ///
    /// - Throws: `MultistreamError` with the code `wrongHeader` as soon as a byte differs.
    static func consumeHeader(from input: inout ByteBuffer) throws(MultistreamError) -> Bool {
        let header = self.header
        let available = min(input.readableBytes, header.count)
        guard input.withUnsafeReadableBytes({ $0.prefix(available).elementsEqual(header.prefix(available)) }) else {
            throw MultistreamError(.wrongHeader, "the peer does not begin with /multistream/1.0.0")
        }
        guard available == header.count else { return false }
        input.moveReaderIndex(forwardBy: available)
        return true
    }

    /// NUL, LF and CR would let a name end early or look like two in a log.
    private static func isForbidden(_ byte: UInt8) -> Bool {
        byte == 0x00 || byte == 0x0a || byte == 0x0d
    }
}
