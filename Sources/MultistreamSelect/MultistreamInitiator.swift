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

/// The side of multistream-select 1.0 that proposes protocols, as a value without a connection of its own.
///
/// Call ``start(into:)`` once, send its output, and give ``receive(_:into:)`` what arrives until it says
/// ``MultistreamOutcome/negotiated(_:)``. An initiator that proposes a single protocol may be lazy: it may send the
/// first bytes of that protocol straight after the output of ``start(into:)``, without waiting for the answer.
///
/// Follows the libp2p specification "connections", section "multistream-select". The number of proposals is that of the
/// list, and at most one token of 1024 bytes is left waiting in the input.
public struct MultistreamInitiator: Sendable {
    private enum State {
        case notStarted
        case awaitingHeader
        /// The protocol at this index, which is within the list, has been proposed.
        case awaitingAnswer(Int)
        case negotiated(String)
        case failed(MultistreamError)
    }

    private let proposals: MultistreamProposals
    private var state = State.notStarted

    /// Makes an initiator that proposes the protocols in order.
    ///
    /// Names that ``MultistreamProposals/init(_:)`` leaves out are not proposed.
    public init(protocols: [String]) {
        self.init(MultistreamProposals(protocols))
    }

    /// Makes an initiator from proposals that were made before; it allocates nothing.
    public init(_ proposals: MultistreamProposals) {
        self.proposals = proposals
    }

    /// Appends the header and the first proposal to `output`, to be sent in one flight.
    ///
    /// Nothing is appended by later calls, nor if there is no protocol to propose.
    public mutating func start(into output: inout ByteBuffer) {
        guard case .notStarted = self.state else { return }
        output.writeBytes(self.proposals.firstFlight)
        self.state = .awaitingHeader
    }

    /// Takes what arrived from the peer.
    ///
    /// - Parameters:
    ///   - input: Bytes of the peer. Whole tokens are consumed; what follows the agreement is left for the protocol
    ///     agreed on, and part of a token is left to be completed.
    ///   - output: The next proposal is appended here if there is one.
    /// - Returns: Whether there is an agreement. Once there is, later calls return it again and consume nothing.
    /// - Throws: `MultistreamError` with any code but `tooManyAttempts`; later calls throw the same error.
    public mutating func receive(
        _ input: inout ByteBuffer,
        into output: inout ByteBuffer
    ) throws(MultistreamError) -> MultistreamOutcome {
        do throws(MultistreamError) {
            return try self.advance(&input, into: &output)
        } catch {
            self.state = .failed(error)
            throw error
        }
    }

    private mutating func advance(
        _ input: inout ByteBuffer,
        into output: inout ByteBuffer
    ) throws(MultistreamError) -> MultistreamOutcome {
        while true {
            switch self.state {
            case .notStarted:
                return .needsMore
            case .awaitingHeader:
                guard !self.proposals.tokens.isEmpty else { throw self.nothingInCommon }
                guard try MultistreamToken.consumeHeader(from: &input) else { return .needsMore }
                self.state = .awaitingAnswer(0)
            case .awaitingAnswer(let index):
                guard let extent = try MultistreamToken.next(in: input) else { return .needsMore }
                if MultistreamToken.matches(self.proposals.tokens[index], extent, in: input) {
                    input.moveReaderIndex(forwardBy: extent.length)
                    let agreed = self.proposals.protocols[index]
                    self.state = .negotiated(agreed)
                    return .negotiated(agreed)
                }
                guard MultistreamToken.matches(MultistreamToken.notAvailable, extent, in: input) else {
                    _ = try MultistreamToken.text(extent, in: input)
                    throw MultistreamError(.unexpectedAnswer, "the answer is neither the proposed protocol nor na")
                }
                input.moveReaderIndex(forwardBy: extent.length)
                guard index + 1 < self.proposals.tokens.count else { throw self.nothingInCommon }
                output.writeBytes(self.proposals.tokens[index + 1])
                self.state = .awaitingAnswer(index + 1)
            case .negotiated(let agreed):
                return .negotiated(agreed)
            case .failed(let error):
                throw error
            }
        }
    }

    private var nothingInCommon: MultistreamError {
        let names = self.proposals.protocols.joined(separator: ", ")
        return MultistreamError(.noCommonProtocol, "the peer speaks none of the protocols proposed [\(names)]")
    }
}
