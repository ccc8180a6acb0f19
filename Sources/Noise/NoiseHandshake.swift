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

public import Crypto
public import NIOCore
public import PeerIdentity

/// The Noise handshake of libp2p, as a value without a connection of its own.
///
/// The protocol is `Noise_XX_25519_ChaChaPoly_SHA256` with an empty prologue, and its multistream-select name is
/// `/noise`. Follows the libp2p specifications "noise" and "Stream multiplexer negotiation in security handshake".
///
/// Call ``start(into:)`` once and send its output; then give ``receive(_:into:)`` what arrives, and send its output,
/// until it returns a result. At most one frame of about 4 KiB waits in the input. Any error is final, and the
/// connection is to be closed.
///
/// The keys given are held by swift-crypto, which overwrites them with zeros when the last copy goes away.
public struct NoiseHandshake: Sendable {
    /// The name of the protocol for multistream-select.
    public static let protocolID = "/noise"

    /// The side of the handshake; the peer that dialled is the initiator.
    public enum Role: Sendable {
        /// The side that sends the first message.
        case initiator
        /// The side that waits for it.
        case responder
    }

    private enum State: Sendable {
        case initiatorNotStarted(NoiseXX)
        case awaitingMessage2(NoiseXX)
        case awaitingMessage1(NoiseXX)
        case awaitingMessage3(NoiseXX)
        case finished
        case failed(NoiseError)
    }

    private let ownPayload: [UInt8]
    private let muxers: [String]
    private let expectedPeer: PeerID?
    private var state: State

    /// Prepares a handshake and signs the static key.
    ///
    /// - Parameters:
    ///   - role: The side of the handshake.
    ///   - identity: Our identity.
    ///   - staticKey: A key made for Noise alone; it may serve for many handshakes.
    ///   - ephemeralKey: A key made at random for this handshake alone.
    ///   - expectedPeer: The only peer to accept at the other end; nil accepts every peer that proves its identity.
    ///   - muxers: The stream muxers to offer in the handshake, best first; empty offers none.
    /// - Throws: `NoiseError` with the code `signingFailed`, or `malformedPayload` if the muxers' names are too long.
    public init(
        role: Role,
        identity: Identity,
        staticKey: Curve25519.KeyAgreement.PrivateKey,
        ephemeralKey: Curve25519.KeyAgreement.PrivateKey,
        expectedPeer: PeerID?,
        muxers: [String]
    ) throws(NoiseError) {
        let payload = try NoiseIdentityPayload.make(
            identity: identity,
            staticKey: Array(staticKey.publicKey.rawRepresentation),
            muxers: muxers
        )
        self.init(
            role: role,
            ownPayload: payload,
            staticKey: staticKey,
            ephemeralKey: ephemeralKey,
            expectedPeer: expectedPeer,
            muxers: muxers
        )
    }

    /// Prepares a handshake with a payload made before, which a test may have made wrong.
    init(
        role: Role,
        ownPayload: [UInt8],
        staticKey: Curve25519.KeyAgreement.PrivateKey,
        ephemeralKey: Curve25519.KeyAgreement.PrivateKey,
        expectedPeer: PeerID?,
        muxers: [String]
    ) {
        let pattern = NoiseXX(
            isInitiator: role == .initiator,
            staticKey: staticKey,
            ephemeralKey: ephemeralKey,
            prologue: []
        )
        self.ownPayload = ownPayload
        self.muxers = muxers
        self.expectedPeer = expectedPeer
        self.state = role == .initiator ? .initiatorNotStarted(pattern) : .awaitingMessage1(pattern)
    }

    /// Appends the first message to `output` if this is the initiator; a responder has nothing to say yet.
    ///
    /// - Throws: `NoiseError` with the code `invalidState` if the handshake has been started before.
    public mutating func start(into output: inout ByteBuffer) throws(NoiseError) {
        switch self.state {
        case .initiatorNotStarted(var pattern):
            let message = try pattern.writeMessage(payload: [])
            try NoiseFrame.write(message, into: &output)
            self.state = .awaitingMessage2(pattern)
        case .awaitingMessage1:
            return
        case .awaitingMessage2, .awaitingMessage3, .finished:
            throw NoiseError(.invalidState, "the handshake has been started before")
        case .failed(let error):
            throw error
        }
    }

    /// Takes what arrived from the peer.
    ///
    /// - Parameters:
    ///   - input: Bytes of the peer. Whole frames of the handshake are consumed; part of a frame is left to be
    ///     completed, and what follows the handshake is left for ``NoiseTransport/open(_:into:)``.
    ///   - output: The next message is appended here if there is one; it is to be sent even when a result is returned.
    /// - Returns: The result, or nil if the peer has to send more.
    /// - Throws: `NoiseError`; later calls throw the same error. A handshake that has returned its result throws one
    ///   with the code `invalidState`.
    public mutating func receive(
        _ input: inout ByteBuffer,
        into output: inout ByteBuffer
    ) throws(NoiseError) -> NoiseResult? {
        do throws(NoiseError) {
            return try self.advance(&input, into: &output)
        } catch {
            self.state = .failed(error)
            throw error
        }
    }

    private mutating func advance(
        _ input: inout ByteBuffer,
        into output: inout ByteBuffer
    ) throws(NoiseError) -> NoiseResult? {
        while true {
            switch self.state {
            case .initiatorNotStarted:
                return nil
            case .awaitingMessage1(var pattern):
                guard let message = try Self.readFrame(&input, emptyLength: NoiseXX.message1Length) else { return nil }
                // No payload is defined for message 1; one that is there has been hashed and means nothing.
                _ = try pattern.readMessage(message)
                let answer = try pattern.writeMessage(payload: self.ownPayload)
                try NoiseFrame.write(answer, into: &output)
                self.state = .awaitingMessage3(pattern)
            case .awaitingMessage2(var pattern):
                guard let message = try Self.readFrame(&input, emptyLength: NoiseXX.message2Length) else { return nil }
                let remote = try self.readIdentity(message, with: &pattern)
                let answer = try pattern.writeMessage(payload: self.ownPayload)
                let muxer = NoiseIdentityPayload.commonMuxer(initiator: self.muxers, responder: remote.muxers)
                let result = try Self.result(of: pattern, remote: remote, muxer: muxer)
                try NoiseFrame.write(answer, into: &output)
                self.state = .finished
                return result
            case .awaitingMessage3(var pattern):
                guard let message = try Self.readFrame(&input, emptyLength: NoiseXX.message3Length) else { return nil }
                let remote = try self.readIdentity(message, with: &pattern)
                let muxer = NoiseIdentityPayload.commonMuxer(initiator: remote.muxers, responder: self.muxers)
                let result = try Self.result(of: pattern, remote: remote, muxer: muxer)
                self.state = .finished
                return result
            case .finished:
                throw NoiseError(.invalidState, "the handshake is finished")
            case .failed(let error):
                throw error
            }
        }
    }

    private static func readFrame(_ input: inout ByteBuffer, emptyLength: Int) throws(NoiseError) -> [UInt8]? {
        try NoiseFrame.read(from: &input, lengths: emptyLength...(emptyLength + NoiseIdentityPayload.maximumLength))
    }

    private func readIdentity(
        _ message: [UInt8],
        with pattern: inout NoiseXX
    ) throws(NoiseError) -> NoiseIdentityPayload {
        let payload = try pattern.readMessage(message)
        guard let remoteStatic = pattern.remoteStatic else {
            throw NoiseError(.invalidState, "the static key of the peer is not known yet")
        }
        return try NoiseIdentityPayload(payload, staticKey: remoteStatic, expectedPeer: self.expectedPeer)
    }

    private static func result(
        of pattern: NoiseXX,
        remote: NoiseIdentityPayload,
        muxer: String?
    ) throws(NoiseError) -> NoiseResult {
        let split = try pattern.split()
        return NoiseResult(
            remotePeer: remote.peer,
            remotePublicKey: remote.publicKey,
            muxer: muxer,
            handshakeHash: split.handshakeHash,
            transport: NoiseTransport(
                sending: NoiseCipherState(key: split.sending),
                receiving: NoiseCipherState(key: split.receiving)
            )
        )
    }
}
