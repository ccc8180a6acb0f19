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
import MultistreamSelect
import NIOCore
import Noise
import PeerIdentity

/// The way from a raw connection to an authenticated and multiplexed one, as a value: bytes and the time go in, bytes
/// and finally a ``SecuredConnection`` come out.
///
/// The steps are those of the libp2p connection specification: multistream-select for the security protocol, the
/// security handshake, and multistream-select for the multiplexer inside the secured channel, which is left out when
/// the handshake itself settled the multiplexer (early muxer negotiation).
struct ConnectionUpgrade {
    static let noiseProtocol = "/noise"
    static let yamuxProtocol = "/yamux/1.0.0"

    private enum Negotiation {
        case initiator(MultistreamInitiator)
        case responder(MultistreamResponder)

        mutating func start(into output: inout ByteBuffer) {
            switch self {
            case .initiator(var initiator):
                initiator.start(into: &output)
                self = .initiator(initiator)
            case .responder(var responder):
                responder.start(into: &output)
                self = .responder(responder)
            }
        }

        mutating func receive(
            _ input: inout ByteBuffer, into output: inout ByteBuffer, accepting accepted: String
        ) throws(MultistreamError) -> String? {
            let outcome: MultistreamOutcome
            switch self {
            case .initiator(var initiator):
                defer { self = .initiator(initiator) }
                outcome = try initiator.receive(&input, into: &output)
            case .responder(var responder):
                defer { self = .responder(responder) }
                outcome = try responder.receive(&input, into: &output) { $0 == accepted }
            }
            switch outcome {
            case .needsMore: return nil
            case .negotiated(let name): return name
            }
        }
    }

    private enum State {
        case negotiatingSecurity(Negotiation, NoiseHandshake)
        case handshaking(NoiseHandshake)
        case negotiatingMuxer(Negotiation, SecuredConnection)
        case ended
    }

    private let isDialer: Bool
    private let timeouts: HostTimeouts
    private var state: State
    /// The step that runs, for the report of a failed dial.
    private(set) var stage: DialAttempt.Stage
    /// When the step that runs must be over.
    private(set) var deadline: NIODeadline
    /// Records without content during the negotiation of the multiplexer.
    private var emptyRecords = 0

    init(isDialer: Bool, handshake: NoiseHandshake, timeouts: HostTimeouts, now: NIODeadline) {
        self.isDialer = isDialer
        self.timeouts = timeouts
        let negotiation: Negotiation =
            isDialer
            ? .initiator(MultistreamInitiator(protocols: [Self.noiseProtocol]))
            : .responder(MultistreamResponder())
        self.state = .negotiatingSecurity(negotiation, handshake)
        self.stage = .securityNegotiation
        self.deadline = now + timeouts.negotiation
    }

    /// What this side sends as soon as the transport is connected.
    mutating func start(into output: inout ByteBuffer) {
        guard case .negotiatingSecurity(var negotiation, let handshake) = self.state else { return }
        negotiation.start(into: &output)
        self.state = .negotiatingSecurity(negotiation, handshake)
    }

    /// Takes what the other side sent; what follows the upgrade is left in `input`.
    mutating func receive(
        _ input: inout ByteBuffer, into output: inout ByteBuffer, now: NIODeadline
    ) throws(HostError) -> SecuredConnection? {
        do {
            while true {
                switch self.state {
                case .negotiatingSecurity(var negotiation, var handshake):
                    let name = try negotiation.receive(&input, into: &output, accepting: Self.noiseProtocol)
                    guard name != nil else {
                        self.state = .negotiatingSecurity(negotiation, handshake)
                        return nil
                    }
                    try handshake.start(into: &output)
                    self.state = .handshaking(handshake)
                    self.stage = .securityHandshake
                    self.deadline = now + self.timeouts.securityHandshake

                case .handshaking(var handshake):
                    guard let result = try handshake.receive(&input, into: &output) else {
                        self.state = .handshaking(handshake)
                        return nil
                    }
                    let secured = SecuredConnection(
                        remotePeer: result.remotePeer, remotePublicKey: result.remotePublicKey,
                        security: Self.noiseProtocol, earlyMuxer: result.muxer != nil,
                        records: .noise(result.transport), plaintext: ByteBuffer())
                    if result.muxer == Self.yamuxProtocol {
                        self.state = .ended
                        self.stage = .secured
                        return secured
                    }
                    try self.startMuxerNegotiation(secured, into: &output, now: now)

                case .negotiatingMuxer(var negotiation, var secured):
                    let before = secured.plaintext.readableBytes
                    let count = try secured.records.open(&input, into: &secured.plaintext)
                    if secured.plaintext.readableBytes == before { self.emptyRecords += count }
                    guard self.emptyRecords <= RecordLayer.maximumEmpty else {
                        throw HostError(.protocolViolation, "too many empty records")
                    }
                    var reply = ByteBuffer()
                    let name = try negotiation.receive(
                        &secured.plaintext, into: &reply, accepting: Self.yamuxProtocol)
                    if reply.readableBytes > 0 { try secured.records.seal(&reply, into: &output) }
                    guard name != nil else {
                        self.state = .negotiatingMuxer(negotiation, secured)
                        return nil
                    }
                    self.state = .ended
                    self.stage = .secured
                    return secured

                case .ended:
                    return nil
                }
            }
        } catch let error as HostError {
            self.state = .ended
            throw error
        } catch let error as MultistreamError {
            self.state = .ended
            throw HostError(
                error.code == .noCommonProtocol ? .noCommonProtocol : .protocolViolation,
                "the other side and this one found no protocol for the connection", cause: error)
        } catch {
            self.state = .ended
            throw HostError(.handshakeFailed, "the security handshake failed", cause: error)
        }
    }

    private mutating func startMuxerNegotiation(
        _ secured: SecuredConnection, into output: inout ByteBuffer, now: NIODeadline
    ) throws(NoiseError) {
        var secured = secured
        var first = ByteBuffer()
        var negotiation: Negotiation =
            self.isDialer
            ? .initiator(MultistreamInitiator(protocols: [Self.yamuxProtocol]))
            : .responder(MultistreamResponder())
        negotiation.start(into: &first)
        try secured.records.seal(&first, into: &output)
        self.state = .negotiatingMuxer(negotiation, secured)
        self.stage = .muxerNegotiation
        self.deadline = now + self.timeouts.negotiation
    }
}

/// What an upgrade leads to.
struct SecuredConnection {
    let remotePeer: PeerID
    let remotePublicKey: PublicKey
    let security: String
    let earlyMuxer: Bool
    var records: RecordLayer
    /// Bytes of the multiplexer that came with the end of the negotiation.
    var plaintext: ByteBuffer
}

/// What turns the multiplexer's bytes into the transport's and back.
enum RecordLayer {
    case noise(NoiseTransport)
    /// No security of its own: none is set up yet, or the transport below provides it.
    case plaintext

    /// How many records without content may come before something that has content.
    ///
    /// They are legal, but a peer that sends nothing else does no work for what it costs.
    static let maximumEmpty = 1024

    mutating func seal(_ plaintext: inout ByteBuffer, into output: inout ByteBuffer) throws(NoiseError) {
        switch self {
        case .noise(var transport):
            // The case is rewritten around the call so that the transport is mutated in place, not copied.
            defer { self = .noise(transport) }
            try transport.seal(&plaintext, into: &output)
        case .plaintext: output.writeBuffer(&plaintext)
        }
    }

    /// How many bytes `input`, which begins with a record, lacks until it holds all of it, or its length.
    ///
    /// 0 if the record is whole.
    func missing(in input: ByteBuffer) -> Int {
        switch self {
        case .noise: NoiseTransport.missing(in: input)
        case .plaintext: 0
        }
    }

    /// Opens every whole record of `input`; returns how many there were.
    mutating func open(_ input: inout ByteBuffer, into output: inout ByteBuffer) throws(NoiseError) -> Int {
        switch self {
        case .noise(var transport):
            defer { self = .noise(transport) }
            return try transport.open(&input, into: &output)
        case .plaintext:
            output.writeBuffer(&input)
            return 1
        }
    }
}
