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

import ArgumentParser
import Glueberry
import LibP2P
import Multiformats
import NIOCore
import PeerIdentity

/// `glueberry chat`: talk with peers.
struct ChatCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat",
        abstract: "Talk with a peer, or wait for peers to talk with.",
        discussion: """
            Each line of standard input goes to everybody who is here. Without an address the command waits and prints \
            what others have to type to join. /who lists who is here, /quit or Ctrl-D ends.
            """)

    @Argument(help: "The address of a peer that waits.")
    var address: String?
    @Option(
        help: "Where to listen, separated by commas (default: /ip4/0.0.0.0/tcp/0 without an address, else nowhere).")
    var listen: String?
    @Option(help: "The key file, made if it is not there (default: a fresh key).")
    var key: String?
    @Option(help: "The name that others see.")
    var name: String?
    @Option(help: "The encrypted stream to talk on.")
    var stream = "chat"
    @OptionGroup var log: LogOptions

    func run() async throws {
        let target = try self.address.map(Addresses.peer)
        let listen = try Addresses.listening(self.listen ?? (target == nil ? "/ip4/0.0.0.0/tcp/0" : ""))
        let guests = Guests()
        let signals = await Interruption.stream()
        var configuration = NodeConfiguration()
        configuration.handshake = .standard(
            StandardHandshake(hello: Array((self.name ?? "").utf8), streams: [self.stream]) { peer, _, hello in
                guests.introduce(peer, hello)
                return true
            })
        configuration.reconnectAttempts = 0
        let node: Node
        do {
            node = try Node(
                identity: try Addresses.identity(self.key), listen: listen, configuration: configuration,
                logger: self.log.logger())
            try await node.start()
        } catch let error as GlueberryError {
            throw CommandFailure(Explanation.line(for: error))
        }
        do {
            try await self.talk(node, with: guests, target: target, until: signals)
        } catch {
            await node.stop()
            throw error
        }
        await node.stop()
    }

    private func talk(
        _ node: Node, with guests: Guests, target: (address: Multiaddr, peer: PeerID)?,
        until signals: AsyncStream<Int32>
    ) async throws {
        let addresses = node.advertisedAddresses
        StandardOutput.line("* you are \(node.peerID)")
        if !addresses.isEmpty { StandardOutput.line("* others join with:") }
        for address in addresses { StandardOutput.line("*   glueberry chat \(address)") }
        let events = try node.events()
        let stream = self.stream
        let (arrivals, arrived) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        let first = target.map { node.subscribeToEvents(of: [$0.peer]) }
        if let target { try await node.addPeer(target.peer, addresses: [target.address]) }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await _ in signals { return true }
                return false
            }
            group.addTask {
                for await event in events {
                    StandardOutput.line("* \(guests.name(of: event.peer)): \(event.state)\(Self.reason(event))")
                    switch event.state {
                    case .established:
                        guests.enter(event.peer)
                        arrived.yield()
                    case .disconnected, .cooldown: guests.leave(event.peer)
                    default: break
                    }
                }
                return false
            }
            group.addTask {
                for await message in try node.messages() {
                    let text = String(decoding: message.payload.readableBytesView, as: UTF8.self)
                    StandardOutput.line("<\(guests.name(of: message.peer))> \(TerminalText.line(text))")
                }
                return false
            }
            group.addTask {
                // Only the first session has to come about; later ones are tried for again and again.
                if let first { try await Session.establish(first, limit: .seconds(120)) }
                // What is piped in waits for somebody to hear it.
                for await _ in arrivals { break }
                return await Self.speak(node, stream, to: guests)
            }
            defer { group.cancelAll() }
            while let isEnd = try await group.next() {
                if isEnd { break }
            }
        }
    }

    private static func reason(_ event: ConnectionEvent) -> String {
        event.error.map { " (\(Explanation.line(for: $0)))" } ?? ""
    }

    /// Sends what is typed; true at the end of it.
    private static func speak(_ node: Node, _ stream: String, to guests: Guests) async -> Bool {
        let input = StandardInput()
        while let line = await input.nextText() {
            switch line {
            case "/quit": return true
            case "/who":
                let names = guests.present.map { "\(guests.name(of: $0)) \($0)" }
                StandardOutput.line("* here: \(names.isEmpty ? "nobody" : names.joined(separator: ", "))")
            case "": break
            default:
                let present = guests.present
                if present.isEmpty { StandardOutput.line("* nobody is here to read that") }
                for peer in present {
                    do {
                        try await node.send(ByteBuffer(string: line), to: peer, on: stream)
                    } catch {
                        StandardOutput.line("* not sent to \(guests.name(of: peer)): \(Explanation.line(for: error))")
                    }
                }
            }
        }
        return !Task.isCancelled
    }
}

/// Who is here, and what they call themselves.
final class Guests: Sendable {
    /// Names that are remembered.
    private static let maximumNames = 1024
    private static let maximumNameLength = 32

    private struct State {
        var names: [PeerID: String] = [:]
        var present: [PeerID] = []
    }

    private let state = Locked(State())

    /// Whoever the lines go to.
    var present: [PeerID] { self.state.withLock { $0.present } }

    /// Remembers what a peer calls itself.
    func introduce(_ peer: PeerID, _ hello: [UInt8]) {
        let name = TerminalText.line(String(decoding: hello.prefix(256), as: UTF8.self), limit: Self.maximumNameLength)
        self.state.withLock { state in
            if state.names.count >= Self.maximumNames {
                state.names = state.names.filter { state.present.contains($0.key) }
            }
            state.names[peer] = name.isEmpty ? nil : name
        }
    }

    func enter(_ peer: PeerID) { self.state.withLock { if !$0.present.contains(peer) { $0.present.append(peer) } } }

    func leave(_ peer: PeerID) { self.state.withLock { $0.present.removeAll { $0 == peer } } }

    /// What a peer calls itself, and the end of its ID, since anybody can take any name.
    func name(of peer: PeerID) -> String {
        let end = "…" + "\(peer)".suffix(6)
        return self.state.withLock { $0.names[peer] }.map { "\($0) \(end)" } ?? end
    }
}
