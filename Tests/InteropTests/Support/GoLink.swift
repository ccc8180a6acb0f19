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
import LibP2P
import Multiformats
import NIOCore
import PeerIdentity
import Testing

/// The two implementations.
enum Side: String, CaseIterable, Sendable {
    case swift = "Swift"
    case go = "Go"

    var other: Side { self == .swift ? .go : .swift }
}

/// How a Swift host and a Go daemon come to be connected.
struct GoLink: Sendable, CustomTestStringConvertible {
    var security: GoDaemon.Security
    var dialer: Side

    static let all = GoDaemon.Security.allCases.flatMap { security in
        Side.allCases.map { GoLink(security: security, dialer: $0) }
    }

    var testDescription: String { "\(dialer.rawValue) dials, Go with \(security.rawValue)" }

    /// Starts both, connects them, runs `body`, and stops both whatever happens.
    func run(_ body: (GoPair) async throws -> Void) async throws {
        try await GoDaemon.run(security: security) { daemon in
            let host = Host(identity: Identity.generate())
            do {
                try await host.listen(on: [Multiaddr("/ip4/127.0.0.1/tcp/0")])
                let connection = try await connect(host, daemon)
                try await body(GoPair(daemon: daemon, host: host, connection: connection))
            } catch {
                await host.stop()
                throw error
            }
            await host.stop()
        }
    }

    private func connect(_ host: Host, _ daemon: GoDaemon) async throws -> Connection {
        let peerID = try PeerID(bytes: daemon.peerID)
        switch dialer {
        case .swift:
            let addresses = try daemon.addresses.map { try Multiaddr(bytes: $0) }
            let connection = try await host.connect(to: peerID, addresses: addresses)
            // The dialer may be done before the listener, which then could not open streams yet.
            try await eventually {
                try await daemon.control.connectedPeers().contains(host.peerID.bytes) ? () : nil
            }
            return connection
        case .go:
            try await daemon.control.connect(to: host.peerID.bytes, addresses: host.listenAddresses.map(\.bytes))
            // The dialer may be done before the listener.
            return try await eventually { host.connections(to: peerID).first }
        }
    }
}

/// A connected Swift host and Go daemon.
struct GoPair: Sendable {
    var daemon: GoDaemon
    var host: Host
    var connection: Connection

    func openStream(_ protocolID: String, by side: Side) async throws -> any InteropStream {
        switch side {
        case .swift:
            HostStream(stream: try await connection.openStream(protocols: [protocolID]))
        case .go:
            try await daemon.control.openStream(to: host.peerID.bytes, protocols: [protocolID])
        }
    }

    /// Serves each incoming stream of a protocol on one side while `body` runs.
    func serving(
        _ protocolID: String,
        on side: Side,
        with handler: @escaping @Sendable (any InteropStream) async throws -> Void,
        while body: () async throws -> Void
    ) async throws {
        switch side {
        case .swift:
            host.handle(protocolID) { stream in
                try? await handler(HostStream(stream: stream))
            }
            defer { host.removeHandler(protocolID) }
            try await body()
        case .go:
            try await InteropTests.serving(protocolID, on: daemon, with: handler, while: body)
        }
    }

    /// Opens a stream by one side and gives both of its ends to `body`.
    func withBothEnds(
        of protocolID: String,
        openedBy side: Side,
        _ body: (_ swift: HostStream, _ go: GoDaemonStream) async throws -> Void
    ) async throws {
        switch side {
        case .swift:
            var incoming = try await daemon.control.streams(of: protocolID).makeAsyncIterator()
            let swift = HostStream(stream: try await connection.openStream(protocols: [protocolID]))
            let go = try #require(try await incoming.next())
            try await body(swift, go)
            await go.bytes.close()
        case .go:
            let (streams, continuation) = AsyncStream.makeStream(of: HostStream.self)
            let (ended, end) = AsyncStream.makeStream(of: Never.self)
            host.handle(protocolID) { stream in
                continuation.yield(HostStream(stream: stream))
                // The stream lives until its handler returns.
                for await _ in ended {}
            }
            defer {
                host.removeHandler(protocolID)
                end.finish()
            }
            let go = try await daemon.control.openStream(to: host.peerID.bytes, protocols: [protocolID])
            var incoming = streams.makeAsyncIterator()
            try await body(#require(await incoming.next()), go)
            await go.bytes.close()
        }
    }

    /// A fresh stream still echoes in each direction.
    func expectEchoBothWays(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        for side in Side.allCases {
            // p2pd takes a handler for a protocol only once.
            let protocolID = "/glueberry-test/echo-check-\(UInt64.random(in: 0 ... .max))/1.0.0"
            try await serving(protocolID, on: side.other, with: echoUntilEnd) {
                let stream = try await openStream(protocolID, by: side)
                let payload = SplitMix64.bytes(100_000, seed: 99)
                let echoed = try await stream.exchange(payload)
                #expect(digest(echoed) == digest(payload), sourceLocation: sourceLocation)
                await stream.finish()
            }
        }
    }
}

/// A stream of a Swift host.
struct HostStream: InteropStream {
    var stream: LibP2P.Stream

    func read() async throws -> ByteBuffer? {
        try await stream.read()
    }

    func write(_ bytes: ByteBuffer) async throws {
        try await stream.write(bytes)
    }

    func finish() async {
        await stream.finish()
    }

    /// Reads until the other side has ended the stream, and says how.
    ///
    /// A stream that is finished has to bring exactly the payload, and to stay at its end.
    func end(after payload: ByteBuffer) async throws -> StreamEnd {
        do {
            let received = try await readToEnd()
            #expect(digest(received) == digest(payload))
            #expect(try await read() == nil)
            return .finished
        } catch let error as HostError where error.code == .reset {
            return .reset
        }
    }
}

/// How the other side ended a stream.
enum StreamEnd {
    case finished
    case reset
}
