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
public import NIOCore

/// A connection secured by a Noise handshake: two keys, one for each direction, and the framing around them.
///
/// The directions are independent of each other. Frames must be sent in the order in which they were sealed, and opened
/// in the order in which they arrived, for their number is their nonce.
///
/// > Important: A copy continues with the same nonces. Hold one value only, and let `seal` and `open` change it in
/// > place.
///
/// Follows the libp2p specification "noise", section "Wire Format".
public struct NoiseTransport: Sendable {
    /// The most bytes of plaintext that one frame carries.
    public static let maximumPlaintextLength = NoiseFrame.maximumMessageLength - ChaCha20Poly1305Key.tagLength

    /// The number of bytes that a frame has more than its plaintext.
    public static let frameOverhead = NoiseFrame.headerLength + ChaCha20Poly1305Key.tagLength

    /// How many frames without any plaintext have been opened.
    ///
    /// Such frames are legal but serve no purpose; the caller is to close a connection with many of them.
    public private(set) var emptyFramesReceived: UInt64 = 0

    private var sending: NoiseCipherState
    private var receiving: NoiseCipherState
    private var failure: NoiseError?

    init(sending: NoiseCipherState, receiving: NoiseCipherState) {
        self.sending = sending
        self.receiving = receiving
    }

    /// Encrypts all of `plaintext` into as few frames as it takes.
    ///
    /// The frames are written straight into `output`; the plaintext is not copied.
    ///
    /// - Parameters:
    ///   - plaintext: What to send; all of it is consumed. An empty plaintext leads to no frame.
    ///   - output: The frames are appended here.
    /// - Throws: `NoiseError` with the code `nonceExhausted` if the key may not seal that many frames, in which case
    ///   nothing was sealed; `cipherFailed`; or the error with which ``open(_:into:)`` failed before.
    public mutating func seal(_ plaintext: inout ByteBuffer, into output: inout ByteBuffer) throws(NoiseError) {
        if let failure = self.failure { throw failure }
        let total = plaintext.readableBytes
        guard total > 0 else { return }
        let frames = (total - 1) / Self.maximumPlaintextLength + 1
        guard UInt64(frames) <= self.sending.remainingMessages else { throw NoiseCipherState.exhausted }

        // A buffer holds at most 4 GiB, so that neither sum overflows.
        output.reserveCapacity(minimumWritableBytes: total + frames * Self.frameOverhead)
        while plaintext.readableBytes > 0 {
            let length = min(plaintext.readableBytes, Self.maximumPlaintextLength)
            do throws(NoiseError) {
                try self.sealFrame(length, of: plaintext, into: &output)
            } catch {
                self.failure = error
                throw error
            }
            plaintext.moveReaderIndex(forwardBy: length)
        }
    }

    /// Seals the first `length` bytes of `plaintext`, which are there and fit into a frame.
    private mutating func sealFrame(
        _ length: Int,
        of plaintext: ByteBuffer,
        into output: inout ByteBuffer
    ) throws(NoiseError) {
        var result = Result<Void, NoiseError>.success(())
        let start = output.writerIndex
        // Fits into two bytes because the plaintext fits into a frame.
        let messageLength = length + ChaCha20Poly1305Key.tagLength
        output.writeInteger(UInt16(messageLength))
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: messageLength) { destination in
            result = plaintext.withUnsafeReadableBytes { source in
                Result { () throws(NoiseError) in
                    try self.sending.seal(
                        UnsafeRawBufferPointer(rebasing: source.prefix(length)),
                        into: UnsafeMutableRawBufferPointer(rebasing: destination.prefix(messageLength)),
                        authenticating: UnsafeRawBufferPointer(start: nil, count: 0)
                    )
                }
            }
            return messageLength
        }
        if case .failure(let error) = result {
            output.moveWriterIndex(to: start)
            throw error
        }
    }

    /// How many bytes `input`, which begins with a frame, lacks until it holds all of it; while its length is not there,
    /// until that is.
    ///
    /// 0 if the frame is whole; what follows it is not looked at.
    public static func missing(in input: ByteBuffer) -> Int {
        guard let messageLength = input.getInteger(at: input.readerIndex, as: UInt16.self) else {
            return NoiseFrame.headerLength - input.readableBytes
        }
        return max(0, NoiseFrame.headerLength + Int(messageLength) - input.readableBytes)
    }

    /// Decrypts every whole frame in `input`.
    ///
    /// The plaintext is written straight into `output`; the ciphertext is not copied.
    ///
    /// - Parameters:
    ///   - input: What arrived from the peer; whole frames are consumed, and part of one is left to be completed.
    ///   - output: The plaintext is appended here.
    /// - Returns: The number of frames that were opened, empty ones included.
    /// - Throws: `NoiseError` with the code `invalidLength` if a frame is shorter than its tag, `decryptionFailed` if
    ///   one does not authenticate, or `nonceExhausted`. The plaintext of the frames before it is in `output`, and
    ///   that frame is left in `input`. An error is final: every later call of this and of ``seal(_:into:)`` throws
    ///   it again.
    public mutating func open(_ input: inout ByteBuffer, into output: inout ByteBuffer) throws(NoiseError) -> Int {
        if let failure = self.failure { throw failure }
        var frames = 0
        while let announced = input.getInteger(at: input.readerIndex, as: UInt16.self) {
            let messageLength = Int(announced)
            guard messageLength >= ChaCha20Poly1305Key.tagLength else {
                let error = NoiseError(.invalidLength, "a frame of \(messageLength) bytes is shorter than its tag")
                self.failure = error
                throw error
            }
            guard input.readableBytes >= NoiseFrame.headerLength + messageLength else { break }
            if frames == 0 {
                output.reserveCapacity(minimumWritableBytes: input.readableBytes)
            }
            do throws(NoiseError) {
                try self.openFrame(messageLength, of: input, into: &output)
            } catch {
                self.failure = error
                throw error
            }
            input.moveReaderIndex(forwardBy: NoiseFrame.headerLength + messageLength)
            frames += 1
            if messageLength == ChaCha20Poly1305Key.tagLength {
                // Cannot overflow: every frame takes a nonce of 64 bits.
                self.emptyFramesReceived += 1
            }
        }
        return frames
    }

    /// Opens the frame at the start of `input`, which is there as a whole and has a message no shorter than a tag.
    private mutating func openFrame(
        _ messageLength: Int,
        of input: ByteBuffer,
        into output: inout ByteBuffer
    ) throws(NoiseError) {
        var result = Result<Void, NoiseError>.success(())
        let length = messageLength - ChaCha20Poly1305Key.tagLength
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { destination in
            result = input.withUnsafeReadableBytes { source in
                Result { () throws(NoiseError) in
                    try self.receiving.open(
                        UnsafeRawBufferPointer(
                            rebasing: source.dropFirst(NoiseFrame.headerLength).prefix(messageLength)
                        ),
                        into: UnsafeMutableRawBufferPointer(rebasing: destination.prefix(length)),
                        authenticating: UnsafeRawBufferPointer(start: nil, count: 0)
                    )
                }
            }
            if case .failure = result { return 0 }
            return length
        }
        try result.get()
    }
}
