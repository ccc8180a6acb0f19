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

public import PeerIdentity

/// The ready-made handshake: both sides say hello, exchange their public keys, and tell each other that they are done.
///
/// A message is one type byte and a body: `1` Hello with a free body, `2` PubKey with the 32 bytes of an Ed25519 key, `3`
/// Complete without a body. It is the handshake of the original's documentation, so both can be mixed in a network.
public struct StandardHandshake: Sendable {
    /// What the hello carries, for example a name; 4,096 bytes at most.
    public var hello: [UInt8]
    /// The encrypted streams to prepare.
    public var streams: [String]
    /// Decides whether to talk to a peer, given its key and the body of its hello; nil lets everybody in.
    ///
    /// It runs in a task of its own and may take until the handshake's deadline.
    public var verify: (@Sendable (PeerID, PublicKey, _ hello: [UInt8]) async -> Bool)?

    /// Creates the handshake.
    public init(
        hello: [UInt8] = [], streams: [String],
        verify: (@Sendable (PeerID, PublicKey, _ hello: [UInt8]) async -> Bool)? = nil
    ) {
        self.hello = hello
        self.streams = streams
        self.verify = verify
    }
}

/// One run of the standard handshake, as a value.
struct StandardHandshakeRun {
    enum Output: Equatable {
        case send([UInt8])
        /// Ask whether the peer with this key is welcome, then call ``verified()``.
        case verify(key: PublicKey, hello: [UInt8])
        /// The handshake is complete on both sides.
        case finalize
        case fail(String)
    }

    private enum Kind {
        static let hello: UInt8 = 1
        static let publicKey: UInt8 = 2
        static let complete: UInt8 = 3
    }

    static let maximumHelloLength = 4096
    static let maximumMessageLength = 1 + maximumHelloLength
    /// Hellos of the other side that are answered: implementations differ in how often they send it.
    private static let maximumAnswers = 8

    private enum Local {
        case waitingForKey
        case verifying
        case prepared
        case complete
        case failed
    }

    private let remotePeer: PeerID
    private let hello: [UInt8]
    private let publicKey: [UInt8]
    private var local = Local.waitingForKey
    private var hasSentHello = false
    private var answers = 0
    private var remoteHello: [UInt8] = []
    private var isRemoteComplete = false

    init(localKey: PublicKey, remotePeer: PeerID, hello: [UInt8]) {
        self.publicKey = localKey.bytes
        self.remotePeer = remotePeer
        self.hello = Array(hello.prefix(Self.maximumHelloLength))
    }

    mutating func start() -> [Output] { self.helloOnce() }

    mutating func receive(_ message: [UInt8]) -> [Output] {
        guard let kind = message.first else { return self.fail("an empty handshake message") }
        let body = Array(message.dropFirst())
        switch kind {
        case Kind.hello: return self.receiveHello(body)
        case Kind.publicKey: return self.receiveKey(body)
        case Kind.complete: return self.remoteCompleted()
        default: return self.fail("a handshake message of unknown type \(kind)")
        }
    }

    /// The peer is welcome and its streams are prepared.
    mutating func verified() -> [Output] {
        guard case .verifying = self.local else { return [] }
        self.local = .prepared
        return [.send([Kind.complete])] + self.finalizeIfComplete()
    }

    /// The peer is not welcome, or its streams cannot be prepared.
    mutating func refused(because reason: String) -> [Output] { self.fail(reason) }

    /// The other side has shown that it is done: by saying so, or by using an encrypted stream.
    mutating func remoteCompleted() -> [Output] {
        self.isRemoteComplete = true
        return self.finalizeIfComplete()
    }

    private mutating func receiveHello(_ body: [UInt8]) -> [Output] {
        guard body.count <= Self.maximumHelloLength else {
            return self.fail("a hello of \(body.count) bytes is too long")
        }
        self.remoteHello = body
        guard self.answers < Self.maximumAnswers else { return [] }
        self.answers += 1
        var outputs = self.helloOnce() + [.send([Kind.publicKey] + self.publicKey)]
        // One who greets us this late has begun anew, and waits for the end as well.
        if self.isPrepared { outputs.append(.send([Kind.complete])) }
        return outputs
    }

    private mutating func receiveKey(_ body: [UInt8]) -> [Output] {
        guard case .waitingForKey = self.local else { return [] }
        guard let key = try? PublicKey(ed25519: body), PeerID(publicKey: key) == self.remotePeer else {
            return self.fail("the public key is not the one of the peer's ID")
        }
        self.local = .verifying
        // One who sends its key without having been greeted still needs ours.
        var outputs: [Output] = []
        if self.answers == 0 {
            self.answers += 1
            outputs = self.helloOnce() + [.send([Kind.publicKey] + self.publicKey)]
        }
        return outputs + [.verify(key: key, hello: self.remoteHello)]
    }

    private var isPrepared: Bool { self.local == .prepared || self.local == .complete }

    private mutating func helloOnce() -> [Output] {
        guard !self.hasSentHello else { return [] }
        self.hasSentHello = true
        return [.send([Kind.hello] + self.hello)]
    }

    private mutating func finalizeIfComplete() -> [Output] {
        guard case .prepared = self.local, self.isRemoteComplete else { return [] }
        self.local = .complete
        return [.finalize]
    }

    private mutating func fail(_ reason: String) -> [Output] {
        guard self.local != .complete, self.local != .failed else { return [] }
        self.local = .failed
        return [.fail(reason)]
    }
}
