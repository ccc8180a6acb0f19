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
import Crypto

/// The handshake pattern XX of the Noise Protocol Framework, section 7.5, with 25519, ChaChaPoly and SHA256.
///
/// ```
/// 1  -> e
/// 2  <- e, ee, s, es
/// 3  -> s, se
/// ```
///
/// This type knows nothing of libp2p: prologue and payloads are the caller's, and messages are without a frame. Any
/// error is final.
struct NoiseXX: Sendable {
    typealias PrivateKey = Curve25519.KeyAgreement.PrivateKey

    /// A public key as it was received; its bytes are what is hashed.
    struct RemoteKey: Sendable {
        let bytes: [UInt8]
        let key: Curve25519.KeyAgreement.PublicKey
    }

    /// The length of a public key, in bytes.
    static let keyLength = 32

    /// The length of message 1 with an empty payload, in bytes.
    static let message1Length = keyLength

    /// The length of message 2 with an empty payload, in bytes.
    static let message2Length = keyLength + keyLength + ChaCha20Poly1305Key.tagLength + ChaCha20Poly1305Key.tagLength

    /// The length of message 3 with an empty payload, in bytes.
    static let message3Length = keyLength + ChaCha20Poly1305Key.tagLength + ChaCha20Poly1305Key.tagLength

    private enum State: Sendable {
        case writesMessage1
        case awaitsMessage2
        case writesMessage3(remoteEphemeral: RemoteKey, remoteStatic: RemoteKey)

        case awaitsMessage1
        case writesMessage2(remoteEphemeral: RemoteKey)
        case awaitsMessage3

        case finished(remoteStatic: RemoteKey, isInitiator: Bool)
        case failed
    }

    /// What is left when the handshake is finished.
    struct Split {
        let sending: ChaCha20Poly1305Key
        let receiving: ChaCha20Poly1305Key
        let handshakeHash: [UInt8]
    }

    private let staticKey: PrivateKey
    private let ephemeralKey: PrivateKey
    private var symmetric: NoiseSymmetricState
    private var state: State

    init(isInitiator: Bool, staticKey: PrivateKey, ephemeralKey: PrivateKey, prologue: [UInt8]) {
        self.staticKey = staticKey
        self.ephemeralKey = ephemeralKey
        self.symmetric = NoiseSymmetricState(prologue: prologue)
        self.state = isInitiator ? .writesMessage1 : .awaitsMessage1
    }

    /// The static public key of the peer, known once the message with it has been read.
    var remoteStatic: [UInt8]? {
        switch self.state {
        case .writesMessage3(_, let remoteStatic), .finished(let remoteStatic, _): return remoteStatic.bytes
        case .writesMessage1, .awaitsMessage2, .awaitsMessage1, .writesMessage2, .awaitsMessage3, .failed: return nil
        }
    }

    /// Makes the next message, which is this side's to send.
    mutating func writeMessage(payload: [UInt8]) throws(NoiseError) -> [UInt8] {
        let state = self.state
        self.state = .failed
        var message: [UInt8] = []
        switch state {
        case .writesMessage1:
            self.writeEphemeral(into: &message)
            try self.symmetric.encryptAndHash(payload, into: &message)
            self.state = .awaitsMessage2
        case .writesMessage2(let remoteEphemeral):
            self.writeEphemeral(into: &message)
            try self.symmetric.mixKey(Self.agree(self.ephemeralKey, remoteEphemeral))
            try self.symmetric.encryptAndHash(Array(self.staticKey.publicKey.rawRepresentation), into: &message)
            try self.symmetric.mixKey(Self.agree(self.staticKey, remoteEphemeral))
            try self.symmetric.encryptAndHash(payload, into: &message)
            self.state = .awaitsMessage3
        case .writesMessage3(let remoteEphemeral, let remoteStatic):
            try self.symmetric.encryptAndHash(Array(self.staticKey.publicKey.rawRepresentation), into: &message)
            try self.symmetric.mixKey(Self.agree(self.staticKey, remoteEphemeral))
            try self.symmetric.encryptAndHash(payload, into: &message)
            self.state = .finished(remoteStatic: remoteStatic, isInitiator: true)
        case .awaitsMessage1, .awaitsMessage2, .awaitsMessage3, .finished, .failed:
            throw NoiseError(.invalidState, "no handshake message is to be written now")
        }
        return message
    }

    /// Takes the next message of the peer and returns the payload in it.
    mutating func readMessage(_ message: [UInt8]) throws(NoiseError) -> [UInt8] {
        let state = self.state
        self.state = .failed
        var rest = message[...]
        let payload: [UInt8]
        switch state {
        case .awaitsMessage1:
            let remoteEphemeral = try self.readEphemeral(&rest)
            payload = try self.symmetric.decryptAndHash(Array(rest))
            self.state = .writesMessage2(remoteEphemeral: remoteEphemeral)
        case .awaitsMessage2:
            let remoteEphemeral = try self.readEphemeral(&rest)
            try self.symmetric.mixKey(Self.agree(self.ephemeralKey, remoteEphemeral))
            let remoteStatic = try self.readStatic(&rest)
            try self.symmetric.mixKey(Self.agree(self.ephemeralKey, remoteStatic))
            payload = try self.symmetric.decryptAndHash(Array(rest))
            self.state = .writesMessage3(remoteEphemeral: remoteEphemeral, remoteStatic: remoteStatic)
        case .awaitsMessage3:
            let remoteStatic = try self.readStatic(&rest)
            try self.symmetric.mixKey(Self.agree(self.ephemeralKey, remoteStatic))
            payload = try self.symmetric.decryptAndHash(Array(rest))
            self.state = .finished(remoteStatic: remoteStatic, isInitiator: false)
        case .writesMessage1, .writesMessage2, .writesMessage3, .finished, .failed:
            throw NoiseError(.invalidState, "no handshake message is to be read now")
        }
        return payload
    }

    /// Makes the keys of a finished handshake.
    func split() throws(NoiseError) -> Split {
        guard case .finished(_, let isInitiator) = self.state else {
            throw NoiseError(.invalidState, "the handshake is not finished")
        }
        let (initiators, responders) = try self.symmetric.split()
        return Split(
            sending: isInitiator ? initiators : responders,
            receiving: isInitiator ? responders : initiators,
            handshakeHash: self.symmetric.hash
        )
    }

    private mutating func writeEphemeral(into message: inout [UInt8]) {
        let bytes = Array(self.ephemeralKey.publicKey.rawRepresentation)
        message.append(contentsOf: bytes)
        self.symmetric.mixHash(bytes)
    }

    private mutating func readEphemeral(_ rest: inout ArraySlice<UInt8>) throws(NoiseError) -> RemoteKey {
        let bytes = try Self.take(Self.keyLength, from: &rest)
        self.symmetric.mixHash(bytes)
        return try Self.remoteKey(bytes)
    }

    private mutating func readStatic(_ rest: inout ArraySlice<UInt8>) throws(NoiseError) -> RemoteKey {
        let bytes = try Self.take(Self.keyLength + ChaCha20Poly1305Key.tagLength, from: &rest)
        return try Self.remoteKey(self.symmetric.decryptAndHash(bytes))
    }

    private static func take(_ length: Int, from rest: inout ArraySlice<UInt8>) throws(NoiseError) -> [UInt8] {
        guard rest.count >= length else {
            throw NoiseError(.invalidLength, "a handshake message ends before its keys do")
        }
        defer { rest = rest.dropFirst(length) }
        return Array(rest.prefix(length))
    }

    private static func remoteKey(_ bytes: [UInt8]) throws(NoiseError) -> RemoteKey {
        do {
            return RemoteKey(bytes: bytes, key: try Curve25519.KeyAgreement.PublicKey(rawRepresentation: bytes))
        } catch {
            throw NoiseError(.invalidPublicKey, "a public key of the peer is not one of X25519", cause: error)
        }
    }

    /// X25519 (RFC 7748, section 6.1) with the check for a shared secret of zeros, which a public key of low order
    /// leads to and which not every backend of swift-crypto makes.
    private static func agree(_ own: PrivateKey, _ remote: RemoteKey) throws(NoiseError) -> SymmetricKey {
        let secret: SharedSecret
        do {
            secret = try own.sharedSecretFromKeyAgreement(with: remote.key)
        } catch {
            throw NoiseError(.invalidPublicKey, "a public key of the peer is refused by X25519", cause: error)
        }
        guard secret.withUnsafeBytes({ $0.reduce(0, |) }) != 0 else {
            throw NoiseError(.invalidPublicKey, "a public key of the peer is of low order")
        }
        return SymmetricKey(data: secret)
    }
}
