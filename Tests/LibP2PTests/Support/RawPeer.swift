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

import NIOCore
import NIOEmbedded
import Noise
import PeerIdentity
import Testing
import Yamux

@testable import LibP2P

/// A connection handler and, at the other end of it, a peer of values: it does what the protocols ask for, and
/// whatever else the test wants.
final class RawPeer {
    let side: HandlerSide
    let delegate: FakeDelegate
    let loop: EmbeddedEventLoop
    let keys: SeededKeys
    var session: YamuxSession
    private(set) var secured: SecuredConnection?
    private(set) var events: [YamuxEvent] = []
    private(set) var received: [YamuxStreamID: ByteBuffer] = [:]
    /// Whether the peer gives back to the window what it is sent.
    var isConsuming = true
    private var upgrade: ConnectionUpgrade
    private var input = ByteBuffer()

    /// A peer that has not said anything yet; the handler is the dialer or the listener, with a host's place taken by
    /// ``delegate`` unless another is given.
    init(
        isHandlerDialer: Bool = false, muxers: [String] = [ConnectionUpgrade.yamuxProtocol],
        delegate other: (any ConnectionDelegate)? = nil, configure: (inout HostConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = HostConfiguration()
        configure(&configuration)
        self.loop = EmbeddedEventLoop()
        self.delegate = FakeDelegate(limits: configuration.limits)
        self.keys = try SeededKeys(2)
        self.side = try HandlerSide(
            isDialer: isHandlerDialer, keys: SeededKeys(1),
            expecting: isHandlerDialer ? self.keys.identity.peerID : nil,
            delegate: other ?? self.delegate, configuration: configuration, loop: self.loop)
        self.upgrade = ConnectionUpgrade(
            isDialer: !isHandlerDialer,
            handshake: try self.keys.handshake(
                isHandlerDialer ? .responder : .initiator, muxers: muxers),
            timeouts: HostTimeouts(), now: self.loop.now)
        self.session = YamuxSession(role: isHandlerDialer ? .server : .client, now: self.loop.now)
    }

    /// A peer that has gone through the upgrade with the handler.
    static func connected(
        isHandlerDialer: Bool = false, delegate: (any ConnectionDelegate)? = nil,
        configure: (inout HostConfiguration) -> Void = { _ in }
    ) throws -> RawPeer {
        let peer = try RawPeer(isHandlerDialer: isHandlerDialer, delegate: delegate, configure: configure)
        try peer.connect()
        return peer
    }

    /// Goes through the upgrade.
    func connect() throws {
        var output = ByteBuffer()
        self.upgrade.start(into: &output)
        try self.side.give(Array(output.readableBytesView))
        try self.exchange()
    }

    /// What the peer sends first.
    func firstFlight() -> [UInt8] {
        var output = ByteBuffer()
        self.upgrade.start(into: &output)
        return Array(output.readableBytesView)
    }

    /// What the peer answers, during the upgrade, to all that the handler has sent.
    func nextFlight() throws -> [UInt8] {
        var output = ByteBuffer()
        self.input.writeBytes(try self.side.takeOutput())
        self.secured = try self.upgrade.receive(&self.input, into: &output, now: self.loop.now)
        return Array(output.readableBytesView)
    }

    /// Lets both talk until neither has anything to say.
    func exchange() throws { while try self.takeTurn() {} }

    /// Takes what the handler has sent, unless the peer is deaf for now, and says what there is to say once; false if that
    /// is nothing.
    @discardableResult
    func takeTurn(isDeaf: Bool = false) throws -> Bool {
        var output = ByteBuffer()
        if !isDeaf {
            self.input.writeBytes(try self.side.takeOutput())
            if self.secured == nil {
                self.secured = try self.upgrade.receive(&self.input, into: &output, now: self.loop.now)
            }
            try self.readRecords()
        }
        if self.secured != nil {
            var frames = ByteBuffer()
            while self.session.writeOutput(into: &frames, limit: frames.readableBytes + 256 * 1024) {}
            try self.secured?.records.seal(&frames, into: &output)
            // Tells the session that its bytes are gone, and makes it report them.
            self.readEvents()
        }
        guard output.readableBytes > 0 else { return false }
        try self.side.give(Array(output.readableBytesView))
        return true
    }

    /// Makes the handler open a stream of its own; a failure to do so is an issue of the test.
    func openFromHandler(_ protocols: [String], _ consumer: RecordingConsumer) throws {
        let connection = try #require(self.side.connection)
        connection.workHere {
            do throws(HostError) {
                try self.side.handler.openStream(protocols: protocols, consumer: consumer, connection: connection)
            } catch {
                Issue.record("\(error)")
            }
        }
    }

    /// Advances the time in steps, letting both talk after each.
    func advance(by time: TimeAmount, step: TimeAmount = .seconds(1)) throws {
        var left = time
        while left > .zero {
            let next = min(step, left)
            self.loop.advanceTime(by: next)
            try self.exchange()
            left = left - next
        }
    }

    /// Seals bytes, and hands them to the handler.
    func send(_ plaintext: [UInt8]) throws { try self.side.give(self.seal(plaintext)) }

    func seal(_ plaintext: [UInt8]) throws -> [UInt8] {
        var plaintext = ByteBuffer(bytes: plaintext)
        var output = ByteBuffer()
        try self.secured?.records.seal(&plaintext, into: &output)
        return Array(output.readableBytesView)
    }

    /// The records of what the session has to say, for the test to hand over.
    func sealedOutput() throws -> [UInt8] {
        var frames = ByteBuffer()
        while self.session.writeOutput(into: &frames, limit: frames.readableBytes + 256 * 1024) {}
        self.readEvents()
        return try self.seal(Array(frames.readableBytesView))
    }

    /// Opens a stream and proposes a protocol on it without waiting for the answer; a nil protocol proposes none.
    func open(_ protocolID: String?, then bytes: [UInt8] = []) throws -> YamuxStreamID {
        let id = try self.session.openStream(now: self.loop.now)
        if let protocolID {
            try self.write(MultistreamText.header + MultistreamText.token(protocolID) + bytes, on: id)
        }
        return id
    }

    func write(_ bytes: [UInt8], on id: YamuxStreamID) throws {
        try self.session.write(ByteBuffer(bytes: bytes), on: id)
    }

    func receivedBytes(on id: YamuxStreamID) -> [UInt8] { self.received[id].map { Array($0.readableBytesView) } ?? [] }

    /// The code with which the handler reset a stream; nil if it did not.
    func resetCode(of id: YamuxStreamID) -> UInt32? {
        for case .reset(id, let code) in self.events { return code }
        return nil
    }

    /// The code of the handler's GoAway; nil if there was none.
    var goAwayCode: UInt32? {
        for case .goAway(let code) in self.events { return code }
        return nil
    }

    private func readRecords() throws {
        guard self.secured != nil else { return }
        var plaintext = ByteBuffer()
        if let early = self.secured?.plaintext, early.readableBytes > 0 {
            plaintext.writeImmutableBuffer(early)
            self.secured?.plaintext.clear()
        }
        _ = try self.secured?.records.open(&self.input, into: &plaintext)
        self.session.receive(plaintext)
        self.readEvents()
    }

    private func readEvents() {
        while let event = self.session.nextEvent(now: self.loop.now) {
            self.events.append(event)
            guard case .data(let id, let bytes) = event else { continue }
            self.received[id, default: ByteBuffer()].writeImmutableBuffer(bytes)
            if self.isConsuming { self.session.consumed(bytes.readableBytes, on: id, now: self.loop.now) }
        }
    }
}
