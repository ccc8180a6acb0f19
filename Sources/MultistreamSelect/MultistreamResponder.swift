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

public import NIOCore

/// The side of multistream-select 1.0 that answers proposals, as a value without a connection of its own.
///
/// Call ``start(into:)`` once and send its output at once, then give ``receive(_:into:accepting:)`` what arrives
/// until it says ``MultistreamOutcome/negotiated(_:)``. An initiator may be lazy, and send its header, a proposal and
/// the first bytes of that protocol in one flight.
///
/// Follows the libp2p specification "connections", section "multistream-select". At most one token of 1024 bytes is
/// left waiting in the input.
public struct MultistreamResponder: Sendable {
    private enum State {
        case awaitingHeader
        case awaitingProposal(refused: Int)
        case negotiated(String)
        case failed(MultistreamError)
    }

    private let maximumAttempts: Int
    private var hasStarted = false
    private var state = State.awaitingHeader

    /// Makes a responder.
    ///
    /// - Parameter maximumAttempts: How many proposals may be refused before the negotiation fails, at least 1.
    public init(maximumAttempts: Int = 20) {
        self.maximumAttempts = max(maximumAttempts, 1)
    }

    /// Appends the header to `output`; later calls append nothing.
    public mutating func start(into output: inout ByteBuffer) {
        guard !self.hasStarted else { return }
        self.hasStarted = true
        output.writeBytes(MultistreamToken.header)
    }

    /// Takes what arrived from the peer.
    ///
    /// - Parameters:
    ///   - input: Bytes of the peer. Whole tokens are consumed; what follows the agreement is left for the protocol
    ///     agreed on, and part of a token is left to be completed.
    ///   - output: Answers are appended here: `na` for each proposal refused, and the echo of the one agreed on. `ls`
    ///     is answered with `na`.
    ///   - accepting: Whether the protocol of that name is spoken here.
    /// - Returns: Whether there is an agreement. Once there is, later calls return it again and consume nothing.
    /// - Throws: `MultistreamError` with the code `malformed`, `tokenTooLong`, `wrongHeader` or `tooManyAttempts`;
    ///   later calls throw the same error.
    public mutating func receive(
        _ input: inout ByteBuffer,
        into output: inout ByteBuffer,
        accepting: (String) -> Bool
    ) throws(MultistreamError) -> MultistreamOutcome {
        do throws(MultistreamError) {
            return try self.advance(&input, into: &output, accepting: accepting)
        } catch {
            self.state = .failed(error)
            throw error
        }
    }

    private mutating func advance(
        _ input: inout ByteBuffer,
        into output: inout ByteBuffer,
        accepting: (String) -> Bool
    ) throws(MultistreamError) -> MultistreamOutcome {
        while true {
            switch self.state {
            case .awaitingHeader:
                guard try MultistreamToken.consumeHeader(from: &input) else { return .needsMore }
                self.state = .awaitingProposal(refused: 0)
            case .awaitingProposal(let refused):
                guard let extent = try MultistreamToken.next(in: input) else { return .needsMore }
                let name = try MultistreamToken.text(extent, in: input)
                if MultistreamToken.isProtocolName(name), accepting(name) {
                    // The echo is the proposal byte for byte; copied before the reader index moves past it.
                    input.withUnsafeReadableBytes { _ = output.writeBytes($0.prefix(extent.length)) }
                    input.moveReaderIndex(forwardBy: extent.length)
                    self.state = .negotiated(name)
                    return .negotiated(name)
                }
                input.moveReaderIndex(forwardBy: extent.length)
                output.writeBytes(MultistreamToken.notAvailable)
                guard refused + 1 < self.maximumAttempts else {
                    throw MultistreamError(.tooManyAttempts, "\(refused + 1) proposals of the peer were refused")
                }
                self.state = .awaitingProposal(refused: refused + 1)
            case .negotiated(let agreed):
                return .negotiated(agreed)
            case .failed(let error):
                throw error
            }
        }
    }
}
